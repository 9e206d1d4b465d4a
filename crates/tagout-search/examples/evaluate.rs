//! Prints the figures of the retrieval evaluation on `evals/retrieval`, one line per set and mode.
//!
//! `cargo run --release -p tagout-search --example evaluate`

use tagout_search::{
    Embedder, MemoryCache, Mode, QueryRow, SearchOptions, evaluate, parse_corpus, parse_queries,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}"));
    let embedder = Embedder::bundled()?;
    let mut cache = MemoryCache::default();
    let corpus = parse_corpus("corpus.jsonl", &read("corpus.jsonl")?)?;
    let sets: [(&str, &[&str]); 5] = [
        ("queries", &["queries"]),
        ("twin", &["queries_twin"]),
        ("both + near", &["queries", "queries_twin", "no_runbook_near"]),
        ("both + far", &["queries", "queries_twin", "no_runbook_far"]),
        ("everything", &["queries", "queries_twin", "no_runbook_near", "no_runbook_far"]),
    ];
    println!(
        "{:12} {:5} {:5} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6} {:>6} {:>6} {:>8} {:>8}",
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
        "p50 us",
        "p99 us"
    );
    for (name, files) in sets {
        let mut queries: Vec<QueryRow> = Vec::new();
        for file in files {
            let file = format!("{file}.jsonl");
            queries.extend(parse_queries(&file, &read(&file)?)?);
        }
        for (mode, keys) in
            [(Mode::Full, true), (Mode::Full, false), (Mode::Text, false), (Mode::Prose, false)]
        {
            let options = SearchOptions { mode, keys, limit: 3 };
            let report = evaluate(&embedder, &corpus, &queries, &options, &mut cache)?;
            let maybe = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
            println!(
                "{name:12} {:5} {:5} {:6.3} {:6.3} {:6.3} {:>6} {:7.3} {:6.3} {:>6} {:6.3} {:8} {:8}",
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
                report.latency_us.p50,
                report.latency_us.p99,
            );
        }
    }
    Ok(())
}
