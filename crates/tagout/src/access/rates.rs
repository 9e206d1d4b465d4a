//! How often somebody may try something: so many at once, and then one at a time. What is
//! remembered is bounded, whoever tries.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// And then one in this time.
    pub pause: Duration,
}

/// A limit on each of many, by the generic cell rate algorithm (ITU-T I.371): of each one
/// instant is remembered, and nothing of those who have not tried for a while.
#[derive(Debug)]
pub struct RateLimit<K> {
    rate: Rate,
    most: usize,
    /// When each could try as often as anybody again.
    free: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash + Clone> RateLimit<K> {
    /// A limit that remembers at most `most` of them at once.
    #[must_use]
    pub fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most, free: Mutex::default() }
    }

    /// Takes one try of `who`.
    ///
    /// # Errors
    /// How long to wait, if there is none left.
    pub fn take(&self, who: &K, now: Instant) -> Result<(), Duration> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.get(who).copied().unwrap_or(now).max(now);
        let room = self.rate.pause * self.rate.burst.saturating_sub(1);
        let ahead = at - now;
        if ahead > room {
            return Err(ahead - room);
        }
        if !free.contains_key(who) && free.len() >= self.most {
            make_room(&mut free, now);
        }
        free.insert(who.clone(), at + self.rate.pause);
        Ok(())
    }

    /// Gives one try back, because it was a good one.
    pub fn give_back(&self, who: &K) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = free.get_mut(who) {
            *at = at.checked_sub(self.rate.pause).unwrap_or(*at);
        }
    }

    /// Forgets what `who` has tried.
    pub fn forgive(&self, who: &K) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }
}

/// Forgets those who are free, and if there are none, the one who soonest will be: whoever
/// tried most often stays limited.
fn make_room<K: Eq + Hash + Clone>(free: &mut HashMap<K, Instant>, now: Instant) {
    free.retain(|_, at| *at > now);
    let soonest = free.iter().min_by_key(|(_, at)| **at).map(|(who, _)| who.clone());
    if let Some(soonest) = soonest {
        free.remove(&soonest);
    }
}

/// What of an address is limited: of IPv6 the network, because one sender has all of it.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, pause: Duration::from_secs(10) };

    #[test]
    fn a_burst_is_let_through_and_then_one_in_each_pause() {
        let (limit, start) = (RateLimit::new(RATE, 10), Instant::now());
        let take = |seconds| limit.take(&"ana", start + Duration::from_secs(seconds));
        assert_eq!([take(0), take(0), take(0)], [Ok(()); 3]);
        assert_eq!(take(0), Err(Duration::from_secs(10)));
        assert_eq!(take(9), Err(Duration::from_secs(1)), "trying does not make it longer");
        assert_eq!(take(10), Ok(()));
        assert_eq!(take(10), Err(Duration::from_secs(10)));
        assert_eq!(take(100), Ok(()));
        assert_eq!(limit.take(&"ben", start), Ok(()), "each has a limit of their own");
        limit.give_back(&"ana");
        assert_eq!(take(100), Ok(()), "there were two left of three");
        limit.give_back(&"ana");
        limit.forgive(&"ana");
        assert_eq!([take(100), take(100), take(100)], [Ok(()); 3]);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_whoever_tried_most_stays_limited() {
        let (limit, now) = (RateLimit::new(RATE, 100), Instant::now());
        for _ in 0..3 {
            limit.take(&0, now).unwrap();
        }
        for stranger in 1..10_000 {
            limit.take(&stranger, now).unwrap();
            assert!(limit.free.lock().unwrap().len() <= 100);
        }
        assert!(limit.take(&0, now).is_err());
    }

    #[test]
    fn addresses_of_one_network_share_a_limit() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::7"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
