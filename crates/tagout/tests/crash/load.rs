//! Several senders at once, and all that was answered to them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::evidence::Acknowledged;
use super::sender::{Peers, Sender, Sent};

/// How many connections send at once.
const SENDERS: usize = 6;

/// The senders, and what they share.
pub(crate) struct Load {
    senders: Vec<Sender>,
    peers: Peers,
    pub(crate) acknowledged: Acknowledged,
}

/// What one stretch of load met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Requests that were answered 2xx.
    pub(crate) recorded: usize,
    /// Requests that were answered 503.
    pub(crate) refused: usize,
    /// Requests that were sent whole and got no answer.
    pub(crate) unanswered: usize,
    /// How long after the kill the first request was answered 2xx.
    pub(crate) back: Option<Duration>,
}

impl Load {
    pub(crate) fn new(seed: u64) -> Self {
        let sender = |n: usize| Sender::new(format!("s{n}"), seed.wrapping_add(1 + n as u64));
        let senders = (0..SENDERS).map(sender).collect();
        Self { senders, peers: Peers::default(), acknowledged: Acknowledged::default() }
    }

    /// Sends to these addresses until `kill` is done; then for as long as `then` says to the
    /// address that is left, if there is one.
    pub(crate) fn run(
        &mut self,
        addresses: &[String],
        kill: impl FnOnce() + Send,
        left: Option<&str>,
        then: Duration,
    ) -> Met {
        let (killed, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut met = Met::default();
        let mut killed_at = Instant::now();
        let (peers, killed, stop) = (&self.peers, &killed, &stop);
        thread::scope(|scope| {
            let senders = self.senders.iter_mut().enumerate().map(|(n, sender)| {
                let own = addresses[n % addresses.len()].as_str();
                scope.spawn(move || {
                    let mut all = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let dead = killed.load(Ordering::Relaxed);
                        let address = if dead { left.unwrap_or(own) } else { own };
                        let sent = sender.step(address, peers);
                        all.push((Instant::now(), sent));
                    }
                    all
                })
            });
            let senders: Vec<_> = senders.collect();
            kill();
            killed_at = Instant::now();
            killed.store(true, Ordering::Relaxed);
            thread::sleep(then);
            stop.store(true, Ordering::Relaxed);
            for (at, sent) in senders.into_iter().flat_map(|sender| sender.join().unwrap()) {
                match sent {
                    Sent::Recorded(receipt) => {
                        met.recorded += 1;
                        self.acknowledged.add(receipt);
                        if let Some(after) = at.checked_duration_since(killed_at) {
                            let first = met.back.is_none_or(|first| after < first);
                            met.back = if first { Some(after) } else { met.back };
                        }
                    }
                    Sent::Refused => met.refused += 1,
                    Sent::Unanswered => met.unanswered += 1,
                    Sent::NotSent => {}
                }
            }
        });
        met
    }
}
