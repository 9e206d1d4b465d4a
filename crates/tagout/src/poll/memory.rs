//! What a polled source was last seen to hold, and what of an answer is new. Pure.
//!
//! A source does not say that an alert has ended: it no longer names it. That alone is no
//! proof, because a source that was restarted names nothing for a while. An alert counts as
//! resolved when two answers in a row lack it, both whole, and both from a source that was
//! not restarted in between and has been running for long enough to have been told of all
//! alerts anew. In any doubt the alert stays.

use std::collections::{BTreeMap, BTreeSet};

use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::digest::AlertIdentity;
use tagout_core::time::{Span, Time};

use crate::signals::Reading;

/// How often everything is handed over again although nothing changed.
pub(super) const HEARTBEAT: Span = Span::from_secs(30 * 60);
/// How many answers in a row must lack an alert.
const ANSWERS_WITHOUT: u32 = 2;

/// What the source says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// When it was started, by its own clock.
    pub(super) started: Time,
    /// How long ago that was.
    pub(super) age: Span,
    /// Whether it has heard what its peers know.
    pub(super) ready: bool,
}

/// What the source held.
#[derive(Debug, Default)]
pub(super) struct Memory {
    seen: BTreeMap<AlertIdentity, Seen>,
    flaws: BTreeSet<String>,
    started: Option<Time>,
    last_whole: Option<Time>,
}

#[derive(Debug)]
struct Seen {
    alert: Alert,
    without: u32,
    gone: Option<Time>,
}

impl Memory {
    /// A memory of alerts that the log knows to have come from this source, so that what ended
    /// while nobody asked is noticed.
    pub(super) fn of(alerts: impl IntoIterator<Item = Alert>) -> Self {
        let seen = |alert: Alert| (alert.identity(), Seen { alert, without: 0, gone: None });
        Self { seen: alerts.into_iter().map(seen).collect(), ..Self::default() }
    }

    /// What of an answer is to be handed over: what is new, changed or resolved, and now and
    /// then everything. `peer` is absent if some part of the poll failed.
    pub(super) fn compare(
        &mut self,
        answer: Vec<Reading>,
        peer: Option<Peer>,
        settle: Span,
        now: Time,
    ) -> Vec<Reading> {
        let trusted = peer.is_some_and(|peer| {
            let same = self.started.replace(peer.started) == Some(peer.started);
            same && peer.ready && peer.age >= settle
        });
        let whole = self.is_heartbeat(now);
        let (mut present, mut flaws, mut due) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for reading in answer {
            match &reading {
                Reading::Alert(alert) => {
                    let identity = alert.identity();
                    present.insert(identity);
                    let seen = self.seen.get_mut(&identity);
                    let known = seen.is_some_and(|seen| {
                        (seen.without, seen.gone) = (0, None);
                        is_the_same(&seen.alert, alert)
                    });
                    if whole || !known {
                        due.push(reading);
                    }
                }
                Reading::Flawed { flaw, .. } => {
                    let flaw = flaw.to_string();
                    if whole || !self.flaws.contains(&flaw) {
                        due.push(reading);
                    }
                    flaws.insert(flaw);
                }
            }
        }
        // What cannot be read may be what seems to be gone.
        let trusted = trusted && flaws.is_empty();
        self.flaws = flaws;
        for (identity, seen) in &mut self.seen {
            if present.contains(identity) {
                continue;
            }
            if !trusted {
                (seen.without, seen.gone) = (0, None);
                continue;
            }
            seen.without = seen.without.saturating_add(1);
            let gone = *seen.gone.get_or_insert(now);
            if seen.without >= ANSWERS_WITHOUT {
                due.push(Reading::Alert(resolved(&seen.alert, gone)));
            }
        }
        due
    }

    /// Whether everything is due again at `now`.
    pub(super) fn is_heartbeat(&self, now: Time) -> bool {
        self.last_whole.is_none_or(|last| now < last || now.since(last) >= HEARTBEAT)
    }

