//! Two replicas over PostgreSQL while plans run: one of them is killed at random moments, or stopped
//! for longer than its membership and what it runs may last. No step starts twice or goes on after
//! its replica was taken for dead, and unknown is only what was cut.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::chance::{Chance, seed};
use super::home::Home;
use super::replicas::{Pair, start, written};
use super::soak::{STEPS, account};
use super::stage::{Stage, nap};

/// How often, unless `TAGOUT_SOAK_CYCLES` says it.
const CYCLES: u64 = 6;
/// For how long a replica is stopped, in milliseconds: longer than a membership lasts and then what
/// was started under it.
const STOPPED: u64 = 10_000;

/// The living supervisors of a service.
fn supervisors(agent: u32) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let parents = stats.filter_map(|stat| {
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut rest = rest.split(' ');
        let alive = !matches!(rest.next()?, "Z" | "X");
        Some((alive, rest.next()?.parse::<u32>().ok()?))
    });
    parents.filter(|(alive, parent)| *alive && *parent == agent).count()
}

/// When something was last written for a step, by whichever of its processes, in milliseconds.
fn last_written(home: &Home, host: &str, step: &str) -> Option<i64> {
    let files = [format!("{host}-{step}"), format!("{host}-{step}.child")];
    let written = files.iter().filter_map(|file| fs::metadata(home.path("counts").join(file)).ok());
    written.map(|meta| meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000).max()
}

#[test]
fn over_postgresql_no_step_starts_twice_or_outlives_its_replica() {
    let set = std::env::var("TAGOUT_SOAK_CYCLES").ok();
    let cycles = set.map_or(CYCLES, |text| text.parse().unwrap());
    let seed = seed();
    let mut pair = Pair::live();
    let (mut bit, mut plans, mut stops, mut stuck) = (0, 0, 0, 0);
    // The one that did not lead, and the one that did.
    let mut hit = [0, 0];
    for cycle in 1..=cycles {
        let mut chance = Chance::new(seed, cycle);
        let stop = cycle % 4 == 3;
        // Mostly the one that runs something.
        let leader = pair.leader();
        let which = if chance.within(0, 4) == 0 { 1 - leader } else { leader };
        hit[usize::from(which == leader)] += 1;
        for plan in 0..2 {
            let ticks = if stop { chance.within(10, 30) } else { chance.within(3, 15) };
            let to = &pair.replicas[usize::try_from(chance.within(0, 2)).unwrap()];
            to.alert("Rotate", &format!("h{cycle}-{plan}"), &ticks.to_string());
            plans += 1;
        }
        nap(chance.within(200, 2500));
        if stop {
            let service = &pair.replicas[which].service;
            let running = supervisors(service.pid());
            service.signal("-STOP");
            stops += 1;
            bit += u64::from(running > 0);
            nap(STOPPED);
            stuck += supervisors(service.pid());
            service.signal("-CONT");
            continue;
        }
        let open = |stage: &Stage| {
            let (starts, _) = account(&stage.service.home);
            starts.values().filter(|start| start.finished + start.lost == 0).count()
        };
        let running = supervisors(pair.replicas[which].service.pid());
        let (alive, (home, ada, ben), cluster, database) = pair.kill(which);
        bit += u64::from(running > 0 && open(&alive) > 0);
        // Beside a replica that signs.
        home.assert_log_holds();
        let service = start(home);
        let again = Stage { ada: ada.at(&service), ben: ben.at(&service), service };
        let replicas = if which == 0 { [again, alive] } else { [alive, again] };
        pair = Pair { replicas, cluster, database };
    }
    let stage = &pair.replicas[0];
    stage.wait("the end of all plans", || {
        let running = stage.steps().iter().any(|step| step["state"] == "running");
        let (starts, hosts) = account(&stage.service.home);
        let settled = hosts.keys().all(|incident| {
            let lost = STEPS.iter().any(|step| {
                starts.get(&(incident.clone(), (*step).to_owned())).is_some_and(|s| s.lost > 0)
            });
            lost || ["completed", "failed"].contains(&&*stage.state(incident))
        });
        nap(500);
        !running && settled
    });
    let unknown = stage.steps();
    let Pair { replicas: [first, second], cluster, .. } = pair;
    second.service.stop();
    let home = first.service.stop();
    home.assert_log_holds();
    let (starts, hosts) = account(&home);
    let (mut twice, mut undecided, mut unrecorded, mut wrong, mut late) = (0, 0, 0, 0, 0);
    for ((incident, step), start) in &starts {
        let lines = written(&home, &hosts[incident], step);
        let begun = lines.iter().filter(|line| *line == "begin").count();
        let ended = lines.iter().filter(|line| *line == "end").count();
        twice += usize::from(start.started > 1 || begun > 1);
        undecided += usize::from(!start.granted_before);
        wrong += usize::from(start.succeeded && (begun, ended) != (1, 1));
        wrong += usize::from(start.started != start.finished + start.lost);
        // Nothing of it ran on when it was said what became of it. The clock of files is coarse.
        let last = last_written(&home, &hosts[incident], step);
        late += usize::from(last.zip(start.over_at).is_some_and(|(last, over)| last > over + 20));
    }
    for (incident, host) in &hosts {
        for step in STEPS {
            let ran = !written(&home, host, step).is_empty();
            let started = starts.contains_key(&(incident.clone(), step.to_owned()));
            unrecorded += usize::from(ran && !started);
        }
    }
    let lost = starts.values().filter(|start| start.lost > 0).count();
    let stopped = starts.values().filter(|s| s.finished > 0 && !s.succeeded).count();
    let [followers, leaders] = hit;
    println!("it hit {leaders} times the replica that led, {followers} times the other");
    println!("{stops} cycles stopped a replica; {stopped} starts were ended and recorded as such");
    println!(
        "| commit | date | store | seed | cycles | kills that bit | plans | starts | unknown | twice | \
         undecided | unrecorded | wrong |"
    );
    println!(
        "| | | postgresql | {seed} | {cycles} | {bit} | {plans} | {} | {lost} | {twice} | {undecided} | \
         {unrecorded} | {} |",
        starts.len(),
        wrong + late + stuck
    );
    assert_eq!((twice, undecided, unrecorded, wrong), (0, 0, 0, 0));
    assert_eq!(late, 0, "a step ran on after it was said what became of it");
    assert_eq!(stuck, 0, "steps of a stopped replica ran on");
    assert_eq!(unknown.len(), lost, "unknown is what was cut: {unknown:?}");
    assert!(bit > 0, "nothing hit a running step");
    drop(cluster);
}
