//! The cohort: everyday faults that stand in for the runbooks that nobody here has written.
//!
//! In a directory of a hundred pages an alert that belongs to none of them still has near
//! neighbours, and in one of ten pages it has none: how near the best page is says little by itself.
//! The cohort is the same for every directory. An alert is first placed among its faults; a page
//! then has to be about the same fault, and nearer to the alert than that fault's own description.
//!
//! `cohort/faults.txt` holds one fault per line, `cohort/faults.int8` their vectors by the bundled
//! model: per line one little-endian `f32` scale and 384 signed bytes. `examples/embed_cohort.rs`
//! writes the second from the first.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::model::cosine;

/// The descriptions, one per line.
pub const COHORT_FAULTS: &str = include_str!("../cohort/faults.txt");
const VECTORS: &[u8] = include_bytes!("../cohort/faults.int8");
/// Numbers of one vector, and bytes of one vector with its scale.
const WIDTH: usize = 384;
const STRIDE: usize = WIDTH + 4;
/// How much nearer a fault must be to count more: a difference in cosine of this much is a factor of e.
const SOFTNESS: f32 = 0.03;

static COHORT: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| decode(VECTORS));

/// Where an alert stands among the everyday faults.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Place {
    /// The mean of the faults' vectors, the nearer ones counting far more. Not of length 1: the
    /// less the faults agree with each other, the shorter.
    pub(crate) vector: Vec<f32>,
    /// Cosine between the alert and a fault, in the same mean.
    pub(crate) cosine: f32,
}

/// Places an alert's vector among the everyday faults.
pub(crate) fn place(alert: &[f32]) -> Place {
    let near: Vec<f32> = COHORT.iter().map(|fault| cosine(alert, fault)).collect();
    let nearest = near.iter().copied().fold(-1.0, f32::max);
    let weights: Vec<f32> = near.iter().map(|c| ((c - nearest) / SOFTNESS).exp()).collect();
    let total: f32 = weights.iter().sum();
    let mut vector = vec![0.0; WIDTH];
    for (fault, weight) in COHORT.iter().zip(&weights) {
        for (sum, value) in vector.iter_mut().zip(fault) {
            *sum += weight / total * value;
        }
    }
    Place { cosine: cosine(alert, &vector), vector }
}

/// SHA-256 of the descriptions and their vectors.
#[must_use]
pub fn cohort_digest() -> [u8; 32] {
    Sha256::new().chain_update(COHORT_FAULTS).chain_update(VECTORS).finalize().into()
}

/// The bytes of the vectors file for these vectors, in their order.
#[must_use]
pub fn encode_cohort(vectors: &[Vec<f32>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(vectors.len() * STRIDE);
    for vector in vectors {
        let scale = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
        bytes.extend_from_slice(&scale.to_le_bytes());
        // A float-to-integer cast saturates and takes NaN to 0.
        bytes.extend(vector.iter().map(|value| ((value / scale).round() as i8).cast_unsigned()));
    }
    bytes
}

fn decode(bytes: &[u8]) -> Vec<Vec<f32>> {
    let (rows, _) = bytes.as_chunks::<STRIDE>();
    rows.iter()
        .map(|row| {
            let (scale, values) = row.split_at(4);
            let scale = scale.first_chunk::<4>().map_or(0.0, |b| f32::from_le_bytes(*b));
            let vector: Vec<f32> =
                values.iter().map(|b| scale * f32::from(b.cast_signed())).collect();
            let length = cosine(&vector, &vector).sqrt();
            vector.iter().map(|value| value / length.max(1e-6)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Embedder;

    #[test]
    fn the_stored_vectors_are_those_of_the_descriptions() {
        let texts: Vec<&str> = COHORT_FAULTS.lines().collect();
        let fresh = Embedder::bundled().unwrap().embed_batch(&texts);
        assert_eq!(VECTORS.len(), texts.len() * STRIDE, "run the example embed_cohort");
        for ((text, fresh), stored) in texts.iter().zip(&fresh).zip(COHORT.iter()) {
            assert!(cosine(fresh, stored) > 0.999, "{text}: run the example embed_cohort");
        }
    }

    #[test]
    fn a_fault_of_the_cohort_is_placed_at_itself_and_far_from_another() {
        let fault = COHORT.first().unwrap();
        let place = place(fault);
        assert!(place.cosine > 0.95, "{}", place.cosine);
        assert!(cosine(&place.vector, COHORT.last().unwrap()) < 0.5);
    }
}
