//! Prints the figures of the retrieval evaluation on `evals/retrieval`, one line per set and mode.
//!
//! `cargo run --release -p tagout-search --example evaluate`

use tagout_search::{
    Embedder, MemoryCache, Mode, QueryRow, SearchOptions, evaluate, parse_corpus, parse_queries,
};

/// Name of the set, its corpus, its query files, and from which to which row they are read.
type Set = (&'static str, &'static str, &'static [&'static str], &'static [(usize, usize)]);

const ALL: &[(usize, usize)] = &[(0, usize::MAX)];

const SETS: &[Set] = &[
    ("queries", "corpus", &["queries"], ALL),
    ("twin", "corpus", &["queries_twin"], ALL),
    ("both + near", "corpus", &["queries", "queries_twin", "no_runbook_near"], ALL),
    ("both + far", "corpus", &["queries", "queries_twin", "no_runbook_far"], ALL),
    (
        "everything",
        "corpus",
        &["queries", "queries_twin", "no_runbook_near", "no_runbook_far"],
        ALL,
    ),
    ("bundled", "bundled_corpus", &["bundled_queries"], ALL),
    ("bundled + far", "bundled_corpus", &["bundled_queries"], &[(0, 200)]),
    ("bundled + near", "bundled_corpus", &["bundled_queries"], &[(0, 150), (200, 250)]),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}.jsonl"));
    let embedder = Embedder::bundled()?;
    let mut cache = MemoryCache::default();
    println!(
        "{:14} {:5} {:5} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6} {:>6} {:>6} {:>9} {:>6} {:>8} {:>8}",
        "set",
        "mode",
        "keys",
        "R@1",
        "R@3",
        "MRR",
        "AUROC",
        "cov95",
        "ECE",
        "ECEcv",
        "Brier",
        "precision",
        "recall",
        "p50 us",
        "p99 us"
    );
    for (name, corpus, files, ranges) in SETS {
        let corpus = parse_corpus(corpus, &read(corpus)?)?;
        let mut queries: Vec<QueryRow> = Vec::new();
        for file in *files {
            queries.extend(parse_queries(file, &read(file)?)?);
        }
        let queries: Vec<QueryRow> = queries
            .into_iter()
            .enumerate()
            .filter(|(at, _)| ranges.iter().any(|(from, to)| (from..to).contains(&at)))
            .map(|(_, row)| row)
            .collect();
        for (mode, keys) in
            [(Mode::Full, true), (Mode::Full, false), (Mode::Text, false), (Mode::Prose, false)]
        {
            let options = SearchOptions { mode, keys, limit: 3 };
            let report = evaluate(&embedder, &corpus, &queries, &options, &mut cache)?;
            let maybe = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
            // Of what counts as a match, how much is right; of what has a runbook, how much is a
            // match and right.
            let matched = report.results.iter().filter(|r| r.matched).count() as f64;
            let good = report.results.iter().filter(|r| r.matched && r.right).count() as f64;
            println!(
                "{name:14} {:5} {:5} {:6.3} {:6.3} {:6.3} {:>6} {:7.3} {:6.3} {:>6} {:6.3} {:9.3} {:6.3} {:8} {:8}",
                format!("{mode:?}"),
                keys,
                report.recall_at_1,
                report.recall_at_3,
                report.mrr,
                maybe(report.no_match.auroc),
                report.no_match.coverage_at_95_precision,
                report.calibration.ece,
                maybe(report.calibration.ece_cross_validated),
                report.calibration.brier,
                good / matched,
                good / report.with_runbook as f64,
                report.latency_us.p50,
                report.latency_us.p99,
            );
        }
    }
    Ok(())
}
