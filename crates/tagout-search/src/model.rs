//! The embedding model: text in, a direction of 384 numbers out.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::error::SearchError;
use crate::forward::Encoder;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// The weights that ship with the crate: all-MiniLM-L6-v2, quantised to signed bytes.
pub(crate) static BUNDLED: &[u8] = include_bytes!("../weights/minilm-l6-v2.int8");

/// Tokens of a text that the model looks at; the rest is cut off.
const MAX_TOKENS: usize = 128;

/// Tokens that one thread takes at a time at most. Each batch reads all weights once, so batches
/// should be long; their intermediate results take 14 kB a token.
const BATCH_TOKENS: usize = 1024;

/// Where vectors of known texts can be kept between runs.
///
/// A key covers the model and the text, so an entry never goes stale. An implementation may lose
/// entries at any time; a vector of the wrong length is ignored and computed again.
pub trait EmbeddingCache {
    /// The vector stored under `key`, if there is one.
    fn get(&mut self, key: &[u8; 32]) -> Option<Vec<f32>>;
    /// Keeps `vector` under `key`.
    fn put(&mut self, key: [u8; 32], vector: &[f32]);
}

/// A cache that keeps nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoCache;

impl EmbeddingCache for NoCache {
    fn get(&mut self, _key: &[u8; 32]) -> Option<Vec<f32>> {
        None
    }
    fn put(&mut self, _key: [u8; 32], _vector: &[f32]) {}
}

/// The embedding model, loaded. Immutable and shareable between threads.
#[derive(Debug)]
pub struct Embedder {
    tokenizer: Tokenizer,
    encoder: Encoder,
    digest: [u8; 32],
    threads: NonZeroUsize,
}

impl Embedder {
    /// Loads the model that ships with the crate. Uses as many threads for batches as the machine
    /// has processors, at most eight.
    ///
    /// # Errors
    /// [`SearchError::Weights`] if the bundled file is damaged.
    pub fn bundled() -> Result<Self, SearchError> {
        Self::from_bytes(BUNDLED)
    }

    /// Loads a model from the bytes of a weights file (format: `weights/README.md`).
    ///
    /// # Errors
    /// [`SearchError::Weights`] if the bytes are not a complete file of that format.
    pub fn from_bytes(bytes: &'static [u8]) -> Result<Self, SearchError> {
        let weights = Weights::read(bytes)?;
        let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = NonZeroUsize::MIN.saturating_add(7);
        Ok(Embedder {
            tokenizer: Tokenizer::new(weights.vocabulary)?,
            encoder: Encoder {
                shape: weights.shape,
                words: weights.words,
                positions: weights.positions,
                input_norm: weights.input_norm,
                layers: weights.layers,
            },
            digest: Sha256::digest(bytes).into(),
            threads: available.min(most),
        })
    }

    /// The same model with another number of threads for batches. Results do not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// SHA-256 of the weights file.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.encoder.shape.hidden
    }

    /// The token ids of a text, begin and end marks included, cut off at 256.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode(text, self.encoder.shape.positions)
    }

    /// How rare a lower-case word is in general English: 0 very common, 1 rare or unknown.
    #[must_use]
    pub fn rarity(&self, word: &str) -> f32 {
        self.tokenizer.rarity(word)
    }

    /// The vector of one text, of length 1.
    #[must_use]
    pub fn embed(&self, text: &str) -> Vec<f32> {
        self.embed_batch(&[text]).pop().unwrap_or_default()
    }

    /// The vectors of many texts, in their order, each of length 1. Only the first 128 tokens of
    /// a text count. The vector of a text does not depend on the other texts.
    #[must_use]
    pub fn embed_batch(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let limit = self.encoder.shape.positions.min(MAX_TOKENS);
        let sequences: Vec<Vec<u32>> =
            texts.iter().map(|text| self.tokenizer.encode(text, limit)).collect();
        let batches = batches(&sequences, self.threads.get());
        let threads = self.threads.get().min(batches.len());
        if threads <= 1 {
            return batches.iter().flat_map(|batch| self.encoder.embed(batch)).collect();
        }
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Vec<Vec<f32>>)>> = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(batch) = batches.get(number) else {
                            return;
                        };
                        let vectors = self.encoder.embed(batch);
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((number, vectors));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().flat_map(|(_, vectors)| vectors).collect()
    }

    /// Like [`Embedder::embed_batch`], taking from `cache` what it has and putting in what it
    /// lacks.
    pub fn embed_cached(&self, texts: &[&str], cache: &mut dyn EmbeddingCache) -> Vec<Vec<f32>> {
        let keys: Vec<[u8; 32]> = texts.iter().map(|text| self.cache_key(text)).collect();
        let mut found: Vec<Option<Vec<f32>>> =
            keys.iter().map(|key| cache.get(key).filter(|v| self.is_vector(v))).collect();
        let missing: Vec<&str> = texts
            .iter()
            .zip(&found)
            .filter(|(_, vector)| vector.is_none())
            .map(|(text, _)| *text)
            .collect();
        let mut computed = self.embed_batch(&missing).into_iter();
        for (slot, key) in found.iter_mut().zip(&keys) {
            if slot.is_none()
                && let Some(vector) = computed.next()
            {
                cache.put(*key, &vector);
                *slot = Some(vector);
            }
        }
        found.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// The key under which the vector of `text` is cached: it covers the model and the text.
    #[must_use]
    pub fn cache_key(&self, text: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.digest).chain_update(text.as_bytes()).finalize().into()
    }

    fn is_vector(&self, vector: &[f32]) -> bool {
        vector.len() == self.dimensions() && vector.iter().all(|v| v.is_finite())
    }
}

/// Neighbouring sequences together, in batches of about the same length of which each thread gets
/// the same number.
fn batches(sequences: &[Vec<u32>], threads: usize) -> Vec<Vec<&[u32]>> {
    let total: usize = sequences.iter().map(Vec::len).sum();
    let rounds = total.div_ceil(threads * BATCH_TOKENS).max(1);
    let target = total.div_ceil(threads * rounds).max(1);
    let mut batches: Vec<Vec<&[u32]>> = Vec::new();
    let mut filled = target;
    for ids in sequences {
        if filled >= target {
            batches.push(Vec::new());
            filled = 0;
        }
        filled += ids.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(ids);
        }
    }
    batches
}

/// The cosine of the angle between two vectors of length 1.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
