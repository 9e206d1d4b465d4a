//! One connection of an Alertmanager: what it sends next, and what came back. What got no
//! answer is sent again, as Alertmanager does.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::random::Random;
use super::service::SECRET;

/// Bodies that the other peer of a pair sends as well.
pub(crate) type Peers = Mutex<VecDeque<Arc<str>>>;

/// An answered 2xx.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) delivery: String,
    pub(crate) incidents: Vec<String>,
}

/// What came of sending one body.
pub(crate) enum Sent {
    Recorded(Receipt),
    /// A 503.
    Refused,
    /// It was sent whole and no answer came.
    Unanswered,
    /// Nobody listens.
    NotSent,
}

/// An alert that this sender has sent.
struct Known {
    number: u64,
    episode: u64,
    firing: bool,
}

/// A sender with alerts of its own.
pub(crate) struct Sender {
    name: String,
    random: Random,
    known: Vec<Known>,
    bodies: u64,
    /// What is to be sent before anything else.
    pending: Option<Arc<str>>,
    stream: Option<BufReader<TcpStream>>,
}

impl Sender {
    pub(crate) fn new(name: String, seed: u64) -> Self {
        let (known, random) = (Vec::new(), Random::new(seed));
        Self { name, random, known, bodies: 0, pending: None, stream: None }
    }

    /// Sends what is due, after a short pause now and then.
    pub(crate) fn step(&mut self, address: &str, peers: &Peers) -> Sent {
        std::thread::sleep(self.random.milliseconds(0, 12));
        let body = self.next(peers);
        self.pending = Some(Arc::clone(&body));
        let sent = self.send(address, &body);
        if matches!(sent, Sent::Recorded(_)) {
            self.pending = None;
        }
        sent
    }

    fn next(&mut self, peers: &Peers) -> Arc<str> {
        if let Some(body) = self.pending.take() {
            return body;
        }
        let shared = self.random.percent(40).then(|| peers.lock().unwrap().pop_front());
        if let Some(body) = shared.flatten() {
            return body;
        }
        let alerts: Vec<Value> = (0..=self.random.below(3)).map(|_| self.alert()).collect();
        self.bodies += 1;
        let body = json!({
            "version": "4", "receiver": "tagout", "status": "firing", "truncatedAlerts": 0,
            "groupKey": format!("{} {}", self.name, self.bodies), "alerts": alerts,
        });
        let body: Arc<str> = body.to_string().into();
        if self.random.percent(30) {
            peers.lock().unwrap().push_back(Arc::clone(&body));
        }
        body
    }

    /// A new alert, one again, the end of one, or one that begins again.
    fn alert(&mut self) -> Value {
        if self.known.is_empty() || self.random.percent(35) {
            let number = self.known.len() as u64;
            // Some begin with their end: the firing is the one that was lost.
            let firing = self.random.percent(90);
            self.known.push(Known { number, episode: 1, firing });
            return self.written(self.known.len() - 1);
        }
        let which = self.random.below(self.known.len());
        let change = self.random.percent(50);
        let known = &mut self.known[which];
        if change && known.firing {
            known.firing = false;
        } else if change {
            known.firing = true;
            known.episode += 1;
        }
        self.written(which)
    }

    fn written(&self, which: usize) -> Value {
        let Known { number, episode, firing } = self.known[which];
        let name = match number % 3 {
            0 => "CacheFull".to_owned(),
            1 => "QueueStuck".to_owned(),
            _ => format!("Odd{}", number % 40),
        };
        let hour = |episode: u64, minute: u64| {
            format!("2026-01-{:02}T{:02}:{minute:02}:00Z", 1 + episode / 24, episode % 24)
        };
        let ends = if firing { "0001-01-01T00:00:00Z".to_owned() } else { hour(episode, 30) };
        json!({
            "status": if firing { "firing" } else { "resolved" },
            "labels": {
                "alertname": name, "instance": format!("{}-{number}", self.name),
                "environment": "test", "severity": "warning",
            },
            "annotations": {"summary": "Something is wrong"},
            "startsAt": hour(episode, 0), "endsAt": ends,
            "fingerprint": format!("{number:016x}"),
        })
    }

    fn send(&mut self, address: &str, body: &str) -> Sent {
        let stream = match self.stream.take() {
            Some(stream) if is_to(&stream, address) => Ok(stream),
            _ => TcpStream::connect(address).map(BufReader::new),
        };
        let Ok(mut stream) = stream else { return Sent::NotSent };
        let _ = stream.get_ref().set_nodelay(true);
        let _ = stream.get_ref().set_read_timeout(Some(Duration::from_secs(40)));
        let head = format!(
            "POST /v1/sources/am HTTP/1.1\r\nHost: tagout\r\nAuthorization: Bearer {SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.get_mut().write_all((head + body).as_bytes()).is_err() {
            return Sent::NotSent;
        }
        match answer(&mut stream) {
            Some((200, receipt)) => {
                self.stream = Some(stream);
                let receipt: Value = serde_json::from_str(&receipt).unwrap();
                let incidents = receipt["incidents"].as_array().unwrap().iter();
                Sent::Recorded(Receipt {
                    delivery: receipt["delivery"].as_str().unwrap().to_owned(),
                    incidents: incidents.map(|id| id.as_str().unwrap().to_owned()).collect(),
                })
            }
            Some((503, _)) => {
                self.stream = Some(stream);
                Sent::Refused
            }
            Some((status, body)) => panic!("{status}: {body}"),
            None => Sent::Unanswered,
        }
    }
}

fn is_to(stream: &BufReader<TcpStream>, address: &str) -> bool {
    stream.get_ref().peer_addr().is_ok_and(|peer| peer.to_string() == address)
}

/// The status and body of one whole answer.
fn answer(stream: &mut BufReader<TcpStream>) -> Option<(u16, String)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((status, String::from_utf8(body).unwrap()))
}
