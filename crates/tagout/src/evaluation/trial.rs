//! One scenario through the pipeline: in memory, in dry-run, with a budget and a log of its own.

use std::time::Instant;

use tagout_core::approval::Person;
use tagout_core::command::SharedCommand;
use tagout_core::digest::DeliveryDigest;
use tagout_core::event::{Event, Triage, WindowKind};
use tagout_core::incident::Incident;
use tagout_core::matcher::LabelMatcher;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::{Decision, Mode};
use tagout_log::MemoryStorage;

use crate::engine::{Engine, EngineError, Taken};
use crate::fault::Fault;
use crate::journal::{Journal, Recorded};
use crate::matching::Matcher;
use crate::signals::{Delivery, Format, Reading};
use crate::summary::Summary;

use super::agents::Agent;
use super::report::{CaseReport, EvaluationReport};
use super::scenario::Scenario;

/// Takes every scenario through the pipeline with this agent.
///
/// # Errors
/// If the pipeline itself fails: a fault of ours.
pub fn evaluate(
    agent: Agent,
    scenarios: &[Scenario],
    runbooks: &Catalogue,
    policy: &EscalationPolicy,
    matcher: &Matcher,
) -> Result<EvaluationReport, EngineError> {
    let mut cases = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let search = agent.search(matcher);
        let journal = Journal::open(MemoryStorage::new())?;
        let mut engine = Engine::new(journal, policy.clone(), runbooks.clone(), search);
        engine.announce()?;
        set_the_scene(&mut engine, scenario)?;
        let delivery = Delivery {
            source: Format::Native,
            digest: DeliveryDigest::of_bytes(scenario.id.as_bytes()),
            alerts: vec![Reading::Alert(scenario.alert.clone())],
            truncated: 0,
        };
        let start = Instant::now();
        let taken = engine.receive(&delivery)?;
        let latency = start.elapsed();
        let Some(Taken::Incident(id)) = taken.into_iter().next() else {
            return Err(Fault::new(format!("{}: no incident was opened", scenario.id)).into());
        };
        let incident = engine.journal().incident(&id);
        let summary = Summary::of(&id, incident)
            .ok_or_else(|| Fault::new(format!("{}: nothing was recorded", scenario.id)))?;
        let seen = Seen::by(agent, incident, &summary);
        let latency = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let complete = trail_is_complete(engine.journal(), &id)?;
        cases.push(CaseReport::new(
            scenario,
            seen.runbook,
            &summary,
            seen.decision,
            complete,
            latency,
        ));
    }
    Ok(EvaluationReport::of(agent, scenarios, cases))
}

fn set_the_scene(
    engine: &mut Engine<MemoryStorage>,
    scenario: &Scenario,
) -> Result<(), EngineError> {
    let context = scenario.context;
    if context.autonomous_actions_taken > 0 {
        for tier in Tier::ALL {
            engine.ask_shared(SharedCommand::ChargeBudget {
                tier,
                scope: engine.policy().scope(&scenario.alert.labels),
                mode: Mode::DryRun,
                actions: context.autonomous_actions_taken,
                reason: "the scenario's context".into(),
            })?;
        }
    }
    if context.maintenance {
        let from = engine.journal().last_at().unwrap_or(Time::from_millis(0));
        let by = Person::new("scenario").map_err(|e| Fault::new(e.to_string()))?;
        engine.ask_shared(SharedCommand::OpenWindow {
            id: "scenario".into(),
            window: WindowKind::Maintenance,
            matcher: LabelMatcher::default(),
            conditions: Vec::new(),
            from,
            until: from.after(Span::from_secs(3600)),
            by,
            reason: "the scenario's context".into(),
        })?;
    }
    Ok(())
}

/// What the agent under test would have done.
struct Seen {
    runbook: Option<String>,
    decision: Option<Decision>,
}

impl Seen {
    fn by(agent: Agent, incident: &Incident, summary: &Summary) -> Self {
        let (runbook, decision) = (summary.runbook.clone(), incident.decision());
        match agent {
            Agent::AlwaysEscalate => Self { runbook, decision: Some(Decision::Escalate) },
            Agent::AlwaysProceed => {
                Self { decision: runbook.is_some().then_some(Decision::Proceed), runbook }
            }
            _ => Self { runbook, decision },
        }
    }
}

/// Whether everything that led to the decision can be read back from the log: the log verifies,
/// each stage left its event, each recorded decision comes out the same when the policy is
/// asked again, and the log alone gives the state that the agent had.
fn trail_is_complete(journal: &Journal<MemoryStorage>, id: &str) -> Result<bool, Fault> {
    let verifies = journal.verifies();
    let history = journal.history(None)?;
    let mine: Vec<&Event> =
        history.iter().filter(|r| r.incident() == id).map(Recorded::event).collect();
    let opened = matches!(mine.first(), Some(Event::IncidentOpened { .. }));
    let staged = match mine.get(1) {
        Some(Event::Triaged { triage: Triage::Search, .. }) => {
            let searched = matches!(mine.get(2), Some(Event::SearchCompleted { .. }));
            let decided = mine
                .iter()
                .any(|e| matches!(e, Event::PolicyDecided { .. } | Event::PersonCalled { .. }));
            searched && decided
        }
        Some(Event::Triaged { .. }) => mine.len() == 2,
        _ => false,
    };
    let repeatable = history.iter().all(|recorded| match recorded.event() {
        Event::PolicyDecided { input, verdict, .. } => journal.repeats(input, verdict),
        _ => true,
    });
    let again = Journal::open(journal.log().storage().clone())?;
    Ok(verifies
        && opened
        && staged
        && repeatable
        && again.incident(id) == journal.incident(id)
        && again.shared() == journal.shared())
}
