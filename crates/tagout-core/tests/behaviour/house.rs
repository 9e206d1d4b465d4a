//! A house to test in: alerts, runbooks and a policy, and every event that comes of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tagout_core::actor::{Actor, Role};
use tagout_core::alert::{Alert, AlertStatus, Severity};
use tagout_core::approval::{Answer, Person, Refusal, Review};
use tagout_core::command::{Command, SharedCommand};
use tagout_core::confidence::Confidence;
use tagout_core::decide::{Rejection, Rules, decide, decide_shared};
use tagout_core::digest::SearchDigest;
use tagout_core::digest::{CatalogueDigest, DeliveryDigest, PlanDigest, RunbookDigest};
use tagout_core::event::{Event, StepOutcome, Triage};
use tagout_core::evolve::evolve;
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::front_matter::{Flaw, FrontMatter, PageText};
use tagout_core::incident::{Handover, Incident, Stage};
use tagout_core::plan::{Plan, PlanChange};
use tagout_core::policy::{EscalationPolicy, SeverityOrigin, SeverityReading};
use tagout_core::runbook::{Catalogue, Runbook};
use tagout_core::shared::Shared;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::{Decision, Mode, Rule, Verdict};

/// The incident that most tests are about.
pub(crate) const ONE: &str = "one";
/// Another incident.
pub(crate) const TWO: &str = "two";

/// Nothing but the alert, the runbook and its steps sets a tier, and medium may run live.
pub(crate) const OPEN: &str = "default_environment = \"low\"\n";

/// All there is: the rules, the world's clock, the incidents and the journal.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) policy: EscalationPolicy,
    pub(crate) runbooks: Catalogue,
    pub(crate) mode: Mode,
    pub(crate) now: Time,
    pub(crate) shared: Shared,
    pub(crate) incidents: BTreeMap<String, Incident>,
    pub(crate) journal: Vec<(String, Event, Time)>,
}

impl House {
    /// A house with the runbooks `disk`, `cache` and `failover` under [`OPEN`], in dry-run.
    pub(crate) fn new() -> Self {
        Self::with(OPEN, [disk(), cache(), failover()])
    }

    pub(crate) fn with(policy: &str, runbooks: impl IntoIterator<Item = Value>) -> Self {
        Self {
            policy: EscalationPolicy::parse(policy).unwrap(),
            runbooks: Catalogue::new(runbooks.into_iter().map(|r| runbook(&r))).unwrap(),
            mode: Mode::DryRun,
            now: "2026-11-01T10:00:00Z".parse().unwrap(),
            shared: Shared::default(),
            incidents: BTreeMap::new(),
            journal: Vec::new(),
        }
    }

    /// The same rules with live mode on for every tier, and every runbook admitted.
    pub(crate) fn live(policy: &str, runbooks: impl IntoIterator<Item = Value>) -> Self {
        let live = "[tier.low]\nlive = true\n[tier.medium]\nlive = true\n[tier.high]\nlive = true\n\
                    [tier.critical]\nlive = true\n";
        let mut house = Self::with(&format!("{policy}{live}"), runbooks);
        house.mode = Mode::Live;
        let all: Vec<_> = house.runbooks.iter().map(|r| (r.id.clone(), r.digest)).collect();
        for (runbook, digest) in all {
            house
                .say(SharedCommand::AdmitRunbook {
                    runbook,
                    digest,
                    by: person("ops"),
                    page: "".into(),
                    author: None,
                })
                .unwrap();
        }
        house
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules { policy: &self.policy, runbooks: &self.runbooks, mode: self.mode }
    }

    /// Asks something of an incident; what comes of it is recorded, a refused answer too.
    pub(crate) fn ask(&mut self, id: &str, command: Command) -> Result<Vec<Event>, Rejection> {
        let incident = self.incidents.get(id).cloned().unwrap_or_default();
        let decided = decide(&incident, id, &self.shared, self.rules(), command, self.now);
        let events = match &decided {
            Ok(events) => events.clone(),
            Err(rejection) => rejection.record().into_iter().cloned().collect(),
        };
        self.record(id, &events);
        decided
    }

    /// Asks something that must be done.
    pub(crate) fn must(&mut self, id: &str, command: Command) -> Vec<Event> {
        self.ask(id, command).unwrap_or_else(|e| panic!("{e}"))
    }

