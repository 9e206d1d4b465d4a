//! What ships in the binary: runbooks, the scenarios they are evaluated on, and real alerts.

/// A page of the bundled runbooks, by its name and its text.
macro_rules! pages {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../runbooks/", $name)))),+]
    };
}

/// The bundled runbooks: name and text of each page.
pub const RUNBOOKS: [(&str, &str); 18] = pages![
    "backup-failed.md",
    "cache-down.md",
    "certificate-expiry.md",
    "connection-pool.md",
    "cpu-saturation.md",
    "crash-loop.md",
    "disk-full.md",
    "disk-io-slow.md",
    "dns-failure.md",
    "error-rate.md",
    "failover-data-loss.md",
    "high-latency.md",
    "job-failed.md",
    "memory-oom.md",
    "node-not-ready.md",
    "queue-lag.md",
    "replication-lag.md",
    "traffic-spike.md",
];

/// The scenarios of `tagout eval`, in the order in which they were written: the first file by
/// somebody who had read neither ranker nor policy.
pub const SCENARIOS: [(&str, &str); 2] = [
    ("blind.jsonl", include_str!("../../../evals/scenarios/blind.jsonl")),
    ("main.jsonl", include_str!("../../../evals/scenarios/main.jsonl")),
];

/// The policy that the scenarios are evaluated under.
pub const EVALUATION_POLICY: &str = include_str!("../../../evals/policy.toml");

/// The deliveries that the demonstration takes in: bodies that a real Alertmanager posted,
/// then alerts of our own.
pub const DELIVERIES: [(&str, &str); 4] = [
    (
        "a firing alert, as Alertmanager posts it",
        include_str!("../../../evals/webhooks/alertmanager_firing.json"),
    ),
    (
        "the same alert again, in a group of three",
        include_str!("../../../evals/webhooks/alertmanager_grouped.json"),
    ),
    ("alerts from many places", include_str!("../../../evals/demo.jsonl")),
    (
        "the group of three, resolved",
        include_str!("../../../evals/webhooks/alertmanager_resolved.json"),
    ),
];
