//! A load generator: keep-alive connections that post bodies whose identities are written into
//! a template in place, so that it takes as little as it can of the cores it shares.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is sent, where, how much and how fast.
#[derive(Clone)]
pub(crate) struct Load {
    /// Where.
    pub(crate) address: SocketAddr,
    /// The request's path.
    pub(crate) path: String,
    /// Header lines besides the usual ones, each with its line end.
    pub(crate) headers: String,
    /// The body, in which each run of [`SLOT`] is the number of an identity.
    pub(crate) body: String,
    /// How many connections.
    pub(crate) connections: usize,
    /// For how long.
    pub(crate) time: Duration,
    /// Requests a second; as fast as it goes if absent.
    pub(crate) rate: Option<f64>,
    /// How many identities there are; a new one each time if absent.
    pub(crate) identities: Option<u64>,
    /// The first identity.
    pub(crate) first: u64,
}

/// Where the number of an identity stands in a body.
pub(crate) const SLOT: &str = "##########";

/// What came of a load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Answers with a 2xx.
    pub(crate) good: u64,
    /// Other answers.
    pub(crate) bad: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    latencies: Vec<u32>,
}

impl Outcome {
    /// Good answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.good as f64 / self.seconds
    }

    /// A quantile of the time from a request to its answer, in milliseconds. With a rate, from
    /// when the request was due: a stall counts for all that it held up.
    pub(crate) fn quantile(&mut self, q: f64) -> f64 {
        self.latencies.sort_unstable();
        let place =
            ((self.latencies.len() as f64 * q) as usize).min(self.latencies.len().max(1) - 1);
        self.latencies.get(place).map_or(0.0, |us| f64::from(*us) / 1000.0)
    }
}

/// Puts the load on and returns when it is over. At most `time` and a few seconds.
pub(crate) fn run(load: &Load) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for n in 0..load.connections {
            tasks.spawn(connection(load.clone(), n as u64, start));
        }
        let mut all = Outcome::default();
        while let Some(one) = tasks.join_next().await {
            let one = one.expect("a connection");
            all.good += one.good;
            all.bad += one.bad;
            all.latencies.extend(one.latencies);
        }
        all.seconds = start.elapsed().as_secs_f64();
        all
    })
}

async fn connection(load: Load, n: u64, start: Instant) -> Outcome {
    let mut request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n",
        load.path,
        load.address,
        load.body.len(),
        load.headers
    )
    .into_bytes();
    request.extend_from_slice(load.body.as_bytes());
    let slots: Vec<usize> =
        String::from_utf8_lossy(&request).match_indices(SLOT).map(|(at, _)| at).collect();
    let per = load.connections as u64;
    let mut stream = TcpStream::connect(load.address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut outcome, mut buffer) = (Outcome::default(), vec![0u8; 16 << 10]);
    let mut turn = 0u64;
    loop {
        let due = match load.rate {
            Some(rate) => {
                let due = start + Duration::from_secs_f64((turn * per + n) as f64 / rate);
                tokio::time::sleep_until(due.into()).await;
                due
            }
            None => Instant::now(),
        };
        if start.elapsed() >= load.time {
            return outcome;
        }
        // One identity after another over all connections, the slots of a body side by side.
        let base = (turn * per + n) * slots.len() as u64;
        for (k, at) in slots.iter().enumerate() {
            let id = base + k as u64;
            let id = load.first + load.identities.map_or(id, |all| id % all);
            let digits = format!("{id:010}");
            request[*at..*at + SLOT.len()].copy_from_slice(digits.as_bytes());
        }
        turn += 1;
        if stream.write_all(&request).await.is_err() {
            return outcome;
        }
        match answer(&mut stream, &mut buffer).await {
            Some(200..=299) => outcome.good += 1,
            Some(_) => outcome.bad += 1,
            None => return outcome,
        }
        let us = due.elapsed().as_micros();
        outcome.latencies.push(u32::try_from(us).unwrap_or(u32::MAX));
    }
}

/// Reads one whole answer; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.ok()?;
        if read == 0 {
            return None;
        }
        filled += read;
        let text = &buffer[..filled];
        let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |text| text.trim().parse().unwrap_or(0));
        if filled >= end + 4 + length {
            return head.get(9..12)?.parse().ok();
        }
    }
}