    pub(crate) fn say(&mut self, command: SharedCommand) -> Result<Vec<Event>, Rejection> {
        let events = decide_shared(&self.shared, command, self.now)?;
        self.record("", &events);
        Ok(events)
    }

    /// Appends events as they are; each must be legal.
    pub(crate) fn record(&mut self, id: &str, events: &[Event]) {
        for event in events {
            if !id.is_empty() {
                let incident = self.incidents.remove(id).unwrap_or_default();
                let next = evolve(incident, event, self.now).unwrap_or_else(|e| panic!("{e}"));
                self.incidents.insert(id.into(), next);
            }
            self.shared = std::mem::take(&mut self.shared).after(event, id, self.now);
            self.journal.push((id.into(), event.clone(), self.now));
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(Span::from_secs(seconds));
    }

    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now = self.now.after(Span::from_millis(ms));
    }

    // What happens to one incident.

    pub(crate) fn receive(&mut self, id: &str, alert: Alert) -> Vec<Event> {
        self.must(id, Command::ReceiveAlert { alert, delivery: delivery() })
    }

    pub(crate) fn find(&mut self, id: &str, candidates: &[Candidate]) -> Vec<Event> {
        let findings = findings(candidates);
        self.must(id, Command::RecordFindings { findings })
    }

    /// An alert at warning severity comes in, and the search is certain of `runbook`.
    pub(crate) fn matched(&mut self, id: &str, runbook: &str) -> Vec<Event> {
        self.matched_at(id, runbook, "warning")
    }

    pub(crate) fn matched_at(&mut self, id: &str, runbook: &str, severity: &str) -> Vec<Event> {
        self.receive(id, alert(id, severity));
        self.find(id, &[by_key(runbook, 9_900)])
    }

    /// As [`House::matched`] at low tier. Triage closes informational alerts, so no alert gets
    /// there; the events are written as an earlier triage might have left them.
    pub(crate) fn matched_low(&mut self, id: &str, runbook: &str) -> Vec<Event> {
        let alert = alert(id, "info");
        let identity = alert.identity();
        let severity = SeverityReading { severity: Severity::Info, origin: SeverityOrigin::Sent };
        self.record(
            id,
            &[
                Event::IncidentOpened { alert, identity, delivery: delivery(), gathers: None },
                Event::Triaged { severity, triage: Triage::Search },
            ],
        );
        self.find(id, &[by_key(runbook, 9_900)])
    }

    pub(crate) fn answer(
        &mut self,
        id: &str,
        who: &str,
        answer: Answer,
    ) -> Result<Vec<Event>, Rejection> {
        let plan = self.plan(id).clone();
        self.ask(id, Command::Answer(review(who, answer, plan.digest(), plan.mode)))
    }

    pub(crate) fn approve(&mut self, id: &str, who: &str) -> Result<Vec<Event>, Rejection> {
        self.answer(id, who, Answer::Approve)
    }

    pub(crate) fn reject(&mut self, id: &str, who: &str) -> Result<Vec<Event>, Rejection> {
        self.answer(id, who, Answer::Reject)
    }

    pub(crate) fn modify(
        &mut self,
        id: &str,
        who: &str,
        change: PlanChange,
    ) -> Result<Vec<Event>, Rejection> {
        let (plan, mode) = (self.plan(id).digest(), self.plan(id).mode);
        self.ask(id, Command::Modify { by: approver(who), plan, mode, change, reason: "".into() })
    }

    pub(crate) fn resume(
        &mut self,
        id: &str,
        who: &str,
        reason: &str,
    ) -> Result<Vec<Event>, Rejection> {
        let plan = self.plan(id).digest();
        self.ask(id, Command::ResumeHalt { by: person(who), plan, reason: reason.into() })
    }

    pub(crate) fn revoke(&mut self, id: &str) -> Vec<Event> {
        let plan = self.plan(id).digest();
        self.must(id, Command::Revoke { by: person("ana"), plan })
    }

    pub(crate) fn start(&mut self, id: &str) -> Result<Vec<Event>, Rejection> {
        let plan = self.plan(id).digest();
        self.ask(id, Command::StartStep { plan })
    }

    pub(crate) fn finish(
        &mut self,
        id: &str,
        step: &str,
        attempt: u32,
        outcome: StepOutcome,
    ) -> Result<Vec<Event>, Rejection> {
        let (plan, step) = (self.plan(id).digest(), step.to_owned());
        let output = "".into();
        self.ask(id, Command::FinishStep { plan, step, attempt, outcome, output, ended: None })
    }

