//! A word that ends a running step at once, from any thread.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::wire::STOP;

/// Tells every run that holds a copy of it to stop. It cannot be taken back; who says so, and why,
/// is for the caller to record.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    said: AtomicBool,
    listening: Mutex<Listening>,
}

#[derive(Debug, Default)]
struct Listening {
    next: u64,
    supervisors: BTreeMap<u64, UnixStream>,
}

impl Stop {
    /// One that has not been said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says it. The supervisors are told before this returns; nothing is waited for.
    pub fn now(&self) {
        let listening = self.listening();
        self.0.said.store(true, Ordering::SeqCst);
        for mut supervisor in listening.supervisors.values() {
            // One that is gone has nothing left to stop.
            let _ = supervisor.write_all(&[STOP]);
        }
    }

    /// Whether it was said.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.0.said.load(Ordering::SeqCst)
    }

    /// Has a supervisor told, at once if it was said already.
    pub(super) fn listen(&self, mut supervisor: UnixStream) -> Listener<'_> {
        let mut listening = self.listening();
        if self.is_said() {
            let _ = supervisor.write_all(&[STOP]);
        }
        let key = listening.next;
        listening.next += 1;
        listening.supervisors.insert(key, supervisor);
        Listener { stop: self, key }
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.0.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A supervisor that is told as long as this is kept.
pub(super) struct Listener<'s> {
    stop: &'s Stop,
    key: u64,
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.stop.listening().supervisors.remove(&self.key);
    }
}
