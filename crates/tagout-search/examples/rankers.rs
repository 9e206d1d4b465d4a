//! Prints how well different ways to combine the two rankers put the right runbook first.
//!
//! `cargo run --release -p tagout-search --example rankers`
//!
//! Reciprocal-rank fusion (k = 60) of the same two rankings is the baseline; exact keys are off.

use tagout_search::{
    Candidate, Document, Embedder, Index, MemoryCache, Mode, Query, SearchOptions, parse_corpus,
    parse_queries,
};

type Score = fn(&Candidate, usize, usize) -> f32;

const RANKERS: [(&str, Score); 4] = [
    ("words alone", |c, _, _| c.features.lexical),
    ("vectors alone", |c, _, _| c.features.cosine),
    ("reciprocal ranks", |_, words, vectors| {
        1.0 / (61 + words) as f32 + 1.0 / (61 + vectors) as f32
    }),
    ("as shipped", |c, _, _| c.features.fused),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}"));
    let embedder = Embedder::bundled()?;
    let mut cache = MemoryCache::default();
    let corpus = parse_corpus("corpus.jsonl", &read("corpus.jsonl")?)?;
    let documents = corpus.iter().map(Document::from).collect();
    let index = Index::build(documents, &embedder, &mut cache)?;
    println!("{:18} {:14} {:6} {:>6} {:>6}", "ranker", "set", "mode", "R@1", "MRR");
    for file in ["queries.jsonl", "queries_twin.jsonl"] {
        let queries = parse_queries(file, &read(file)?)?;
        for mode in [Mode::Text, Mode::Prose] {
            let mut first = [0_u32; RANKERS.len()];
            let mut reciprocal = [0.0_f64; RANKERS.len()];
            for row in &queries {
                let options = SearchOptions { mode, keys: false, limit: index.len() };
                let query = Query::from(row);
                let found = index.search_cached(&embedder, &query, &options, &mut cache);
                let all = &found.candidates;
                let ranks = |score: fn(&Candidate) -> f32| -> Vec<usize> {
                    let above = |c: &Candidate| {
                        let better = |o: &&Candidate| score(o) > score(c);
                        all.iter().filter(better).count()
                    };
                    all.iter().map(above).collect()
                };
                let words = ranks(|c| c.features.lexical);
                let vectors = ranks(|c| c.features.cosine);
                for (at, (_, score)) in RANKERS.iter().enumerate() {
                    let mut order: Vec<usize> = (0..all.len()).collect();
                    let of = |i: usize| score(&all[i], words[i], vectors[i]);
                    order.sort_by(|&a, &b| of(b).total_cmp(&of(a)));
                    let place = order
                        .iter()
                        .position(|&i| row.expected.holds(&all[i].id))
                        .unwrap_or(usize::MAX - 1);
                    first[at] += u32::from(place == 0);
                    reciprocal[at] += 1.0 / (place + 1) as f64;
                }
            }
            let count = queries.len() as f64;
            for (at, (name, _)) in RANKERS.iter().enumerate() {
                println!(
                    "{name:18} {:14} {:6} {:6.3} {:6.3}",
                    file.trim_end_matches(".jsonl"),
                    format!("{mode:?}"),
                    f64::from(first[at]) / count,
                    reciprocal[at] / count
                );
            }
        }
    }
    Ok(())
}