    /// Runs one step to its success.
    pub(crate) fn step(&mut self, id: &str, step: &str) -> Vec<Event> {
        self.start(id).unwrap_or_else(|e| panic!("{e}"));
        self.finish(id, step, 1, StepOutcome::Succeeded).unwrap_or_else(|e| panic!("{e}"))
    }

    pub(crate) fn end_of_alert(&mut self, id: &str) -> Vec<Event> {
        let mut alert = self.incidents[id].case().unwrap().alert.clone();
        alert.status = AlertStatus::Resolved;
        self.receive(id, alert)
    }

    pub(crate) fn kill_switch(&mut self, on: bool) {
        let (by, reason) = (person("ops"), "drill".into());
        let command = if on {
            SharedCommand::EngageKillSwitch { by, reason }
        } else {
            SharedCommand::ReleaseKillSwitch { by, reason }
        };
        self.say(command).unwrap();
    }

    pub(crate) fn freeze(&mut self, until: Option<Time>) {
        let (by, reason) = (person("ops"), "quarter end".into());
        self.say(SharedCommand::DeclareFreeze { by, reason, until }).unwrap();
    }

    pub(crate) fn jump(&mut self) {
        let by = Span::from_secs(3600);
        self.say(SharedCommand::RecordClockJump { by, forward: true }).unwrap();
    }

    // What can be read off it.

    pub(crate) fn stage(&self, id: &str) -> &Stage {
        match &self.incidents[id] {
            Incident::Open(_, stage) => stage,
            other => panic!("the incident is not open: {other:?}"),
        }
    }

    pub(crate) fn plan(&self, id: &str) -> &Plan {
        &self.incidents[id].proposal().expect("the incident has no plan").plan
    }

    pub(crate) fn verdict(&self, id: &str) -> &Verdict {
        let proposal = self.incidents[id].proposal().expect("the incident has no plan");
        proposal.verdict.as_ref().expect("the policy has not decided")
    }

    pub(crate) fn decision(&self, id: &str) -> Decision {
        self.verdict(id).decision
    }

    pub(crate) fn rules_that_spoke(&self, id: &str) -> Vec<Rule> {
        self.verdict(id).reasons.iter().map(|r| r.rule).collect()
    }

    pub(crate) fn is_waiting(&self, id: &str) -> bool {
        self.incidents[id].waiting().is_some()
    }

    pub(crate) fn is_granted(&self, id: &str) -> bool {
        matches!(self.incidents[id], Incident::Open(_, Stage::Granted(..)))
    }

    pub(crate) fn is_voided(&self, id: &str) -> bool {
        matches!(self.incidents[id], Incident::Open(_, Stage::WithPeople(Handover::Voided(..))))
    }

    /// The kinds of all events of an incident, in order.
    pub(crate) fn kinds(&self, id: &str) -> Vec<String> {
        let of = self.journal.iter().filter(|(incident, ..)| incident == id);
        of.map(|(_, event, _)| tagout_core::evolve::kind(event)).collect()
    }
}

pub(crate) fn person(name: &str) -> Person {
    Person::new(name).unwrap()
}

/// An approver of no group, or of those behind the name: `ana of database, on-call`.
pub(crate) fn approver(who: &str) -> Actor {
    let (name, groups) = who.split_once(" of ").unwrap_or((who, ""));
    let groups = groups.split(", ").filter(|g| !g.is_empty()).map(str::to_owned).collect();
    Actor { groups, ..Actor::new(person(name), Role::Approver) }
}

pub(crate) fn delivery() -> DeliveryDigest {
    DeliveryDigest::of_bytes(b"a delivery")
}

pub(crate) fn review(who: &str, answer: Answer, plan: PlanDigest, mode: Mode) -> Review {
    Review::by(approver(who), answer, (plan, mode), "".into())
}