    /// Notes what was handed over and is durable.
    pub(super) fn keep(&mut self, handed_over: Vec<Reading>) {
        for reading in handed_over {
            let Reading::Alert(alert) = reading else { continue };
            let identity = alert.identity();
            if alert.status == AlertStatus::Resolved {
                self.seen.remove(&identity);
            } else {
                self.seen.insert(identity, Seen { alert, without: 0, gone: None });
            }
        }
    }

    /// Notes that everything was handed over.
    pub(super) fn keep_whole(&mut self, now: Time) {
        self.last_whole = Some(now);
    }

    /// Notes that flawed alerts were not handed over, so that they are tried again.
    pub(super) fn forget_flaws(&mut self) {
        self.flaws.clear();
    }
}

/// Whether nothing changed that matters to an incident. A text with a number in it changes
/// with every evaluation of its rule.
fn is_the_same(before: &Alert, now: &Alert) -> bool {
    before.status == now.status
        && before.severity == now.severity
        && before.starts_at == now.starts_at
}

/// The end of an alert that the source no longer names. By its own clock it cannot have ended
/// before it began, however ours goes.
fn resolved(alert: &Alert, gone: Time) -> Alert {
    let ends_at = Some(alert.starts_at.map_or(gone, |began| began.max(gone)));
    Alert { status: AlertStatus::Resolved, ends_at, ..alert.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::read;

    const SETTLE: Span = Span::from_secs(60);

    fn alert(name: &str) -> Reading {
        let body = format!(r#"{{"title":"{name}","starts_at":"2026-11-01T10:00:00Z"}}"#);
        read(body.as_bytes()).unwrap().alerts.remove(0)
    }

    fn at(seconds: u64) -> Time {
        let start: Time = "2026-11-01T10:00:00Z".parse().unwrap();
        start.after(Span::from_secs(seconds))
    }

    fn peer(started: u64, age: u64) -> Option<Peer> {
        Some(Peer { started: at(started), age: Span::from_secs(age), ready: true })
    }

    /// Compares and keeps; what was handed over, as name and status.
    fn hand(
        memory: &mut Memory,
        answer: &[&str],
        peer: Option<Peer>,
        now: u64,
    ) -> Vec<(String, AlertStatus)> {
        let answer = answer.iter().map(|name| alert(name)).collect();
        let whole = memory.is_heartbeat(at(now));
        let due = memory.compare(answer, peer, SETTLE, at(now));
        let told = due.iter().map(|reading| match reading {
            Reading::Alert(alert) => (alert.name().to_owned(), alert.status),
            Reading::Flawed { flaw, .. } => panic!("{flaw}"),
        });
        let told = told.collect();
        memory.keep(due);
        if whole {
            memory.keep_whole(at(now));
        }
        told
    }

    fn firing(name: &str) -> (String, AlertStatus) {
        (name.to_owned(), AlertStatus::Firing)
    }

    fn ended(name: &str) -> (String, AlertStatus) {
        (name.to_owned(), AlertStatus::Resolved)
    }

    #[test]
    fn what_did_not_change_is_handed_over_once_and_again_at_the_heartbeat() {
        let mut memory = Memory::default();
        assert_eq!(hand(&mut memory, &["a"], peer(0, 90), 0), [firing("a")]);
        assert_eq!(hand(&mut memory, &["a"], peer(0, 90), 30), []);
        assert_eq!(hand(&mut memory, &["a", "b"], peer(0, 90), 60), [firing("b")]);
        let almost = HEARTBEAT.millis() / 1000 - 1;
        assert_eq!(hand(&mut memory, &["a", "b"], peer(0, 90), almost), []);
        let both = [firing("a"), firing("b")];
        assert_eq!(hand(&mut memory, &["a", "b"], peer(0, 90), almost + 1), both);
    }

    #[test]
    fn an_alert_is_resolved_when_two_answers_in_a_row_lack_it_and_once() {
        let mut memory = Memory::default();
        hand(&mut memory, &["a", "b"], peer(0, 90), 0);
        assert_eq!(hand(&mut memory, &["b"], peer(0, 90), 30), []);
        assert_eq!(hand(&mut memory, &["b"], peer(0, 90), 60), [ended("a")]);
        assert_eq!(hand(&mut memory, &["b"], peer(0, 90), 90), []);
    }

    #[test]
    fn an_alert_that_is_back_in_between_is_not_resolved() {
        let mut memory = Memory::default();
        hand(&mut memory, &["a"], peer(0, 90), 0);
        hand(&mut memory, &[], peer(0, 90), 30);
        hand(&mut memory, &["a"], peer(0, 90), 60);
        assert_eq!(hand(&mut memory, &[], peer(0, 90), 90), []);
    }

    #[test]
    fn a_restart_a_young_source_an_unready_one_and_a_partial_answer_resolve_nothing() {
        let unready = peer(0, 90).map(|peer| Peer { ready: false, ..peer });
        let cases = [
            ("restarted in between", peer(0, 90), peer(5, 90)),
            ("young", peer(0, 59), peer(0, 59)),
            ("not ready", unready, unready),
            ("partial", None, None),
            ("partial once", peer(0, 90), None),
        ];
        for (what, first, second) in cases {
            let mut memory = Memory::default();
            hand(&mut memory, &["a"], peer(0, 90), 0);
            assert_eq!(hand(&mut memory, &[], first, 30), [], "{what}");
            assert_eq!(hand(&mut memory, &[], second, 60), [], "{what}");
        }
        // Long after the restart, the alert has not come back.
        let mut memory = Memory::default();
        hand(&mut memory, &["a"], peer(0, 90), 0);
        hand(&mut memory, &[], peer(30, 5), 35);
        hand(&mut memory, &[], peer(30, 60), 90);
        assert_eq!(hand(&mut memory, &[], peer(30, 90), 120), [ended("a")]);
    }

    #[test]
    fn an_alert_that_cannot_be_read_may_be_the_one_that_seems_gone() {
        let mut memory = Memory::default();
        hand(&mut memory, &["a"], peer(0, 90), 0);
        let flawed = || read(br#"{"title": 7}"#).unwrap().alerts;
        assert_eq!(memory.compare(flawed(), peer(0, 90), SETTLE, at(30)).len(), 1);
        assert_eq!(memory.compare(flawed(), peer(0, 90), SETTLE, at(60)), []);
    }

    #[test]
    fn what_could_not_be_handed_over_is_due_again() {
        let mut memory = Memory::default();
        hand(&mut memory, &["a"], peer(0, 90), 0);
        let both = || vec![alert("a"), alert("b")];
        assert_eq!(memory.compare(both(), peer(0, 90), SETTLE, at(30)), [alert("b")]);
        assert_eq!(memory.compare(both(), peer(0, 90), SETTLE, at(60)), [alert("b")]);
        memory.compare(vec![], peer(0, 90), SETTLE, at(90));
        assert_eq!(memory.compare(vec![], peer(0, 90), SETTLE, at(120)).len(), 1);
        assert_eq!(memory.compare(vec![], peer(0, 90), SETTLE, at(150)).len(), 1);
    }

    #[test]
    fn what_the_log_knows_of_the_source_is_resolved_if_it_ended_while_nobody_asked() {
        let Reading::Alert(known) = alert("a") else { panic!() };
        let mut memory = Memory::of([known]);
        assert_eq!(hand(&mut memory, &[], peer(0, 90), 0), []);
        assert_eq!(hand(&mut memory, &[], peer(0, 90), 30), []);
        assert_eq!(hand(&mut memory, &[], peer(0, 90), 60), [ended("a")]);
    }

    #[test]
    fn a_resolved_alert_never_ended_before_it_began() {
        let Reading::Alert(known) = alert("a") else { panic!() };
        let early = resolved(&known, "2026-11-01T09:00:00Z".parse().unwrap());
        assert_eq!(early.ends_at, known.starts_at);
        assert_eq!(resolved(&known, at(5)).ends_at, Some(at(5)));
    }
}
