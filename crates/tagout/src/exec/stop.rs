//! A word that ends a running step at once, from any thread.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::wire::{BEAT, STOP};
use crate::lease::Lease;

/// Tells every run that holds a copy of it to stop. It cannot be taken back; who says so, and why,
/// is for the caller to record. The end of the lease that it stands under says it too.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    inner: Arc<Inner>,
    lease: Lease,
}

#[derive(Debug, Default)]
struct Inner {
    said: AtomicBool,
    listening: Mutex<Listening>,
}

#[derive(Debug, Default)]
struct Listening {
    next: u64,
    supervisors: BTreeMap<u64, Supervisor>,
}

#[derive(Debug)]
struct Supervisor {
    stream: UnixStream,
    told: bool,
}

impl Supervisor {
    /// Tells it once, if that can be done without waiting for it.
    fn tell(&mut self) {
        if !self.told && takes_a_byte(&self.stream) {
            // One that is gone has nothing left to stop.
            let _ = self.stream.write_all(&[STOP]);
            self.told = true;
        }
    }
}

impl Stop {
    /// One that has not been said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says it. The supervisors are told before this returns; nothing is waited for. One that
    /// still reads its order is told by whoever follows it, who says this again. To say it again
    /// costs nothing otherwise.
    pub fn now(&self) {
        let mut listening = self.listening();
        self.inner.said.store(true, Ordering::SeqCst);
        listening.supervisors.values_mut().for_each(Supervisor::tell);
    }

    /// The same, also said by the end of a lease: what runs under it is stopped then.
    #[must_use]
    pub fn under(self, lease: Lease) -> Self {
        Self { lease, ..self }
    }

    /// Whether it was said.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.inner.said.load(Ordering::SeqCst) || !self.lease.holds()
    }

    pub(super) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Has a supervisor told, at once if it was said already.
    pub(super) fn listen(&self, stream: UnixStream) -> Listener<'_> {
        let mut supervisor = Supervisor { stream, told: false };
        let mut listening = self.listening();
        if self.is_said() {
            supervisor.tell();
        }
        let key = listening.next;
        listening.next += 1;
        listening.supervisors.insert(key, supervisor);
        Listener { stop: self, key }
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.inner.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one byte can be written now. Whoever has the lock writes alone.
fn takes_a_byte(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    matches!(poll(&mut polled, PollTimeout::ZERO), Ok(1..))
}

/// A supervisor that is told as long as this is kept.
pub(super) struct Listener<'s> {
    stop: &'s Stop,
    key: u64,
}

impl Listener<'_> {
    /// Lets the supervisor know that the agent is there and may act, if that can be done without
    /// waiting for it.
    pub(super) fn beat(&self) {
        let listening = self.stop.listening();
        if let Some(supervisor) = listening.supervisors.get(&self.key)
            && takes_a_byte(&supervisor.stream)
        {
            // One that is gone is seen by whoever follows it.
            let _ = (&supervisor.stream).write_all(&[BEAT]);
        }
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.stop.listening().supervisors.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_stop_said_again_and_again_is_told_once() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let stop = Stop::new();
        let listener = stop.listen(ours);
        (0..3).for_each(|_| stop.now());
        drop(listener);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, [STOP]);
    }

    #[test]
    fn a_supervisor_that_does_not_read_holds_nobody_up_and_is_told_when_it_does() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        while (&ours).write(&[0; 4096]).is_ok() {}
        ours.set_nonblocking(false).unwrap();
        ours.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let stop = Stop::new();
        let listener = stop.listen(ours);
        let before = Instant::now();
        stop.now();
        assert!(stop.is_said() && before.elapsed() < Duration::from_secs(2));
        let mut heard = vec![0; 1 << 20];
        let mut last = 0;
        theirs.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        while let Ok(length @ 1..) = theirs.read(&mut heard) {
            last = heard[length - 1];
        }
        assert_ne!(last, STOP);
        stop.now();
        assert_eq!(theirs.read(&mut heard).unwrap(), 1);
        assert_eq!(heard[0], STOP);
        drop(listener);
    }
}
