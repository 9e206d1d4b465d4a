//! One outage, a hundred thousand alerts.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};
use tagout_core::policy::EscalationPolicy;

use super::daemons::Alertmanager;
use super::home::Home;
use super::peers::{block_on, receiver};
use super::service::{Service, call, configuration};

const ALERTS: usize = 100_000;
const NAMES: usize = 20;

/// The alerts of an outage: every name on every instance, a tenth of them errors.
fn alert(n: usize) -> Value {
    let severity = if n % NAMES < 2 { "error" } else { "warning" };
    json!({"alertname": format!("Fault{}", n % NAMES), "severity": severity,
           "instance": format!("web-{}:9100", n / NAMES), "cluster": "eu-1"})
}

/// What the log says of the alerts: the identities that were opened or joined, and how often
/// one was taken in more than once.
fn accounted(trail: &[Value]) -> (BTreeSet<String>, usize) {
    let (mut known, mut twice) = (BTreeSet::new(), 0);
    for line in trail {
        let (kind, data) = (line["event"]["kind"].as_str().unwrap(), &line["event"]["data"]);
        if kind == "incident_opened" {
            twice += usize::from(!known.insert(data["identity"].as_str().unwrap().to_owned()));
        }
        for folded in data["folded"].as_array().into_iter().flatten() {
            if folded["how"].get("joined").is_some() {
                let identity = folded["identity"].as_str().unwrap().to_owned();
                twice += usize::from(!known.insert(identity));
            }
        }
    }
    (known, twice)
}

#[test]
fn a_storm_of_a_hundred_thousand_alerts_makes_a_handful_of_incidents() {
    let home = Home::new();
    // The shipped rules: this is what a team gets that changes nothing.
    let text = configuration("", "").replace("policy = \"../../policy.toml\"\n", "");
    home.write("state/tagout/tagout.toml", text);
    let made = call(&home);
    let service = Service::of(home, made);
    let start = Instant::now();
    block_on(async {
        // Twenty groups of 5,000 alerts, each sent whole whenever something joins it.
        let groups = receiver(&service.address, "alertname", "");
        let alertmanager = Alertmanager::start(&groups).await;
        let all: Vec<Value> = (0..ALERTS).map(alert).collect();
        for some in all.chunks(5_000) {
            alertmanager.fire(some).await;
        }
        service.wait("every alert", |service| {
            let remembered = service.metric("tagout_alerts_remembered").unwrap_or(0.0);
            (remembered >= ALERTS as f64).then_some(())
        });
    });
    let took = start.elapsed();
    let home = service.stop();
    let trail = home.trail();
    let (known, twice) = accounted(&trail);
    assert_eq!((known.len(), twice), (ALERTS, 0), "each alert is in one incident");
    let count = |kind: &str| trail.iter().filter(|l| l["event"]["kind"] == kind).count();
    let (incidents, reviews) = (count("incident_opened"), count("review_requested"));
    println!("storm | {ALERTS} alerts | {incidents} incidents | {reviews} reviews | {took:?}");
    // Of each of two severities: the first ones by themselves, then what gathers: by name for
    // names that came often enough before, and for everything else.
    let storm = EscalationPolicy::shipped().unwrap().noise.storm;
    let own = 2 * storm.overall as usize;
    let gather = 2 * (1 + storm.overall as usize / storm.per_name as usize);
    assert!(incidents <= own + gather, "{incidents} incidents");
    assert!(reviews <= own, "{reviews} requests for review");
    home.assert_log_holds();
}
