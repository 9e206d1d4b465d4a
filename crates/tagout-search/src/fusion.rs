//! One score from two rankers.
//!
//! The sum below is on a fixed scale, which reciprocal ranks are not: a runner-up that is nearly as
//! good stays visible as a small margin, and that margin is what the calibration needs. It ranks about
//! as well as reciprocal-rank fusion on the authors' own alerts and better on other people's;
//! `cargo run --release -p tagout-search --example rankers` prints both.

use crate::lexical::LexicalScore;

/// Weight of the vector similarity beside the lexical share.
const COSINE: f32 = 0.75;
/// Weight of the agreement between the alert's name and the title.
const NAME: f32 = 0.4;
/// Weight of the share of the headline's words in title and symptoms.
const HEADLINE: f32 = 0.4;
/// Weight of the nearness to the everyday faults that the alert is nearest to.
const KINSHIP: f32 = 0.2;

/// The score by which candidates are ordered, roughly 0 to 2.5.
pub(crate) fn fused(lexical: &LexicalScore, cosine: f32, kinship: f32) -> f32 {
    lexical.share
        + NAME * lexical.name
        + HEADLINE * lexical.headline
        + COSINE * cosine
        + KINSHIP * kinship
}
