//! One service that is killed and started again, and what is counted of it.

use std::thread;
use std::time::{Duration, Instant};

use super::home::{Home, POLICY};
use super::load::{Load, Met};
use super::random::Random;
use super::service::{Service, call, configuration};

/// How many kills, unless the environment says it.
const CYCLES: usize = 25;

/// How many cycles are asked for.
pub(crate) fn cycles() -> usize {
    std::env::var("TAGOUT_SOAK_CYCLES").map_or(CYCLES, |cycles| cycles.parse().unwrap())
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// All kills.
    pub(crate) kills: usize,
    /// Those that hit while at least one request was sent and not answered.
    pub(crate) bit: usize,
    /// Those that hit before the service listened.
    pub(crate) while_starting: usize,
    /// Requests that got no answer.
    pub(crate) unanswered: usize,
    /// The longest start, until it was ready.
    pub(crate) slowest_start: Duration,
}

impl Counts {
    pub(crate) fn add(&mut self, met: &Met) {
        self.kills += 1;
        self.bit += usize::from(met.unanswered > 0);
        self.unanswered += met.unanswered;
    }

    /// The line for docs/measurements.md. Fails if no kill bit.
    pub(crate) fn tell(&self, store: &str, seed: u64, load: &Load, incidents: usize) {
        println!(
            "MEASURED crash {store}: seed {seed}, {} kills ({} with requests unanswered, {} while \
             starting), {} requests unanswered, {} acknowledged, {incidents} incidents, 0 lost, \
             0 duplicated; slowest start {:.1} s",
            self.kills,
            self.bit,
            self.while_starting,
            self.unanswered,
            load.acknowledged.len(),
            self.slowest_start.as_secs_f64(),
        );
        assert!(self.bit > 0, "no kill hit while a request was under way");
    }
}

/// A home whose service takes every alert for itself, for as long as the test lasts.
pub(crate) fn home(rest: &str) -> Home {
    let home = Home::new();
    // An incident that was closed by its plan is not opened again before the test is over.
    home.write("policy.toml", POLICY.replace("[noise]", "[noise]\ncooldown = \"24h\""));
    home.write("state/tagout/tagout.toml", configuration("", rest));
    home
}

/// Starts the service and waits until it is ready.
pub(crate) fn start(home: Home, counts: &mut Counts) -> Service {
    let begun = Instant::now();
    let call = call(&home);
    let service = Service::of(home, call);
    service.wait("readiness", |service| (service.ready().0 == 200).then_some(()));
    counts.slowest_start = counts.slowest_start.max(begun.elapsed());
    service
}

/// Kills a service that is just starting.
pub(crate) fn kill_while_starting(home: &Home, random: &mut Random, counts: &mut Counts) {
    let mut running = call(home).spawn();
    thread::sleep(random.milliseconds(5, 1_500));
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    counts.kills += 1;
    counts.while_starting += 1;
}

/// Kills the one service again and again.
pub(crate) fn one_service(store: &str, rest: &str) {
    let seed = Random::seed();
    println!("{store}: seed {seed}, {} cycles", cycles());
    let (mut random, mut load) = (Random::new(seed), Load::new(seed));
    let mut counts = Counts::default();
    let mut home = home(rest);
    for _ in 0..cycles() {
        if random.percent(15) {
            kill_while_starting(&home, &mut random, &mut counts);
        }
        let service = start(home, &mut counts);
        load.acknowledged.check(&service.home);
        let (address, after) = (service.address.clone(), random.milliseconds(20, 700));
        let mut killed = None;
        let kill = || {
            thread::sleep(after);
            killed = Some(service.kill());
        };
        counts.add(&load.run(&[address], kill, None, Duration::ZERO));
        home = killed.unwrap();
    }
    let service = start(home, &mut counts);
    let incidents = load.acknowledged.check(&service.home);
    let home = service.stop();
    home.assert_log_holds();
    counts.tell(store, seed, &load, incidents);
}
