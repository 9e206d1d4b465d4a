//! Memory while the same alerts come again and again. `TAGOUT_SOAK_ALERTS` and
//! `TAGOUT_SOAK_IDENTITIES` make it long.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use super::chance::{self, Chance};
use super::http::Request;
use super::service::{SECRET, Service};

/// How many alerts one body holds.
const GROUP: usize = 200;
/// By how much the service may grow after the first quarter, in KiB and in parts of what it
/// had then.
const GROWTH: (u64, u64) = (32 << 10, 5);

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// The resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// A group of alerts; one in twenty ends or begins again.
fn group(states: &mut [(u32, bool)], first: usize, chance: &mut Chance) -> String {
    let all = states.len();
    let alerts: Vec<Value> = (first..first + GROUP)
        .map(|n| n % all)
        .map(|n| {
            let (episode, firing) = &mut states[n];
            if chance.within(0, 100) < 5 {
                *episode += u32::from(!*firing);
                *firing = !*firing;
            }
            let at = |minute: u32| {
                let (day, hour) = (1 + *episode / 24 % 28, *episode % 24);
                format!("2026-01-{day:02}T{hour:02}:{minute:02}:00Z")
            };
            json!({
                "status": if *firing { "firing" } else { "resolved" },
                "labels": {
                    "alertname": "NodeDown", "instance": format!("n-{n}"), "environment": "test",
                    "severity": "warning",
                },
                "annotations": {"summary": "The node does not answer"},
                "startsAt": at(0),
                "endsAt": if *firing { "0001-01-01T00:00:00Z".to_owned() } else { at(30) },
            })
        })
        .collect();
    json!({"version": "4", "receiver": "tagout", "status": "firing", "alerts": alerts}).to_string()
}

#[test]
fn memory_stays_flat_while_the_same_alerts_come_again_and_again() {
    let alerts = number("TAGOUT_SOAK_ALERTS", 60_000);
    let identities = number("TAGOUT_SOAK_IDENTITIES", 2_000);
    let seed = chance::seed();
    let service = Service::start();
    let pid = service.pid();
    let (mut chance, mut states) = (Chance::new(seed, 0), vec![(0, true); identities]);
    let begun = Instant::now();
    let (mut sent, mut refused, mut steps) = (0, 0, vec![(0, resident(pid))]);
    for eighth in 1..=8 {
        while sent < alerts * eighth / 8 {
            let body = group(&mut states, sent, &mut chance);
            let request = || Request::new("POST", "/v1/sources/am").token(SECRET).body(&*body);
            let answer = request().send(&service.address);
            if answer.status == 503 {
                // It took too long, on a machine that does other work beside: sent again, as every
                // source does.
                refused += 1;
                request().send(&service.address).is(200);
            } else {
                answer.is(200);
            }
            sent += GROUP;
        }
        steps.push((sent, resident(pid)));
    }
    let shown: Vec<_> = steps.iter().map(|(n, kib)| format!("{n}: {} MiB", kib >> 10)).collect();
    println!(
        "MEASURED memory sqlite: seed {seed}, {sent} alerts of {identities} identities, {:.0} \
         alerts/s over one connection, {refused} deliveries sent again; resident after {}",
        sent as f64 / begun.elapsed().as_secs_f64(),
        shown.join(", "),
    );
    let (quarter, end) = (steps[2].1, steps[8].1);
    let most = quarter + GROWTH.0.max(quarter / GROWTH.1);
    assert!(end <= most, "{quarter} KiB after a quarter, {end} KiB at the end");
    service.stop();
}
