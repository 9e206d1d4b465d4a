//! The development set and one loaded model, shared by the tests of a binary.
#![allow(dead_code, unreachable_pub)] // Each test binary uses a part of it.

use std::sync::LazyLock;

use tagout_search::{CorpusRow, Embedder, QueryRow, parse_corpus, parse_queries};

pub static EMBEDDER: LazyLock<Embedder> = LazyLock::new(|| Embedder::bundled().unwrap());

fn read(name: &str) -> String {
    let path = format!("{}/../../evals/retrieval/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn corpus() -> Vec<CorpusRow> {
    parse_corpus("corpus.jsonl", &read("corpus.jsonl")).unwrap()
}

pub fn bundled_corpus() -> Vec<CorpusRow> {
    parse_corpus("bundled_corpus.jsonl", &read("bundled_corpus.jsonl")).unwrap()
}

pub fn queries(files: &[&str]) -> Vec<QueryRow> {
    files.iter().flat_map(|file| parse_queries(file, &read(file)).unwrap()).collect()
}
