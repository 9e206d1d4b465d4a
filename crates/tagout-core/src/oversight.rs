//! The theater check and its arithmetic, from recorded events alone.
//!
//! People who approve everything within seconds protect nobody: the gate is a ceremony. This
//! file measures it. Three figures speak for a review that really happens: it takes time, it
//! sometimes says no, and it sometimes changes the plan. Only where all three are missing at
//! once, over enough answers, is the review called ceremonial.

mod estimate;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::estimate::{Latency, Rate};
use crate::approval::{Answer, Person, ReviewRequest};
use crate::digest::PlanDigest;
use crate::event::{Effectiveness, Event, VoidReason};
use crate::time::{Span, Time};

/// The least number of answers for a verdict; below it there is too little data.
///
/// Somebody who really reads, and says no to or changes at least one plan in twenty, gives
/// `n` approvals in a row with probability 0.95^n. That falls below 5 % at 59 answers; this
/// is the next round number. With fewer, an honest reviewer of good plans would be called
/// ceremonial too often.
pub const MINIMUM_ANSWERS: u64 = 60;

/// A median latency below this is too short for reading a plan.
pub const CEREMONIAL_LATENCY: Span = Span::from_secs(10);

/// A rejection rate below this, in hundredths of a percent, is as good as none.
pub const CEREMONIAL_REJECTIONS: u64 = 100;

/// What the log says about people's reviews, folded from its events in their order.
///
/// ```
/// use tagout_core::oversight::{Oversight, Verdict};
///
/// let report = Oversight::default().report();
/// assert_eq!(report.overall.verdict, Verdict::TooLittleData { have: 0, need: 60 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Oversight {
    runbooks: BTreeMap<Key, String>,
    open: BTreeMap<Key, Request>,
    replaced: BTreeMap<Key, (String, Request)>,
    overall: Tally,
    by_runbook: BTreeMap<String, Tally>,
    by_reviewer: BTreeMap<String, Tally>,
    helped: BTreeMap<String, Helped>,
}

/// How often live plans of a runbook that did all their steps have helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Helped {
    /// The alert ended within the policy's time.
    pub resolved: u64,
    /// It still fired then.
    pub still_firing: u64,
    /// Nobody can say.
    pub not_known: u64,
}

/// A plan of an incident.
type Key = (String, PlanDigest);

/// A request that people can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    opened_at: Time,
    /// Whose asking for the plan counts as their approval: it was counted as a MODIFY.
    author: Option<Person>,
    shown: BTreeMap<Person, Time>,
    answered: BTreeSet<Person>,
}

/// What one group of reviews adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Tally {
    latencies: Vec<Span>,
    approvals: u64,
    rejections: u64,
    modifications: u64,
    timeouts: u64,
    refused: u64,
}

/// One thing that is counted.
#[derive(Clone, Copy)]
enum Count {
    Approval(Span),
    Rejection(Span),
    Modification(Span),
    Timeout,
    Refused,
}

/// The figures of all reviews, and of those of each runbook and of each reviewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OversightReport {
    /// All reviews.
    pub overall: Figures,
    /// The reviews of plans of one runbook, by its id.
    pub by_runbook: BTreeMap<String, Figures>,
    /// The reviews by one person, by name. A request that lapsed counts as timed out for
    /// those who had it before them and did not answer.
    pub by_reviewer: BTreeMap<String, Figures>,
    /// How often live plans have helped, by the id of their runbook. No verdict rests on it.
    pub effectiveness: BTreeMap<String, Helped>,
}

/// What a group of reviews looks like. Counts are of answers and not of plans: a quorum of two
/// is two answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Approvals, rejections and modifications together.
    pub answers: u64,
    /// Answers that approved the plan as it was.
    pub approvals: u64,
    /// Answers that rejected it.
    pub rejections: u64,
    /// Answers that made another plan of it.
    pub modifications: u64,
    /// Requests that lapsed. Neither an answer nor a refusal.
    pub timeouts: u64,
    /// Answers that the gate did not take; they are not among the answers.
    pub not_taken: u64,
    /// How long answers took, from when the reviewer could read the request; absent without
    /// an answer.
    pub latency: Option<Latency>,
    /// The part of the answers that were rejections; absent without an answer.
    pub rejection_rate: Option<Rate>,
    /// The part of the answers that were modifications; absent without an answer.
    pub modification_rate: Option<Rate>,
    /// What this comes to.
    pub verdict: Verdict,
}

