//! Random choices that a seed repeats.

use std::env;
use std::hash::{BuildHasher as _, RandomState};

/// The seed of this run, printed so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let set = env::var("TAGOUT_SOAK_SEED").ok();
    let seed = set.map_or_else(
        || RandomState::new().hash_one("seed") >> 16,
        |text| text.parse().expect("TAGOUT_SOAK_SEED must be a whole number"),
    );
    println!("TAGOUT_SOAK_SEED={seed}");
    seed
}

/// How often a process is killed.
pub(crate) fn cycles() -> u64 {
    let set = env::var("TAGOUT_SOAK_CYCLES").ok();
    set.map_or(25, |text| text.parse().expect("TAGOUT_SOAK_CYCLES must be a whole number"))
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Chance(u64);

impl Chance {
    /// The choices of one part of a run.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        let mut chance = Self(seed ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `least` to below `limit`.
    pub(crate) fn within(&mut self, least: u64, limit: u64) -> u64 {
        least + self.next() % (limit - least)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(all.len()).unwrap();
        (count > 0).then(|| &all[usize::try_from(self.within(0, count)).unwrap()])
    }
}
