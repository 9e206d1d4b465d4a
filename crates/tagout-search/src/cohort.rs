//! The cohort: descriptions of everyday faults that stand in for the runbooks nobody wrote.

use crate::model::{Embedder, EmbeddingCache, cosine};

const FAULTS: &str = include_str!("../cohort/faults.txt");

#[derive(Debug, Clone)]
pub(crate) struct Cohort { vectors: Vec<Vec<f32>> }

impl Cohort {
    pub(crate) fn new(embedder: &Embedder, cache: &mut dyn EmbeddingCache) -> Self {
        let texts: Vec<&str> = FAULTS.lines().collect();
        Cohort { vectors: embedder.embed_cached(&texts, cache) }
    }
    pub(crate) fn nearest(&self, vector: &[f32], count: usize) -> Vec<(f32, &[f32])> {
        let mut all: Vec<(f32, &[f32])> =
            self.vectors.iter().map(|v| (cosine(vector, v), v.as_slice())).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate(count);
        all
    }
}
