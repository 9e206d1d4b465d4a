//! Whom the product is held against: agents that are simpler than it in one respect each. The
//! scenarios must be hard enough that every one of them falls short.

use tagout_core::alert::Alert;
use tagout_core::confidence::Confidence;
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_search::{Index, Mode, SearchOptions};

use crate::fault::Fault;
use crate::matching::{Matcher, Search, query};

/// An agent that is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// The product.
    Tagout,
    /// The product's triage and search, and a person for everything that fires.
    AlwaysEscalate,
    /// The best candidate of the product's search, always started.
    AlwaysProceed,
    /// The product, with a search that knows only names of alerts.
    AlertNameOnly,
    /// The product, with a search that knows only words.
    Bm25Only,
}

impl Agent {
    /// All agents, the product first.
    pub const ALL: [Self; 5] = [
        Self::Tagout,
        Self::AlwaysEscalate,
        Self::AlwaysProceed,
        Self::AlertNameOnly,
        Self::Bm25Only,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tagout => "tagout",
            Self::AlwaysEscalate => "always-escalate",
            Self::AlwaysProceed => "always-proceed",
            Self::AlertNameOnly => "alert-name-only",
            Self::Bm25Only => "bm25-only",
        }
    }

    /// The search that this agent uses.
    #[must_use]
    pub fn search(self, matcher: &Matcher) -> AgentSearch {
        AgentSearch { agent: self, matcher: matcher.clone() }
    }
}

/// The search of an agent.
#[derive(Debug, Clone)]
pub struct AgentSearch {
    agent: Agent,
    matcher: Matcher,
}

impl Search for AgentSearch {
    fn find(&mut self, alert: &Alert) -> Result<Findings, Fault> {
        let mut findings = self.matcher.find(alert)?;
        match self.agent {
            Agent::Tagout | Agent::AlwaysEscalate | Agent::AlwaysProceed => {}
            Agent::AlertNameOnly => {
                findings.candidates.retain_mut(|candidate| {
                    candidate.confidence = Confidence::ONE;
                    candidate.key == Some(ExactKey::AlertName)
                });
            }
            Agent::Bm25Only => findings.candidates = bm25(&self.matcher, alert),
        }
        Ok(findings)
    }
}

/// The best page by words alone. Its share of the best possible score stands in for a
/// confidence, and it believes in itself as much as an exact key would.
fn bm25(matcher: &Matcher, alert: &Alert) -> Vec<Candidate> {
    let index: &Index = matcher.index();
    let options = SearchOptions { mode: Mode::Full, keys: false, limit: index.len() };
    let found = index.search(matcher.embedder(), &query(alert), &options);
    let best = found.candidates.into_iter().max_by(|a, b| {
        let by_score = a.features.lexical.total_cmp(&b.features.lexical);
        by_score.then_with(|| b.id.cmp(&a.id))
    });
    best.into_iter()
        .filter(|best| best.features.lexical > 0.0)
        .map(|best| Candidate {
            runbook: best.id,
            confidence: Confidence::ONE,
            key: Some(ExactKey::AlertName),
            matched_terms: best.matched_terms,
            similarity: 0,
        })
        .collect()
}
