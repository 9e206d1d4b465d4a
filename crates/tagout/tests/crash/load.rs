//! Senders that post to a service which may be killed at any moment.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::chance::Chance;
use super::service::{OWN_SECRET, SECRET};

/// How many send at once.
pub(crate) const SENDERS: u64 = 4;

/// The alert names that are sent; two of them have a runbook.
const NAMES: [&str; 4] = ["CacheFull", "QueueStuck", "DiskFull", "LinkDown"];

/// One delivery, as its source sends it.
#[derive(Debug, Clone)]
struct Delivery {
    own: bool,
    body: String,
}

/// What became of a delivery.
enum Outcome {
    /// The status and the body of the answer.
    Answered(u16, String),
    /// It was sent whole while the process lived, and no answer came.
    Unanswered,
    /// It was not sent whole, or to nobody.
    Unsent,
}

/// A delivery that was answered 200.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) delivery: String,
    pub(crate) incidents: Vec<String>,
    /// The label `instance` of the alert.
    pub(crate) instance: String,
}

/// What was sent over all cycles.
#[derive(Default)]
pub(crate) struct Load {
    next: AtomicU64,
    /// Every fault that was sent so far: name, severity and instance.
    faults: Mutex<Vec<(&'static str, &'static str, String)>>,
    /// What was not answered and is sent again, as every source does.
    again: Mutex<Vec<Delivery>>,
    receipts: Mutex<Vec<Receipt>>,
    refused: AtomicU64,
}

/// A process that the senders post to.
pub(crate) struct Aim {
    pub(crate) address: String,
    /// Set just before the process is killed.
    pub(crate) killed: AtomicBool,
    /// How many deliveries the kill left unanswered.
    pub(crate) unanswered: AtomicU64,
}

impl Aim {
    pub(crate) fn at(address: &str) -> Self {
        let (killed, unanswered) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { address: address.to_owned(), killed, unanswered }
    }

    pub(crate) fn was_bitten(&self) -> bool {
        self.unanswered.load(Ordering::SeqCst) > 0
    }
}

impl Load {
    /// One sender: posts until there is nobody to post to, or `enough` is set.
    pub(crate) fn send(&self, mut chance: Chance, aim: &Aim, enough: &AtomicBool) {
        while !enough.load(Ordering::SeqCst) {
            let again = self.again.lock().unwrap().pop();
            let (delivery, twice) = match again {
                Some(delivery) => (delivery, false),
                None => (self.delivery(&mut chance), chance.within(0, 5) == 0),
            };
            for _ in 0..=u8::from(twice) {
                match post(aim, &delivery) {
                    Outcome::Answered(200, answer) => self.answered(&delivery, &answer),
                    Outcome::Answered(503, _) => {
                        self.refused.fetch_add(1, Ordering::SeqCst);
                        self.again.lock().unwrap().push(delivery.clone());
                        thread::sleep(Duration::from_millis(50));
                    }
                    Outcome::Answered(status, answer) => {
                        panic!("{status}: {answer} to {delivery:?}")
                    }
                    Outcome::Unanswered => {
                        aim.unanswered.fetch_add(1, Ordering::SeqCst);
                        self.again.lock().unwrap().push(delivery);
                        return;
                    }
                    Outcome::Unsent => {
                        self.again.lock().unwrap().push(delivery);
                        return;
                    }
                }
            }
            thread::sleep(Duration::from_millis(chance.within(0, 20)));
        }
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        std::mem::take(&mut *self.receipts.lock().unwrap())
    }

    /// How many were answered 503 so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    fn answered(&self, delivery: &Delivery, answer: &str) {
        let receipt: Value = serde_json::from_str(answer).unwrap();
        assert_eq!((&receipt["alerts"], &receipt["flawed"]), (&1.into(), &0.into()), "{receipt}");
        let sent: Value = serde_json::from_str(&delivery.body).unwrap();
        let alert = if delivery.own { &sent } else { &sent["alerts"][0] };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let incidents = receipt["incidents"].as_array().unwrap();
        self.receipts.lock().unwrap().push(Receipt {
            delivery: text(&receipt["delivery"]),
            incidents: incidents.iter().map(text).collect(),
            instance: text(&alert["labels"]["instance"]),
        });
    }

    /// A new fault, one that goes on, or the end of one.
    fn delivery(&self, chance: &mut Chance) -> Delivery {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let mut faults = self.faults.lock().unwrap();
        let kind = chance.within(0, 10);
        // Mostly those that were sent last, so that ends and repeats meet what is going on.
        let recent = &faults[faults.len().saturating_sub(30)..];
        let known = chance.one_of(recent).filter(|_| kind >= 4).cloned();
        let resolved = known.is_some() && kind >= 7;
        let (name, severity, instance) = known.unwrap_or_else(|| {
            let name = chance.one_of(&NAMES).unwrap();
            let severity = chance.one_of(&["info", "warning", "critical"]).unwrap();
            let fault = (*name, *severity, format!("h-{n}"));
            faults.push(fault.clone());
            fault
        });
        drop(faults);
        let status = if resolved { "resolved" } else { "firing" };
        let labels = json!({"alertname": name, "instance": instance, "environment": "test",
            "severity": severity});
        let annotations = json!({"sent": n.to_string(), "summary": "It is out of order."});
        let own = chance.within(0, 2) == 0;
        let body = if own {
            json!({"title": name, "severity": severity, "status": status, "labels": labels,
                "annotations": annotations})
        } else {
            let alert = json!({"status": status, "labels": labels, "annotations": annotations});
            json!({"version": "4", "status": status, "receiver": "tagout", "groupKey": instance,
                "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": labels,
                "commonAnnotations": {}, "externalURL": "", "alerts": [alert]})
        };
        Delivery { own, body: body.to_string() }
    }
}

fn post(aim: &Aim, delivery: &Delivery) -> Outcome {
    let Ok(mut stream) = TcpStream::connect(&aim.address) else { return Outcome::Unsent };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (source, secret) = if delivery.own { ("own", OWN_SECRET) } else { ("am", SECRET) };
    let body = &delivery.body;
    let request = format!(
        "POST /v1/sources/{source} HTTP/1.1\r\nHost: tagout\r\nAuthorization: Bearer {secret}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    if stream.write_all(request.as_bytes()).is_err() || aim.killed.load(Ordering::SeqCst) {
        return Outcome::Unsent;
    }
    let mut answer = Vec::new();
    // A kill resets the connection; what came before that may be a whole answer.
    let failed = stream.read_to_end(&mut answer).err();
    if let Some(error) = failed.filter(|_| !aim.killed.load(Ordering::SeqCst)) {
        panic!("no answer though the process lives: {error}");
    }
    let answer = String::from_utf8(answer).unwrap();
    whole(&answer).map_or(Outcome::Unanswered, |(status, body)| Outcome::Answered(status, body))
}

/// The status and the body of an answer that came whole.
fn whole(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    (length.parse() == Ok(body.len())).then(|| (status, body.to_owned()))
}
