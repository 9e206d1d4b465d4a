//! What the log must hold, whatever happened to the process that wrote it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::home::Home;
use super::sender::Receipt;

/// What was answered 2xx.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// How often each delivery was.
    deliveries: BTreeMap<String, usize>,
    incidents: BTreeSet<String>,
}

impl Acknowledged {
    pub(crate) fn add(&mut self, receipt: Receipt) {
        *self.deliveries.entry(receipt.delivery).or_default() += 1;
        self.incidents.extend(receipt.incidents);
    }

    pub(crate) fn len(&self) -> usize {
        self.deliveries.values().sum()
    }

    /// The log holds, has everything that was acknowledged, and nothing twice. Says how many
    /// incidents it has.
    pub(crate) fn check(&self, home: &Home) -> usize {
        home.assert_log_holds();
        self.check_trail(&home.trail())
    }

    fn check_trail(&self, trail: &[Value]) -> usize {
        let mut recorded = BTreeMap::<&str, usize>::new();
        let mut opened = BTreeSet::new();
        let mut firings = BTreeSet::new();
        let mut open = BTreeMap::<&str, &str>::new();
        let mut of = BTreeMap::<&str, &str>::new();
        for line in trail {
            let data = &line["event"]["data"];
            let incident = line["incident"].as_str().unwrap_or_default();
            match line["event"]["kind"].as_str().unwrap() {
                "delivery_received" => {
                    *recorded.entry(data["delivery"].as_str().unwrap()).or_default() += 1;
                }
                "incident_opened" => {
                    let identity = data["identity"].as_str().unwrap();
                    assert!(opened.insert(incident), "{incident} was opened twice");
                    // One alert that began once has one incident, however often it was sent.
                    let firing = (identity, data["alert"]["starts_at"].to_string());
                    assert!(firings.insert(firing), "two incidents of one firing: {line}");
                    if let Some(other) = open.insert(identity, incident) {
                        panic!("{incident} was opened beside {other}: {line}");
                    }
                    of.insert(incident, identity);
                }
                kind if ends(kind, data) => {
                    if of.get(incident).is_some_and(|id| open.get(id) == Some(&incident)) {
                        open.remove(of[incident]);
                    }
                }
                _ => {}
            }
        }
        for (delivery, times) in &self.deliveries {
            let found = recorded.get(delivery.as_str()).copied().unwrap_or(0);
            assert!(
                found >= *times,
                "{delivery}: answered {times} times, in the log {found} times"
            );
        }
        for incident in &self.incidents {
            assert!(opened.contains(incident.as_str()), "{incident} was answered and is not there");
        }
        opened.len()
    }
}

/// Whether an incident is over with this event.
fn ends(kind: &str, data: &Value) -> bool {
    match kind {
        "alert_ended" | "incident_closed" | "plan_finished" => true,
        "triaged" => data["triage"].get("away").is_some(),
        _ => false,
    }
}

fn opened(incident: &str, began: &str) -> Value {
    let data = serde_json::json!({"identity": "a", "alert": {"starts_at": began}});
    serde_json::json!({"incident": incident, "event": {"kind": "incident_opened", "data": data}})
}

#[test]
#[should_panic(expected = "was opened beside")]
fn a_second_open_incident_of_an_alert_is_found() {
    Acknowledged::default().check_trail(&[opened("one", "1"), opened("two", "2")]);
}

#[test]
#[should_panic(expected = "two incidents of one firing")]
fn a_second_incident_of_one_firing_is_found_although_the_first_is_over() {
    let over = serde_json::json!({"incident": "one", "event": {"kind": "alert_ended", "data": {}}});
    Acknowledged::default().check_trail(&[opened("one", "1"), over, opened("two", "1")]);
}

#[test]
#[should_panic(expected = "answered 1 times, in the log 0 times")]
fn an_acknowledged_delivery_that_is_not_in_the_log_is_found() {
    let mut acknowledged = Acknowledged::default();
    acknowledged.add(Receipt { delivery: "d".into(), incidents: Vec::new() });
    acknowledged.check_trail(&[]);
}
