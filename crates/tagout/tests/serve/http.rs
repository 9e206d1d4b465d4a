//! A small HTTP client: what goes over the wire is in the tests' hands.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All headers of one name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// It is a problem of this status (RFC 9457) and tells nothing of our inside.
    pub(crate) fn fails_with(self, status: u16) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{answer:?}");
        assert_eq!(problem["type"], "about:blank", "{answer:?}");
        assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"), "{answer:?}");
        for inside in ["panick", ".rs", "/", "axum", "sqlite", "SQLite"] {
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(!detail.contains(inside), "{inside}: {answer:?}");
        }
        answer
    }
}

/// A request, not yet sent.
pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { head: format!("{method} {path} HTTP/1.1\r\nHost: tagout\r\n"), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// Asks another host than ours.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.head = self.head.replacen("Host: tagout", &format!("Host: {host}"), 1);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    /// A body in a framing of the test's own.
    pub(crate) fn raw_body(&mut self, body: impl Into<Vec<u8>>) {
        self.body = body.into();
    }

    /// Sends it whole.
    pub(crate) fn send(self, address: &str) -> Answer {
        self.begin(address, usize::MAX).finish()
    }

    /// Sends it whole to a process that may die at any moment; `None` if no answer came.
    pub(crate) fn try_send(self, address: &str) -> Option<Answer> {
        TcpStream::connect(address).ok()?;
        self.begin(address, usize::MAX).try_finish()
    }

    /// Sends the head and the first `first` bytes of the body.
    pub(crate) fn begin(self, address: &str, first: usize) -> Begun {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (now, rest) = self.body.split_at(first.min(self.body.len()));
        stream.write_all(format!("{}Connection: close\r\n\r\n", self.head).as_bytes()).unwrap();
        // Whoever refuses a body may close before it was sent.
        let _ = stream.write_all(now);
        Begun { stream, rest: rest.to_vec() }
    }
}

/// A request of which a part was sent.
pub(crate) struct Begun {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Begun {
    /// What is left will never be sent.
    pub(crate) fn forget_the_rest(&mut self) {
        self.rest.clear();
    }

    /// The status of an answer that does not end, and the connection to hold it open.
    pub(crate) fn head(self) -> (u16, TcpStream) {
        let mut line = String::new();
        BufReader::new(&self.stream).read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}"));
        (status.parse().unwrap(), self.stream)
    }

    /// Sends what is left and waits for the answer.
    pub(crate) fn finish(self) -> Answer {
        self.try_finish().expect("no answer")
    }

    fn try_finish(mut self) -> Option<Answer> {
        let _ = self.stream.write_all(&self.rest);
        let mut reader = BufReader::new(self.stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = Vec::new();
        match length {
            Some((_, length)) => {
                body.resize(length.parse().unwrap(), 0);
                reader.read_exact(&mut body).unwrap();
            }
            None => drop(reader.read_to_end(&mut body)),
        }
        Some(Answer { status, headers, body: String::from_utf8(body).unwrap() })
    }
}
