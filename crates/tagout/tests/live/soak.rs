//! `kill -9` of the service at random moments while plans run: no step is started twice, none
//! without its decision, and unknown is exactly what was cut.

use std::collections::BTreeMap;

use serde_json::Value;
use tagout_core::time::Time;

use super::chance::{Chance, cycles, seed};
use super::home::Home;
use super::stage::{Stage, lines, nap};

/// The steps of a plan that leave a file.
pub(super) const STEPS: [&str; 4] = ["look", "one", "two", "verify"];

/// What the log says of one start.
#[derive(Default)]
pub(super) struct Start {
    pub(super) started: usize,
    pub(super) finished: usize,
    pub(super) lost: usize,
    pub(super) succeeded: bool,
    pub(super) granted_before: bool,
    /// When its end, or that nobody knows it, was recorded, in milliseconds.
    pub(super) over_at: Option<i64>,
}

/// Every start by incident and step, and the host of each incident.
pub(super) fn account(
    home: &Home,
) -> (BTreeMap<(String, String), Start>, BTreeMap<String, String>) {
    let (mut starts, mut hosts) = (BTreeMap::<(String, String), Start>::new(), BTreeMap::new());
    let mut granted: BTreeMap<String, Value> = BTreeMap::new();
    for line in home.trail() {
        let incident = line["incident"].as_str().unwrap_or_default().to_owned();
        let (kind, data) = (line["event"]["kind"].as_str().unwrap(), &line["event"]["data"]);
        let step = data["step"].as_str().unwrap_or_default().to_owned();
        let key = (incident.clone(), step);
        let at: Time = serde_json::from_value(line["at"].clone()).unwrap();
        match kind {
            "plan_proposed" => {
                let host = data["plan"]["target"].as_str().unwrap().to_owned();
                hosts.insert(incident, host);
            }
            "plan_granted" => drop(granted.insert(incident, data["plan"].clone())),
            "step_started" => {
                let before = granted.get(&incident) == Some(&data["plan"]);
                let start = starts.entry(key).or_default();
                start.started += 1;
                start.granted_before = before;
            }
            "step_finished" => {
                let start = starts.entry(key).or_default();
                start.finished += 1;
                start.over_at = Some(at.millis());
                start.succeeded = data["outcome"] == "succeeded";
            }
            "step_lost" => {
                let start = starts.entry(key).or_default();
                // What is told later settles nothing, and is recorded as another such word.
                start.lost = 1;
                start.over_at.get_or_insert(at.millis());
            }
            _ => {}
        }
    }
    (starts, hosts)
}

#[test]
fn no_step_starts_twice_or_undecided_and_unknown_is_exactly_what_was_cut() {
    let (seed, cycles) = (seed(), cycles());
    let mut stage = Stage::live();
    let (mut bit, mut plans) = (0, 0);
    for cycle in 1..=cycles {
        let mut chance = Chance::new(seed, cycle);
        for plan in 0..2 {
            let seconds = format!("0.{}", chance.within(1, 6));
            stage.alert("Rotate", &format!("h{cycle}-{plan}"), &seconds);
            plans += 1;
        }
        nap(chance.within(0, 2500));
        let (home, ada, ben) = stage.kill();
        let (starts, _) = account(&home);
        let open = starts.values().filter(|start| start.finished + start.lost == 0).count();
        bit += u64::from(open > 0);
        home.assert_log_holds();
        stage = Stage { service: super::stage::start(home), ada, ben };
        let (ada, ben) = (stage.ada.at(&stage.service), stage.ben.at(&stage.service));
        stage = Stage { ada, ben, ..stage };
    }
    // Whatever is left of the plans runs to its end, but for what is unknown.
    stage.wait("the end of all plans", || {
        let open = stage.steps();
        let running = open.iter().any(|step| step["state"] == "running");
        let (starts, hosts) = account(&stage.service.home);
        let settled = hosts.keys().all(|incident| {
            let lost = STEPS.iter().any(|step| {
                starts.get(&(incident.clone(), (*step).to_owned())).is_some_and(|s| s.lost > 0)
            });
            lost || ["completed", "failed"].contains(&&*stage.state(incident))
        });
        !running && settled
    });
    let unknown = stage.steps();
    let home = stage.service.stop();
    home.assert_log_holds();
    let (starts, hosts) = account(&home);
    let (mut twice, mut undecided, mut unrecorded, mut wrong) = (0, 0, 0, 0);
    for ((incident, step), start) in &starts {
        let written = lines(&home, &hosts[incident], step);
        let begun = written.iter().filter(|line| *line == "begin").count();
        let ended = written.iter().filter(|line| *line == "end").count();
        twice += usize::from(start.started > 1 || begun > 1);
        undecided += usize::from(!start.granted_before);
        // What succeeded ran to its end; what has no end is lost, and nothing else is.
        wrong += usize::from(start.succeeded && (begun, ended) != (1, 1));
        wrong += usize::from(start.started != start.finished + start.lost);
        wrong += usize::from(written.iter().any(|line| line == "survived"));
    }
    for (incident, host) in &hosts {
        for step in STEPS {
            let written = !lines(&home, host, step).is_empty();
            let started = starts.contains_key(&(incident.clone(), step.to_owned()));
            unrecorded += usize::from(written && !started);
        }
    }
    let lost = starts.values().filter(|start| start.lost > 0).count();
    println!(
        "| commit | date | store | seed | cycles | kills that bit | plans | starts | unknown | twice | \
         undecided | unrecorded | wrong |"
    );
    println!(
        "| | | sqlite | {seed} | {cycles} | {bit} | {plans} | {} | {lost} | {twice} | {undecided} | \
         {unrecorded} | {wrong} |",
        starts.len()
    );
    assert_eq!((twice, undecided, unrecorded, wrong), (0, 0, 0, 0));
    assert_eq!(unknown.len(), lost, "unknown is what was cut: {unknown:?}");
    assert!(bit > 0, "no kill hit a running step");
    assert!(lost > 0, "no step was cut");
}