/// A firing alert about the host `<id>-1`.
pub(crate) fn alert(id: &str, severity: &str) -> Alert {
    Alert {
        id: String::new(),
        source: "test".into(),
        status: AlertStatus::Firing,
        severity: Some(severity.into()),
        title: "HostOutOfDiskSpace".into(),
        message: "the disk is almost full".into(),
        labels: [("instance".to_owned(), format!("{id}-1"))].into(),
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

/// The runbook that this front matter describes.
pub(crate) fn runbook(front: &Value) -> Runbook {
    read(front).unwrap_or_else(|flaws| panic!("{flaws:?}"))
}

/// What is wrong with this front matter.
pub(crate) fn flaws(front: &Value) -> Vec<Flaw> {
    read(front).err().unwrap_or_default()
}

/// Front matter above a page with which nothing is wrong.
fn read(front: &Value) -> Result<Runbook, Vec<Flaw>> {
    let source: FrontMatter = serde_json::from_value(front.clone()).unwrap();
    source.check(PageText {
        id: "page".into(),
        title: "A page".into(),
        symptoms: vec!["something is wrong".into()],
        body: String::new(),
        manual_steps: vec!["look around".into()],
        digest: RunbookDigest::of_bytes(front.to_string().as_bytes()),
        page: "".into(),
    })
}

/// Two checks around two actions, low risk, reversible, on the alert's host.
pub(crate) fn disk() -> Value {
    json!({
        "id": "disk", "risk": "low", "reversible": true, "target": "{{host}}",
        "parameters": {
            "host": {"from": "labels.instance", "pattern": "([a-z0-9-]+)(:[0-9]+)?"},
            "keep": {"default": "3", "min": 1, "max": 10},
        },
        "preconditions": [check("look")],
        "steps": [
            {"id": "rotate", "kind": "action", "title": "Rotate the logs",
             "command": ["rotate", "{{host}}", "--keep={{keep}}"]},
            {"id": "prune", "kind": "action", "title": "Prune",
             "command": ["prune", "{{host}}"]},
        ],
        "verification": [check("verify")],
    })
}

/// One action, low risk, reversible, always on the same target.
pub(crate) fn cache() -> Value {
    json!({
        "id": "cache", "risk": "low", "reversible": true, "target": "cache-1",
        "steps": [{"id": "flush", "kind": "action", "title": "Flush",
                   "command": ["flush", "cache-1"], "idempotent": true, "attempts": 2}],
    })
}

/// One action at high risk that cannot be taken back.
pub(crate) fn failover() -> Value {
    json!({
        "id": "failover", "risk": "high", "target": "db-1",
        "steps": [{"id": "promote", "kind": "action", "title": "Promote",
                   "command": ["promote", "db-1"]}],
    })
}

pub(crate) fn check(id: &str) -> Value {
    json!({"id": id, "kind": "check", "title": "Look", "command": ["df", "{{host}}"]})
}

/// A match by an exact key.
pub(crate) fn by_key(runbook: &str, points: u16) -> Candidate {
    Candidate { key: Some(ExactKey::AlertName), ..by_text(runbook, points) }
}

/// A match by the text alone.
pub(crate) fn by_text(runbook: &str, points: u16) -> Candidate {
    Candidate {
        runbook: runbook.into(),
        confidence: Confidence::from_basis_points(points),
        key: None,
        matched_terms: Vec::new(),
        similarity: 0,
    }
}

/// Calibrated findings.
pub(crate) fn findings(candidates: &[Candidate]) -> Findings {
    Findings {
        candidates: candidates.to_vec(),
        calibrated: true,
        catalogue: CatalogueDigest::of_bytes(b""),
        model: SearchDigest::of_bytes(b"model"),
        index: SearchDigest::of_bytes(b"index"),
        calibration: SearchDigest::of_bytes(b"calibration"),
    }
}

/// A change that leaves out these steps.
pub(crate) fn without(steps: &[&str]) -> PlanChange {
    let drop_steps = steps.iter().map(|s| (*s).to_owned()).collect();
    PlanChange { drop_steps, ..PlanChange::default() }
}

/// A change of one value.
pub(crate) fn value(name: &str, value: &str) -> PlanChange {
    PlanChange { values: [(name.into(), value.into())].into(), ..PlanChange::default() }
}

/// A change to another runbook.
pub(crate) fn other(runbook: &str) -> PlanChange {
    PlanChange { runbook: Some(runbook.into()), ..PlanChange::default() }
}

/// Why the gate did not take an answer; it must have refused one.
pub(crate) fn refusal(result: Result<Vec<Event>, Rejection>) -> Refusal {
    match result {
        Err(Rejection::Refused(refusal, _)) => refusal,
        other => panic!("the answer was not refused: {other:?}"),
    }
}
