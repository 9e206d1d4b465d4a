//! Another process that runs a command, so that it can be killed, or be somebody else.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};
use tagout::exec::{Containment, Executor, Stop};

use crate::house::permit;
use crate::world::{MARK, order, settings};

/// The variable with what the process is to do.
const ORDERS: &str = "TEST_AGENT";

/// What the process is to do.
#[derive(Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) containment: Containment,
    pub(crate) cgroup: Option<PathBuf>,
    pub(crate) script: String,
    pub(crate) mark: String,
    pub(crate) ready: PathBuf,
}

/// Starts it, before the arguments of `before` if there are any.
pub(crate) fn start(orders: &Orders, before: &[&str]) -> Child {
    let own = std::env::current_exe().unwrap();
    let mut all = before.iter().map(Path::new).chain([own.as_path()]);
    Command::new(all.next().unwrap())
        .args(all)
        .args(["--exact", "agent::as_another_process_it_runs_what_a_test_orders", "--nocapture"])
        .env(ORDERS, serde_json::to_string(orders).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn as_another_process_it_runs_what_a_test_orders() {
    // As one of the tests there is nothing to do; the tests that start this process look at it.
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let mut settings = settings();
    settings.cgroup = orders.cgroup;
    let permit = permit();
    let mut order = order(&permit, &orders.script, &[orders.ready.to_str().unwrap()]);
    order.environment.insert(MARK.into(), orders.mark);
    order.containments = vec![orders.containment];
    let outcome = Executor::open(settings).unwrap().run(permit, order, Stop::new());
    println!("{:?} in {:?}\n{}", outcome.end, outcome.containment, outcome.stdout.text());
}
