//! A journal that gives out permits: a live plan is granted and its step's start recorded.

use std::collections::BTreeMap;

use serde_json::json;
use tagout::journal::{Journal, Recorded, StepPermit};
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::approval::Person;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::confidence::Confidence;
use tagout_core::decide::{Rules, decide, decide_shared};
use tagout_core::digest::{
    CatalogueDigest, DeliveryDigest, PlanDigest, RunbookDigest, SearchDigest,
};
use tagout_core::findings::{Candidate, ExactKey, Findings};
use tagout_core::front_matter::{FrontMatter, PageText};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;
use tagout_log::MemoryStorage;

const INCIDENT: &str = "one";
const STEP: &str = "flush";
const POLICY: &str = "default_environment = \"low\"\n[tier.low]\nlive = true\n\
                      [tier.medium]\nlive = true\n";

/// A house with a journal.
pub(crate) struct House {
    policy: EscalationPolicy,
    runbooks: Catalogue,
    pub(crate) journal: Journal<MemoryStorage>,
}

impl House {
    /// A live plan of one step is granted.
    pub(crate) fn new() -> Self {
        let front = json!({
            "id": "cache", "risk": "low", "reversible": true, "target": "cache-1",
            "steps": [{"id": STEP, "kind": "action", "title": "Flush",
                       "command": ["flush", "cache-1"], "idempotent": true, "attempts": 2}],
        });
        let source: FrontMatter = serde_json::from_value(front).unwrap();
        let page = PageText {
            id: "page".into(),
            title: "A page".into(),
            symptoms: vec!["something is wrong".into()],
            body: String::new(),
            manual_steps: Vec::new(),
            digest: RunbookDigest::of_bytes(b"page"),
            page: "".into(),
        };
        let runbook = source.check(page).unwrap();
        let (id, digest) = (runbook.id.clone(), runbook.digest);
        let mut house = Self {
            policy: EscalationPolicy::parse(POLICY).unwrap(),
            runbooks: Catalogue::new([runbook]).unwrap(),
            journal: Journal::open(MemoryStorage::new()).unwrap(),
        };
        let admit = SharedCommand::AdmitRunbook {
            runbook: id,
            digest,
            by: Person::new("ops").unwrap(),
            page: "".into(),
            author: None,
        };
        house.say(admit);
        house.ask(Command::ReceiveAlert {
            alert: alert(),
            delivery: DeliveryDigest::of_bytes(b"a delivery"),
        });
        house.ask(Command::RecordFindings { findings: findings() });
        house
    }

    pub(crate) fn plan(&self) -> PlanDigest {
        let incident = self.journal.incident(INCIDENT);
        incident.proposal().expect("the incident has no plan").plan.digest()
    }

    fn now() -> Time {
        "2026-11-01T10:00:00Z".parse().unwrap()
    }

    fn say(&mut self, command: SharedCommand) {
        let events = decide_shared(self.journal.shared(), command, Self::now()).unwrap();
        let mut turn = self.journal.turn().unwrap();
        turn.add("", events, Self::now()).unwrap();
        turn.commit().unwrap();
    }

    /// Asks something of the incident and records what comes of it.
    pub(crate) fn ask(&mut self, command: Command) -> (Vec<Recorded>, Vec<StepPermit>) {
        let rules = Rules { policy: &self.policy, runbooks: &self.runbooks, mode: Mode::Live };
        let incident = self.journal.incident(INCIDENT);
        let shared = self.journal.shared();
        let events = decide(incident, INCIDENT, shared, rules, command, Self::now()).unwrap();
        let mut turn = self.journal.turn().unwrap();
        turn.add(INCIDENT, events, Self::now()).unwrap();
        turn.commit_starts().unwrap()
    }

    /// Records that the step starts.
    pub(crate) fn start(&mut self) -> (Vec<Recorded>, Vec<StepPermit>) {
        let plan = self.plan();
        self.ask(Command::StartStep { plan })
    }
}

/// The permit of a start that was recorded a moment ago.
pub(crate) fn permit() -> StepPermit {
    let (_, mut permits) = House::new().start();
    assert_eq!(permits.len(), 1);
    permits.remove(0)
}

fn alert() -> Alert {
    Alert {
        id: String::new(),
        source: "test".into(),
        status: AlertStatus::Firing,
        severity: Some("warning".into()),
        title: "CacheFull".into(),
        message: "the cache is full".into(),
        labels: [("instance".to_owned(), "one-1".to_owned())].into(),
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

fn findings() -> Findings {
    let candidate = Candidate {
        runbook: "cache".into(),
        confidence: Confidence::from_basis_points(9_900),
        key: Some(ExactKey::AlertName),
        matched_terms: Vec::new(),
        similarity: 0,
    };
    Findings {
        candidates: vec![candidate],
        calibrated: true,
        catalogue: CatalogueDigest::of_bytes(b""),
        model: SearchDigest::of_bytes(b"model"),
        index: SearchDigest::of_bytes(b"index"),
        calibration: SearchDigest::of_bytes(b"calibration"),
    }
}
