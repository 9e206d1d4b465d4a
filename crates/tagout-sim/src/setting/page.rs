//! The alerts of the explored worlds, and the pages of their only runbook.

use std::collections::BTreeMap;

use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::digest::RunbookDigest;
use tagout_core::front_matter::{FrontMatter, KeysSource, PageText, StepSource, UndoSource};
use tagout_core::parameter::Parameter;
use tagout_core::runbook::{Runbook, Step, StepKind};
use tagout_core::tier::Tier;

use super::RUNBOOK;

/// An alert of this severity about the one shared target.
#[must_use]
pub fn alert(severity: &str, number: u8) -> Alert {
    Alert {
        id: number.to_string(),
        source: "sim".into(),
        status: AlertStatus::Firing,
        severity: Some(severity.into()),
        title: "PoolExhausted".into(),
        message: "no free connection".into(),
        labels: [
            ("cluster".to_owned(), "db".to_owned()),
            ("instance".to_owned(), format!("db-{number}")),
        ]
        .into(),
        annotations: BTreeMap::new(),
        metrics: BTreeMap::new(),
        starts_at: None,
        ends_at: None,
        runbook_url: None,
    }
}

/// A runbook of one check and one action after it.
///
/// # Panics
/// If the runbook itself is broken.
#[must_use]
pub fn looking() -> Runbook {
    let look = Step {
        id: "look".into(),
        kind: StepKind::Check,
        attempts: 1,
        ..runbook(1, Tier::Medium).steps[0].clone()
    };
    Runbook { preconditions: vec![look], ..runbook(1, Tier::Medium) }
}

/// A runbook of one or two actions on the alert's cluster; the first of two may be tried twice.
///
/// # Panics
/// If the runbook itself is broken.
#[must_use]
pub fn runbook(actions: usize, risk: Tier) -> Runbook {
    checked(front(actions, risk))
}

/// A runbook of one action that says how to take it back.
pub(super) fn taken_back() -> Runbook {
    let mut front = front(1, Tier::Medium);
    let back = ["pool", "fill", "{{cluster}}", "{{pace}}"].map(String::from);
    front.steps[0].undo = Some(UndoSource::Command(back.to_vec()));
    checked(front)
}

/// A runbook with a check, an action with a form of its own, and one without.
pub(super) fn rehearsed() -> Runbook {
    let mut front = front(2, Tier::Medium);
    let form = ["pool", "drain", "{{cluster}}", "{{pace}}", "--dry-run"];
    front.steps[0].dry_run = Some(form.map(String::from).to_vec());
    let mut look = front.steps[1].clone();
    (look.id, look.kind) = ("look".into(), StepKind::Check);
    look.command = Some(["pool", "look", "{{cluster}}"].map(String::from).to_vec());
    front.preconditions.push(look);
    checked(front)
}

pub(super) fn front(actions: usize, risk: Tier) -> FrontMatter {
    let step = |id: &str, twice: bool| StepSource {
        id: id.into(),
        kind: StepKind::Action,
        title: id.into(),
        command: Some(vec!["pool".into(), id.into(), "{{cluster}}".into(), "{{pace}}".into()]),
        idempotent: twice,
        attempts: twice.then_some(2),
        ..StepSource::default()
    };
    let cluster = Parameter {
        from: Some("labels.cluster".into()),
        pattern: Some("[a-z]+".into()),
        ..Parameter::default()
    };
    let pace = Parameter {
        default: Some("fast".into()),
        values: Some(vec!["fast".into(), "slow".into()]),
        ..Parameter::default()
    };
    FrontMatter {
        id: Some(RUNBOOK.into()),
        title: Some("Restart the pool".into()),
        symptoms: vec!["no free connection".into()],
        keys: KeysSource { alert_names: vec!["PoolExhausted".into()], ..KeysSource::default() },
        risk: Some(risk),
        reversible: true,
        target: Some("{{cluster}}".into()),
        parameters: [("cluster".to_owned(), cluster), ("pace".to_owned(), pace)].into(),
        steps: [step("drain", actions == 2), step("restart", false)]
            .into_iter()
            .take(actions)
            .collect(),
        ..FrontMatter::default()
    }
}

pub(super) fn checked(front: FrontMatter) -> Runbook {
    let page = PageText {
        id: RUNBOOK.into(),
        title: String::new(),
        symptoms: Vec::new(),
        body: String::new(),
        manual_steps: Vec::new(),
        page: "".into(),
        digest: RunbookDigest::of_bytes(b"sim"),
    };
    front.check(page).expect("a runbook")
}
