//! Computes the vectors of the everyday faults in `cohort/faults.txt` and writes `cohort/faults.int8`.
//!
//! `cargo run --release -p tagout-search --example embed_cohort`

use tagout_search::{COHORT_FAULTS, Embedder, encode_cohort};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let texts: Vec<&str> = COHORT_FAULTS.lines().collect();
    let vectors = Embedder::bundled()?.embed_batch(&texts);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cohort/faults.int8");
    std::fs::write(path, encode_cohort(&vectors))?;
    println!("{} vectors written to {path}", vectors.len());
    Ok(())
}
