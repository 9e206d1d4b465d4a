//! Senders that go on until the service is gone, and remember what they were told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::service::OWN_SECRET;

/// A number after which comes another one: small, and the same for the same seed.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
    pub(crate) fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// What senders saw of one life of the service.
#[derive(Default)]
pub(crate) struct Seen {
    /// The deliveries that were answered 2xx.
    pub(crate) acknowledged: Vec<String>,
    /// How many senders waited for an answer when the service went.
    pub(crate) waiting: u64,
}

/// Starts senders that post to `addresses` until they get no answer.
pub(crate) fn senders(
    addresses: &[String],
    dice: &mut Dice,
    names: &Arc<AtomicU64>,
) -> Vec<JoinHandle<Seen>> {
    (0..4)
        .map(|n| {
            let address = addresses[n % addresses.len()].clone();
            let (mut dice, names) = (Dice::new(dice.throw(u64::MAX)), Arc::clone(names));
            thread::spawn(move || send_on(&address, &mut dice, &names))
        })
        .collect()
}

fn send_on(address: &str, dice: &mut Dice, names: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    let Ok(mut stream) = TcpStream::connect(address) else { return seen };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut last = String::new();
    loop {
        // The same body again, as from a second peer.
        let body = if last.is_empty() || dice.throw(5) > 0 { body(dice, names) } else { last };
        last = body.clone();
        let request = format!(
            "POST /v1/sources/own HTTP/1.1\r\nHost: tagout\r\nAuthorization: Bearer {OWN_SECRET}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(request.as_bytes()).is_err() {
            return seen;
        }
        match answer(&mut stream) {
            Some((200, text)) => {
                let receipt: Value = serde_json::from_str(&text).unwrap();
                seen.acknowledged.push(receipt["delivery"].as_str().unwrap().to_owned());
            }
            Some((503, _)) => {}
            Some((status, text)) => panic!("{status}: {text}"),
            None => {
                seen.waiting = 1;
                return seen;
            }
        }
    }
}

/// One to three alerts: some that nobody has heard of, some that are known, some that end.
fn body(dice: &mut Dice, names: &AtomicU64) -> String {
    let alerts: Vec<String> = (0..=dice.throw(3))
        .map(|_| {
            let known = names.load(Ordering::Relaxed);
            let n = if known == 0 || dice.throw(4) == 0 {
                names.fetch_add(1, Ordering::Relaxed)
            } else {
                dice.throw(known)
            };
            let status = if dice.throw(5) == 0 { "resolved" } else { "firing" };
            format!(
                r#"{{"title":"QueueStuck","severity":"warning","status":"{status}","labels":{{"alertname":"QueueStuck","environment":"test","instance":"q-{n}"}}}}"#
            )
        })
        .collect();
    format!("[{}]", alerts.join(","))
}

fn answer(stream: &mut TcpStream) -> Option<(u16, String)> {
    let mut text = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&chunk[..read]);
        let whole = String::from_utf8_lossy(&text);
        let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        if body.len() >= length.unwrap_or(0usize) {
            return Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()));
        }
    }
}
