//! Prints how long loading, indexing and searching take, and how much memory the process needs.
//!
//! `cargo run --release -p tagout-search --example latency`

use std::time::{Duration, Instant};

use tagout_search::{
    Document, Embedder, Index, NoCache, Query, SearchOptions, parse_corpus, parse_queries,
    percentile,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}"));
    let documents: Vec<Document> = parse_corpus("corpus.jsonl", &read("corpus.jsonl")?)?
        .iter()
        .take(100)
        .map(Document::from)
        .collect();
    let queries: Vec<Query> =
        parse_queries("queries.jsonl", &read("queries.jsonl")?)?.iter().map(Query::from).collect();

    let start = Instant::now();
    let busy = processor_ms();
    let embedder = Embedder::bundled()?;
    let loaded = start.elapsed();
    let count = documents.len();
    let index = Index::build(documents, &embedder, &mut NoCache)?;
    let built = start.elapsed();
    let options = SearchOptions::default();
    let first = queries.first().map(|query| index.search(&embedder, query, &options));
    let found = start.elapsed();
    let used = processor_ms() - busy;
    println!("load model                        {:>8.1} ms", ms(loaded));
    println!("index {count} documents, nothing cached {:>6.1} ms", ms(built - loaded));
    println!("first search                      {:>8.1} ms", ms(found - built));
    println!("start to first findings           {:>8.1} ms", ms(found));
    println!("  of which processor time, all threads {used:>5.0} ms");
    if let Some(findings) = first {
        println!("  (confidence {} basis points)", findings.confidence);
    }
    let times: Vec<u64> = queries
        .iter()
        .map(|query| {
            let start = Instant::now();
            let findings = index.search(&embedder, query, &options);
            assert!(!findings.candidates.is_empty());
            start.elapsed().as_micros() as u64
        })
        .collect();
    println!("search, p50                       {:>8.1} ms", percentile(&times, 0.5) as f64 / 1e3);
    println!("search, p99                       {:>8.1} ms", percentile(&times, 0.99) as f64 / 1e3);
    let text = "the disk of the primary database is almost full and writes begin to fail for users";
    println!("tokens of the sample text         {:>8}", embedder.tokens(text).len());
    let start = Instant::now();
    for _ in 0..20 {
        assert!(!embedder.embed(text).is_empty());
    }
    println!("embed it, alone                   {:>8.1} ms", ms(start.elapsed()) / 20.0);
    let start = Instant::now();
    let many = vec![text; 100];
    assert_eq!(embedder.embed_batch(&many).len(), 100);
    println!("embed it, per text in 100         {:>8.1} ms", ms(start.elapsed()) / 100.0);
    match std::fs::read_to_string("/proc/self/status") {
        Ok(status) => {
            for line in status.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS"))
            {
                println!("{line}");
            }
        }
        Err(_) => println!("memory: not shown on this system"),
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Processor time of this process so far, all threads, to the hundredth of a second. It tells how
/// much of the wall time above was waiting for other processes. 0 where the system does not show it.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 * 10.0
}
