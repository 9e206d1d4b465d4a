//! A reserve of disk: deliveries stop before decisions and outcomes must.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the disk is looked at.
const LOOKING: Duration = Duration::from_secs(1);

/// Looks whether the disk of a directory has more room than what is kept back.
#[derive(Debug, Clone)]
pub struct Reserve {
    directory: PathBuf,
    bytes: u64,
    looked: Option<Instant>,
    low: bool,
}

impl Reserve {
    /// Keeps `bytes` back on the disk of `directory`.
    #[must_use]
    pub fn new(directory: &Path, bytes: u64) -> Self {
        Self { directory: directory.to_owned(), bytes, looked: None, low: false }
    }

    /// Whether no more than the reserve is left at this moment.
    #[must_use]
    pub fn is_low(&self) -> bool {
        let left = rustix::fs::statvfs(&self.directory);
        let left = left.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        left.is_ok_and(|left| left <= self.bytes)
    }

    /// Whether no more than the reserve was left within the last second. What cannot be found out counts as enough:
    /// then the store itself says when it is full.
    pub fn is_touched(&mut self) -> bool {
        if self.looked.is_none_or(|at| at.elapsed() >= LOOKING) {
            self.looked = Some(Instant::now());
            let low = self.is_low();
            if low != self.low {
                self.low = low;
                metrics::gauge!("tagout_disk_reserve_touched").set(if low { 1.0 } else { 0.0 });
                if low {
                    tracing::error!(bytes = self.bytes, "the disk is full but for the reserve");
                } else {
                    tracing::info!("the disk has room again");
                }
            }
        }
        self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_touched_when_the_disk_has_no_more_than_it() {
        let here = Path::new(".");
        assert!(!Reserve::new(here, 0).is_touched());
        assert!(Reserve::new(here, u64::MAX).is_touched());
        assert!(!Reserve::new(Path::new("/no/such/directory"), u64::MAX).is_touched());
    }
}