/// What a group of reviews comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Verdict {
    /// Too few answers to say anything.
    TooLittleData {
        /// How many answers there are.
        have: u64,
        /// How many are needed.
        need: u64,
    },
    /// Answers come too fast to have been read, and practically all of them approve.
    Ceremonial {
        /// The three figures that say so, in words.
        why: Vec<String>,
    },
    /// At least one of the three figures speaks for a real review.
    Sound,
}

impl Oversight {
    /// What is known after one more event of `incident`, recorded at `at`.
    ///
    /// Latency runs from the later of two instants: the request was opened, and it was first
    /// shown to this very reviewer, if that is recorded. Opening a page again does not make a
    /// long reading short. A MODIFY is an answer; a time-out, a revoke and the alert's end are
    /// none.
    #[must_use]
    pub fn after(mut self, event: &Event, incident: &str, at: Time) -> Self {
        let key = |plan: &PlanDigest| (incident.to_owned(), *plan);
        match event {
            Event::PlanProposed { plan, digest, .. } => {
                let key = key(digest);
                self.runbooks.insert(key.clone(), plan.runbook.clone());
                if let (Some(earlier), Some(by)) = (self.replaced.remove(&key), &plan.requested_by)
                {
                    let (runbook, request) = earlier;
                    let latency = request.latency(by, at);
                    self.count(Some(runbook), Some(by), Count::Modification(latency));
                }
            }
            Event::ReviewRequested { request, .. } => {
                self.open.insert(key(&request.plan), Request::open(request));
            }
            Event::RequestShown { plan, to } => {
                if let Some(request) = self.open.get_mut(&key(plan)) {
                    request.shown.entry(to.clone()).or_insert(at);
                }
            }
            Event::ReviewGiven { review } => {
                let key = key(&review.plan);
                let Some(request) = self.open.get_mut(&key) else { return self };
                request.answered.insert(review.reviewer.clone());
                if request.author.as_ref() == Some(&review.reviewer) {
                    return self;
                }
                let latency = request.latency(&review.reviewer, at);
                let count = match review.answer {
                    Answer::Approve => Count::Approval(latency),
                    Answer::Reject => Count::Rejection(latency),
                };
                let runbook = self.runbooks.get(&key).cloned();
                self.count(runbook, Some(&review.reviewer), count);
            }
            Event::ReviewRefused { by, plan, .. } => {
                let runbook = self.runbooks.get(&key(plan)).cloned();
                self.count(runbook, Some(by), Count::Refused);
            }
            Event::PlanGranted { plan, .. } => {
                self.open.remove(&key(plan));
            }
            Event::EffectivenessRecorded { runbook, effectiveness, .. } => {
                let helped = self.helped.entry(runbook.clone()).or_default();
                let counter = match effectiveness {
                    Effectiveness::Resolved => &mut helped.resolved,
                    Effectiveness::StillFiring => &mut helped.still_firing,
                    Effectiveness::NotKnown => &mut helped.not_known,
                };
                *counter = counter.saturating_add(1);
            }
            Event::PlanVoided { plan, why } => self.voided(&key(plan), why, incident),
            _ => {}
        }
        self
    }

