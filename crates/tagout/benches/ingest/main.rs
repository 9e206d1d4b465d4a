//! Tagout beside its peers, in one run on one machine: a real Alertmanager, which keeps alerts
//! in memory, and the least that a durable receiver can do. Each gets the same alerts at 64
//! connections: three alerts a request, every one of them new, and then of three thousand.
//!
//! `cargo bench -p tagout --bench ingest [-- SECONDS [PEER…]]`, a peer being `alertmanager`,
//! `bare`, `sqlite` or `postgres`. Needs Debian's `prometheus-alertmanager`
//! and `postgresql`. Absolute figures say little about another machine: quote the ratios.

mod bare;
mod load;
mod peers;

use std::time::Duration;

use load::{Load, Outcome, SLOT};
use peers::Peer;

const CONNECTIONS: usize = 64;
const FEW: u64 = 3_000;

/// What one peer reached.
struct Row {
    name: &'static str,
    durable: bool,
    fresh: Outcome,
    known: Outcome,
    half: Outcome,
    /// Processor time for one request, in microseconds.
    fresh_cpu: f64,
    known_cpu: f64,
    peak_mib: f64,
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    if first.as_deref() == Some("bare") {
        // Run again as the bare endpoint: on this port, over this database.
        let (port, database) = (args.next().expect("a port"), args.next().expect("a database"));
        let listener = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).expect("a port");
        return bare::serve(listener, std::path::Path::new(&database));
    }
    let seconds = first.map_or(8, |text| text.parse().expect("a number of seconds"));
    let time = Duration::from_secs(seconds);
    let chosen: Vec<String> = args.collect();
    type Start = fn() -> Peer;
    let peers: [(&str, Start); 4] = [
        ("alertmanager", Peer::alertmanager),
        ("bare", Peer::bare),
        ("sqlite", Peer::sqlite),
        ("postgres", Peer::postgres),
    ];
    let rows: Vec<Row> = peers
        .into_iter()
        .filter(|(name, _)| chosen.is_empty() || chosen.iter().any(|other| other == name))
        .map(|(_, start)| measure(start(), time))
        .collect();
    print(&rows, seconds);
}

fn measure(peer: Peer, time: Duration) -> Row {
    eprintln!("{} …", peer.name);
    let load = |identities, first, rate, time| Load {
        address: peer.address,
        path: peer.path.to_owned(),
        headers: peer.headers.clone(),
        body: if peer.api { api_body() } else { webhook_body() },
        connections: CONNECTIONS,
        time,
        rate,
        identities,
        first,
    };
    // The first requests warm up connections, caches and allocators, and do not count.
    load::run(&load(Some(FEW), 0, None, Duration::from_secs(1)));
    let (fresh, fresh_cpu) = costing(&peer, &load(None, 1_000_000, None, time));
    let (known, known_cpu) = costing(&peer, &load(Some(FEW), 0, None, time));
    let half = load::run(&load(Some(FEW), 0, Some(known.rate() / 2.0), time));
    let (name, durable, peak_mib) = (peer.name, peer.durable, peer.peak_mib());
    Row { name, durable, fresh, known, half, fresh_cpu, known_cpu, peak_mib }
}

/// Puts a load on a peer. Also the processor time that each request cost it, in microseconds:
/// what else the machine does changes that far less than the rate.
fn costing(peer: &Peer, load: &Load) -> (Outcome, f64) {
    let before = peer.cpu_seconds();
    let outcome = load::run(load);
    let cpu = (peer.cpu_seconds() - before) / outcome.good.max(1) as f64;
    (outcome, cpu * 1e6)
}

fn print(rows: &[Row], seconds: u64) {
    println!(
        "{CONNECTIONS} connections, 3 alerts a request, {seconds} s each; requests/s, latency in \
         ms, cpu in µs a request. new: every alert has a new identity; known: of {FEW} identities; half: known ones at \
         half that rate."
    );
    println!(
        "{:<22} {:>7} {:>9} {:>7} {:>7} {:>7} {:>9} {:>7} {:>7} {:>7} {:>9} {:>9}",
        "",
        "durable",
        "new/s",
        "cpu",
        "p50",
        "p99",
        "known/s",
        "cpu",
        "p50",
        "p99",
        "half p99",
        "peak MiB"
    );
    for row in rows {
        let (mut fresh, mut known, mut half) =
            (row.fresh.clone(), row.known.clone(), row.half.clone());
        println!(
            "{:<22} {:>7} {:>9.0} {:>7.0} {:>7.1} {:>7.1} {:>9.0} {:>7.0} {:>7.1} {:>7.1} {:>9.1} {:>9.0}",
            row.name,
            if row.durable { "yes" } else { "no" },
            row.fresh.rate(),
            row.fresh_cpu,
            fresh.quantile(0.5),
            fresh.quantile(0.99),
            row.known.rate(),
            row.known_cpu,
            known.quantile(0.5),
            known.quantile(0.99),
            half.quantile(0.99),
            row.peak_mib
        );
        let bad = row.fresh.bad + row.known.bad + row.half.bad;
        if bad > 0 {
            println!("{:<22} {bad} answers were no 2xx", "");
        }
    }
    let ratio = |to: &str| {
        let Some(base) = rows.iter().find(|row| row.name == to) else { return };
        println!("\nTimes what {to} reached:");
        for row in rows.iter().filter(|row| row.name != to) {
            println!(
                "{:<22} {:>7.2} new {:>7.2} known {:>7.2} peak memory",
                row.name,
                row.fresh.rate() / base.fresh.rate(),
                row.known.rate() / base.known.rate(),
                row.peak_mib / base.peak_mib
            );
        }
    };
    ratio("Alertmanager");
    ratio("bare endpoint");
}

fn labels() -> String {
    format!(
        r#"{{"alertname":"HostHighCpuLoad","instance":"web-{SLOT}:9100","job":"node","severity":"warning","team":"platform","datacenter":"eu-1"}}"#
    )
}

const ANNOTATIONS: &str = r#"{"summary":"CPU load is above 90 %","description":"The load has been above 90 % for 15 minutes.","runbook_url":"https://runbooks.example.org/cpu"}"#;

/// Three alerts as Alertmanager sends them.
fn webhook_body() -> String {
    let alert = format!(
        r#"{{"status":"firing","labels":{},"annotations":{ANNOTATIONS},"startsAt":"2026-11-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example.org/graph","fingerprint":"ff{SLOT}"}}"#,
        labels()
    );
    format!(
        r#"{{"version":"4","groupKey":"{{}}:{{}}","truncatedAlerts":0,"status":"firing","receiver":"tagout","groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://alertmanager.example.org","alerts":[{alert},{alert},{alert}]}}"#
    )
}

/// The same alerts as Alertmanager takes them.
fn api_body() -> String {
    let alert = format!(
        r#"{{"labels":{},"annotations":{ANNOTATIONS},"startsAt":"2026-11-01T10:00:00Z","generatorURL":"http://prometheus.example.org/graph"}}"#,
        labels()
    );
    format!("[{alert},{alert},{alert}]")
}
