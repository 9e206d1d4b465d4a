//! What the log says in the end, held against what the senders were told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Acknowledged deliveries that are not in the log.
    pub(crate) lost: Vec<String>,
    /// Incidents that were opened for a fault that had an open one already.
    pub(crate) doubled: Vec<String>,
    /// How many incidents there are.
    pub(crate) incidents: usize,
}

/// Reads the log's entries in order, independently of the product's own state.
pub(crate) fn audit(trail: &[Value], acknowledged: &[String]) -> Findings {
    let mut recorded = BTreeSet::new();
    // Which open incident each fault belongs to, and how many of an incident's alerts fire.
    let mut home: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Findings::default();
    for line in trail {
        let (event, incident) = (&line["event"], line["incident"].as_str().unwrap_or_default());
        let data = &event["data"];
        match event["kind"].as_str().unwrap() {
            "delivery_received" | "alerts_folded" => {
                recorded.insert(data["delivery"].as_str().unwrap().to_owned());
                for folded in data["folded"].as_array().into_iter().flatten() {
                    let identity = folded["identity"].as_str().unwrap().to_owned();
                    if folded["how"].get("joined").is_some() {
                        home.insert(identity, folded["incident"].as_str().unwrap().to_owned());
                    } else if folded["how"].get("ended").is_some() {
                        home.remove(&identity);
                    }
                }
            }
            "incident_opened" => {
                found.incidents += 1;
                let identity = data["identity"].as_str().unwrap().to_owned();
                if let Some(open) = home.insert(identity, incident.to_owned()) {
                    found.doubled.push(format!("{incident} beside {open}"));
                }
            }
            "alert_ended" | "incident_closed" => home.retain(|_, of| of != incident),
            "triaged" if data["triage"].get("away").is_some() => {
                home.retain(|_, of| of != incident);
            }
            _ => {}
        }
    }
    found.lost = acknowledged.iter().filter(|d| !recorded.contains(*d)).cloned().collect();
    found
}

#[test]
fn the_audit_finds_what_is_lost_and_what_is_opened_twice() {
    let opened = |incident: &str| {
        serde_json::json!({"incident": incident, "event":
            {"kind": "incident_opened", "data": {"identity": "a"}}})
    };
    let trail = [opened("one"), opened("two")];
    let found = audit(&trail, &["d".to_owned()]);
    assert_eq!(found.lost, ["d"]);
    assert_eq!(found.doubled, ["two beside one"]);
}