    fn voided(&mut self, key: &Key, why: &VoidReason, incident: &str) {
        // A halted plan that somebody resumes has no open request, so it is no answer.
        let Some(request) = self.open.remove(key) else { return };
        let runbook = self.runbooks.get(key).cloned();
        match why {
            VoidReason::Modified { by_plan } => {
                let earlier = (runbook.unwrap_or_default(), request);
                self.replaced.insert((incident.to_owned(), *by_plan), earlier);
            }
            VoidReason::TimedOut => {
                self.count(runbook, None, Count::Timeout);
                let silent = request.shown.keys().filter(|p| !request.answered.contains(*p));
                for person in silent {
                    self.of_reviewer(person).add(Count::Timeout);
                }
            }
            VoidReason::Rejected { .. }
            | VoidReason::AlertEnded
            | VoidReason::AlertWorsened
            | VoidReason::Revoked { .. }
            | VoidReason::Stale { .. } => {}
        }
    }

    fn count(&mut self, runbook: Option<String>, by: Option<&Person>, count: Count) {
        self.overall.add(count);
        if let Some(runbook) = runbook {
            self.by_runbook.entry(runbook).or_default().add(count);
        }
        if let Some(by) = by {
            self.of_reviewer(by).add(count);
        }
    }

    fn of_reviewer(&mut self, person: &Person) -> &mut Tally {
        self.by_reviewer.entry(person.name().to_owned()).or_default()
    }

    /// The figures as they stand.
    #[must_use]
    pub fn report(&self) -> OversightReport {
        let all = |tallies: &BTreeMap<String, Tally>| {
            tallies.iter().map(|(name, tally)| (name.clone(), tally.figures())).collect()
        };
        OversightReport {
            overall: self.overall.figures(),
            by_runbook: all(&self.by_runbook),
            by_reviewer: all(&self.by_reviewer),
            effectiveness: self.helped.clone(),
        }
    }
}

impl Request {
    fn open(request: &ReviewRequest) -> Self {
        Self {
            opened_at: request.opened_at,
            author: request.requested_by.clone().filter(|_| request.author_counts),
            shown: BTreeMap::new(),
            answered: BTreeSet::new(),
        }
    }

    fn latency(&self, reviewer: &Person, at: Time) -> Span {
        let shown = self.shown.get(reviewer).copied();
        at.since(shown.map_or(self.opened_at, |shown| shown.max(self.opened_at)))
    }
}

impl Tally {
    fn add(&mut self, count: Count) {
        let (counter, latency) = match count {
            Count::Approval(latency) => (&mut self.approvals, Some(latency)),
            Count::Rejection(latency) => (&mut self.rejections, Some(latency)),
            Count::Modification(latency) => (&mut self.modifications, Some(latency)),
            Count::Timeout => (&mut self.timeouts, None),
            Count::Refused => (&mut self.refused, None),
        };
        *counter = counter.saturating_add(1);
        self.latencies.extend(latency);
    }

    fn figures(&self) -> Figures {
        let answers = self.approvals + self.rejections + self.modifications;
        let latency = Latency::of(&self.latencies);
        Figures {
            answers,
            approvals: self.approvals,
            rejections: self.rejections,
            modifications: self.modifications,
            timeouts: self.timeouts,
            not_taken: self.refused,
            latency,
            rejection_rate: Rate::of(self.rejections, answers),
            modification_rate: Rate::of(self.modifications, answers),
            verdict: self.verdict(answers, latency),
        }
    }

    fn verdict(&self, answers: u64, latency: Option<Latency>) -> Verdict {
        let (Some(latency), true) = (latency, answers >= MINIMUM_ANSWERS) else {
            return Verdict::TooLittleData { have: answers, need: MINIMUM_ANSWERS };
        };
        // Compared as whole numbers and not as the rounded rate.
        let rejections = u128::from(self.rejections) * 10_000;
        let few = rejections < u128::from(answers) * u128::from(CEREMONIAL_REJECTIONS);
        if latency.median >= CEREMONIAL_LATENCY || !few || self.modifications > 0 {
            return Verdict::Sound;
        }
        let why = vec![
            format!("half of the answers came within {}", latency.median),
            format!("{} of {answers} answers rejected the plan", self.rejections),
            "no answer changed the plan".to_owned(),
        ];
        Verdict::Ceremonial { why }
    }
}
