//! A receiver on this machine: it keeps every request and answers as the test says.

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// What a receiver answers: the status and the body.
pub(crate) type Answer = (u16, String);

pub(crate) struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// One that answers as `answer` says; it is given the request and how many came before.
    pub(crate) fn start(answer: impl Fn(&Got, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::short_of(0, answer)
    }

    /// One that breaks off so many bytes before the end of each answer.
    pub(crate) fn short_of(
        missing: usize,
        answer: impl Fn(&Got, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&got), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    let Some(request) = read(&mut reader) else { return };
                    let (status, body) = {
                        let mut kept = kept.lock().unwrap();
                        let before = kept.len();
                        kept.push(request.clone());
                        answer(&request, before)
                    };
                    let place = if (300..400).contains(&status) {
                        format!("Location: http://127.0.0.1:{port}/elsewhere\r\n")
                    } else {
                        String::new()
                    };
                    let _ = (&stream).write_all(
                        format!(
                            "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\n{place}\
                             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                            body.len() + missing
                        )
                        .as_bytes(),
                    );
                });
            }
        });
        Self { port, got }
    }

    /// One that takes everything.
    pub(crate) fn taking() -> Self {
        Self::start(|_, _| (200, "{}".into()))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Everything that came so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many requests came.
    pub(crate) fn wait(&self, requests: usize) -> Vec<Got> {
        self.until("requests", |got| got.len() >= requests)
    }

    /// Waits until what came is as the test wants it.
    pub(crate) fn until(&self, what: &str, enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let got = self.got();
            if enough(&got) {
                return got;
            }
            assert!(Instant::now() < end, "waited in vain for {what}: {got:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn read(reader: &mut impl std::io::BufRead) -> Option<Got> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { method, path, headers, body: String::from_utf8(body).ok()? })
}
