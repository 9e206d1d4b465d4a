//! Choices that can be made again: SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of choices.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed that the environment names, else one of the moment.
    pub(crate) fn seed() -> u64 {
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        std::env::var("TAGOUT_SOAK_SEED").map_or(moment, |seed| seed.parse().unwrap())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Whether something of so many percent happens.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A time from `least` up to, and without, `most` milliseconds.
    pub(crate) fn milliseconds(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.below(most - least)) as u64)
    }
}
