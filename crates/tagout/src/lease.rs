//! A lease: until when this process may act, as far as it knows by itself. What it runs ends with
//! it, whether or not anybody can still be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A moment on the machine's clock that nobody sets and that goes on while the machine sleeps
/// (`CLOCK_BOOTTIME`, <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>), in
/// milliseconds. All processes of a machine read the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Later than any other.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// This moment. A machine that cannot say counts as one where every lease has run out.
    pub(crate) fn now() -> Self {
        let Ok(now) = clock_gettime(ClockId::CLOCK_BOOTTIME) else { return Self::NEVER };
        let millis = now.tv_sec().saturating_mul(1000).saturating_add(now.tv_nsec() / 1_000_000);
        Self(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    pub(crate) const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How long ago it was.
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_millis(Self::now().0.saturating_sub(self.0))
    }
}

/// Until when this process may act. Copies are the same lease: whoever holds one sees it renewed
/// and run out. One that was given up is never renewed.
#[derive(Debug, Clone)]
pub struct Lease(Option<Arc<AtomicU64>>);

/// What a lease shows that was given up.
const GIVEN_UP: u64 = 0;

impl Default for Lease {
    fn default() -> Self {
        Self::for_ever()
    }
}

impl Lease {
    /// One that does not run out: nobody else can come to act in this process's place.
    #[must_use]
    pub const fn for_ever() -> Self {
        Self(None)
    }

    /// One that nobody has, or has any more.
    pub(crate) fn none() -> Self {
        Self(Some(Arc::new(AtomicU64::new(GIVEN_UP))))
    }

    /// One until then.
    pub(crate) fn until_then(end: Moment) -> Self {
        Self(Some(Arc::new(AtomicU64::new(end.0))))
    }

    /// Puts its end off, unless it was given up.
    pub(crate) fn renew(&self, end: Moment) {
        if let Some(until) = &self.0 {
            let later = |now: u64| (now != GIVEN_UP && end.0 > now).then_some(end.0);
            // What is left as it is was given up, or lasts longer already.
            let _ = until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        }
    }

    /// Ends it now and for good.
    pub(crate) fn give_up(&self) {
        if let Some(until) = &self.0 {
            until.store(GIVEN_UP, Ordering::SeqCst);
        }
    }

    /// When it ends, as far as is known now.
    pub(crate) fn end(&self) -> Moment {
        self.0.as_ref().map_or(Moment::NEVER, |until| Moment(until.load(Ordering::SeqCst)))
    }

    /// Whether this process may still act.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.is_none() || Moment::now() < self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_holds_until_its_end_and_a_renewal_puts_that_off() {
        let lease = Lease::until_then(Moment::now().after(60_000));
        let copy = lease.clone();
        assert!(copy.holds());
        assert!(!Lease::until_then(Moment::now()).holds());
        let later = lease.end().after(1);
        lease.renew(later);
        // A renewal that was overtaken by another takes nothing away.
        lease.renew(Moment::now());
        assert_eq!(copy.end(), later);
    }

    #[test]
    fn what_was_given_up_is_not_renewed() {
        let lease = Lease::until_then(Moment::now().after(60_000));
        lease.clone().give_up();
        lease.renew(Moment::now().after(60_000));
        assert!(!lease.holds() && !Lease::none().holds());
        let for_ever = Lease::for_ever();
        for_ever.give_up();
        assert!(for_ever.holds());
    }
}
