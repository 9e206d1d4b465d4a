//! What the log must hold, and whether it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::home::Home;
use super::load::Receipt;

/// The receipts of a run, held against the log.
#[derive(Default)]
pub(crate) struct Account {
    receipts: Vec<Receipt>,
}

/// What was found wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) lost: Vec<String>,
    pub(crate) duplicated: Vec<String>,
}

impl Account {
    pub(crate) fn add(&mut self, receipts: Vec<Receipt>) {
        self.receipts.extend(receipts);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.receipts.len()
    }

    /// Compares with the whole log.
    pub(crate) fn audit(&self, home: &Home) -> Findings {
        let trail = home.trail();
        Findings { lost: self.lost(&trail), duplicated: duplicated(&trail) }
    }

    /// The receipts that the log does not bear out: each delivery as often as it was answered,
    /// and the incidents that were named, of the fault that was sent.
    fn lost(&self, trail: &[Value]) -> Vec<String> {
        let mut deliveries: BTreeMap<&str, usize> = BTreeMap::new();
        let mut incidents = BTreeSet::new();
        for line in trail {
            let data = &line["event"]["data"];
            match line["event"]["kind"].as_str().unwrap() {
                "delivery_received" => {
                    *deliveries.entry(data["delivery"].as_str().unwrap()).or_default() += 1;
                    incidents.extend(joined(data));
                }
                "incident_opened" => {
                    let instance = data["alert"]["labels"]["instance"].as_str().unwrap();
                    incidents.insert((line["incident"].as_str().unwrap(), instance));
                }
                _ => {}
            }
        }
        let mut lost = Vec::new();
        for receipt in &self.receipts {
            let left = deliveries.get_mut(&*receipt.delivery).filter(|left| **left > 0);
            let held = left.map(|left| *left -= 1).is_some();
            let bears_out = |id: &String| incidents.contains(&(&**id, &*receipt.instance));
            if !held || receipt.incidents.is_empty() || !receipt.incidents.iter().all(bears_out) {
                lost.push(format!("{receipt:?}"));
            }
        }
        lost
    }
}

/// The incidents that the alerts of a delivery joined, each with what the alert is about: of a
/// long run the last alerts are a storm.
fn joined(data: &Value) -> impl Iterator<Item = (&str, &str)> {
    let folded = data["folded"].as_array().into_iter().flatten();
    let into = folded.filter(|one| !one["how"]["joined"].is_null());
    let lines = data["joined"]["$text"].as_str().unwrap_or_default().lines();
    into.zip(lines).map(|(one, line)| {
        let (_, subject) = line.split_once('\t').unwrap();
        (one["incident"].as_str().unwrap(), subject)
    })
}

/// The incidents that were opened while another of the same fault was open.
pub(crate) fn duplicated(trail: &[Value]) -> Vec<String> {
    let mut open: BTreeMap<&str, &str> = BTreeMap::new();
    let mut duplicated = Vec::new();
    for line in trail {
        let Some(incident) = line["incident"].as_str() else { continue };
        let data = &line["event"]["data"];
        let ends = match line["event"]["kind"].as_str().unwrap() {
            "incident_opened" => {
                let identity = data["identity"].as_str().unwrap();
                if let Some(earlier) = open.insert(identity, incident) {
                    duplicated.push(format!("{incident} of {identity}, while {earlier} is open"));
                }
                false
            }
            "alert_ended" | "incident_closed" => true,
            "triaged" => data["triage"].get("away").is_some(),
            _ => false,
        };
        if ends {
            open.retain(|_, id| *id != incident);
        }
    }
    duplicated
}

#[test]
fn an_account_tells_of_what_is_lost_and_what_is_there_twice() {
    let opened = |incident: &str| {
        serde_json::json!({"incident": incident, "event": {"kind": "incident_opened", "data": {
            "identity": "f", "alert": {"labels": {"instance": "h"}}}}})
    };
    let delivery = serde_json::json!({"incident": null, "event": {"kind": "delivery_received",
        "data": {"delivery": "d"}}});
    let ended = serde_json::json!({"incident": "a", "event": {"kind": "alert_ended", "data": {}}});
    assert_eq!(duplicated(&[opened("a"), ended, opened("b")]), [""; 0]);
    assert_eq!(duplicated(&[opened("a"), opened("b")]).len(), 1);

    let receipt = |incident: &str| Receipt {
        delivery: "d".to_owned(),
        incidents: vec![incident.to_owned()],
        instance: "h".to_owned(),
    };
    let lost = |receipts: Vec<Receipt>, trail: &[Value]| Account { receipts }.lost(trail).len();
    assert_eq!(lost(vec![receipt("a")], &[delivery.clone(), opened("a")]), 0);
    assert_eq!(lost(vec![receipt("a")], &[opened("a")]), 1, "its delivery is missing");
    assert_eq!(lost(vec![receipt("b")], &[delivery.clone(), opened("a")]), 1, "its incident is");
    assert_eq!(lost(vec![receipt("a"), receipt("a")], &[delivery, opened("a")]), 1, "one of two");
    let joined = |subject: &str| {
        serde_json::json!({"incident": null, "event": {"kind": "delivery_received", "data": {
            "delivery": "d", "joined": {"$text": format!("n\t{subject}\n")}, "folded": [
                {"incident": "z", "how": "repeated"},
                {"incident": "a", "how": {"joined": {"severity": "info"}}}]}}})
    };
    assert_eq!(lost(vec![receipt("a")], &[joined("h")]), 0);
    assert_eq!(lost(vec![receipt("a")], &[joined("other")]), 1, "another alert joined it");
}
