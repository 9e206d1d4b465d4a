//! The silences of an Alertmanager, taken over as windows of our own.
//!
//! Format: <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>,
//! `gettableSilence`. What cannot be taken over as it is meant is not taken over at all:
//! better an alert too many than one that nobody meant to hold back.

use std::collections::BTreeMap;

use serde::Deserialize;
use tagout_core::approval::Person;
use tagout_core::command::SharedCommand;
use tagout_core::condition::{Condition, Conditions, Operator};
use tagout_core::event::WindowKind;
use tagout_core::limits;
use tagout_core::matcher::LabelMatcher;
use tagout_core::shared::Window;
use tagout_core::text::FreeText;
use tagout_core::time::Time;

/// The active silences of one answer.
#[derive(Debug, Default)]
pub(super) struct Silences {
    /// Those that can be taken over, by the id of their window.
    pub(super) taken: BTreeMap<String, Silence>,
    /// Those that cannot, by their own id, and why.
    pub(super) left: BTreeMap<String, String>,
}

/// One silence.
#[derive(Debug)]
pub(super) struct Silence {
    conditions: Vec<Condition>,
    ready: Conditions,
    from: Time,
    until: Time,
    reason: FreeText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    id: String,
    status: Status,
    starts_at: Time,
    ends_at: Time,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
    matchers: Vec<Matcher>,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    /// Releases before 0.22 know only this one and leave it out.
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

/// What the ids of all windows of one poll begin with.
pub(super) fn prefix(poll: &str) -> String {
    format!("am:{poll}:")
}

impl Silences {
    /// Reads an answer to `GET /api/v2/silences`.
    pub(super) fn read(poll: &str, body: &[u8]) -> Result<Self, String> {
        let sent: Vec<Sent> = serde_json::from_slice(body)
            .map_err(|e| format!("/api/v2/silences: cannot be read: {e}"))?;
        let mut silences = Self::default();
        for sent in sent.into_iter().filter(|sent| sent.status.state == "active") {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let id: String = sent.id.chars().filter(|c| plain(*c)).take(64).collect();
            let taken = if silences.taken.len() >= limits::SILENCES {
                Err(format!("there are more than {} of them", limits::SILENCES))
            } else {
                Silence::of(sent)
            };
            match taken {
                Ok(silence) => drop(silences.taken.insert(prefix(poll) + &id, silence)),
                Err(why) => drop(silences.left.insert(id, why)),
            }
        }
        Ok(silences)
    }

    /// What is to be asked for so that the windows of this poll are its silences. `open` are
    /// those that have not ended.
    pub(super) fn commands(
        self,
        open: &BTreeMap<String, Window>,
        by: &Person,
        now: Time,
    ) -> Vec<SharedCommand> {
        let mut commands = Vec::new();
        for (id, window) in open {
            if !self.taken.get(id).is_some_and(|silence| silence.is(window)) {
                commands.push(SharedCommand::CloseWindow { id: id.clone(), by: by.clone() });
            }
        }
        for (id, silence) in self.taken {
            let is_open = open.get(&id).is_some_and(|window| silence.is(window));
            if !is_open && now < silence.until {
                commands.push(SharedCommand::OpenWindow {
                    id,
                    window: WindowKind::Silence,
                    matcher: LabelMatcher::default(),
                    conditions: silence.conditions,
                    from: silence.from,
                    until: silence.until,
                    by: by.clone(),
                    reason: silence.reason,
                });
            }
        }
        commands
    }
}

impl Silence {
    fn of(sent: Sent) -> Result<Self, String> {
        let operator = |matcher: &Matcher| match (matcher.is_regex, matcher.is_equal) {
            (false, true) => Operator::Equal,
            (false, false) => Operator::NotEqual,
            (true, true) => Operator::Fits,
            (true, false) => Operator::FitsNot,
        };
        if sent.matchers.is_empty() {
            return Err("it has no matchers".into());
        }
        if sent.ends_at <= sent.starts_at {
            return Err("it ends before it begins".into());
        }
        let condition = |matcher: Matcher| Condition {
            operator: operator(&matcher),
            label: matcher.name,
            value: matcher.value,
        };
        let conditions: Vec<_> = sent.matchers.into_iter().map(condition).collect();
        let ready = Conditions::new(&conditions).map_err(|e| e.to_string())?;
        let mut reason = format!("{}: {}", sent.created_by, sent.comment);
        reason.truncate(reason.floor_char_boundary(limits::REASON_BYTES));
        let (from, until) = (sent.starts_at, sent.ends_at);
        Ok(Self { conditions, ready, from, until, reason: reason.into() })
    }

    /// Whether a window is this silence.
    fn is(&self, window: &Window) -> bool {
        window.kind == WindowKind::Silence
            && window.matcher.0.is_empty()
            && window.conditions.as_ref().is_some_and(|conditions| **conditions == self.ready)
            && (window.from, window.until) == (self.from, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagout_core::decide::decide_shared;
    use tagout_core::shared::Shared;

    const NOW: &str = "2026-11-01T10:30:00Z";

    fn silence(id: &str, state: &str, matcher: &str, until: &str) -> String {
        format!(
            r#"{{"id":"{id}","status":{{"state":"{state}"}},"startsAt":"2026-11-01T10:00:00Z",
            "endsAt":"{until}","createdBy":"ana","comment":"work","matchers":[{matcher}]}}"#
        )
    }

    fn equal(value: &str) -> String {
        format!(r#"{{"name":"instance","value":"{value}","isRegex":false,"isEqual":true}}"#)
    }

    fn read(silences: &[String]) -> Silences {
        Silences::read("one", format!("[{}]", silences.join(",")).as_bytes()).unwrap()
    }

    /// Takes the silences over; how many windows were closed and opened for it.
    fn take_over(shared: &mut Shared, silences: &[String]) -> (usize, usize) {
        let (now, by) = (NOW.parse().unwrap(), Person::new("alertmanager:one").unwrap());
        let open = shared.windows(now).map(|(id, w)| (id.to_owned(), w.clone())).collect();
        let commands = read(silences).commands(&open, &by, now);
        let closed = |c: &&SharedCommand| matches!(c, SharedCommand::CloseWindow { .. });
        let closed = commands.iter().filter(closed).count();
        let opened = commands.len() - closed;
        for command in commands {
            for event in decide_shared(shared, command, now).unwrap() {
                *shared = std::mem::take(shared).after(&event, "", now);
            }
        }
        (closed, opened)
    }

    #[test]
    fn windows_follow_the_active_silences() {
        let mut shared = Shared::default();
        let later = "2026-11-01T11:00:00Z";
        let a = silence("a", "active", &equal("x"), later);
        let pending = silence("p", "pending", &equal("x"), later);
        let b = silence("b", "active", &equal("y"), later);
        assert_eq!(take_over(&mut shared, &[a.clone(), pending, b.clone()]), (0, 2));
        assert_eq!(take_over(&mut shared, &[a.clone(), b.clone()]), (0, 0));
        let (_, window) = shared.windows(NOW.parse().unwrap()).next().unwrap();
        assert_eq!(window.reason.as_str(), "ana: work");
        let longer = silence("a", "active", &equal("x"), "2026-11-01T12:00:00Z");
        assert_eq!(take_over(&mut shared, &[longer.clone(), b]), (1, 1));
        let expired = silence("b", "expired", &equal("y"), later);
        assert_eq!(take_over(&mut shared, &[longer, expired]), (1, 0));
        assert_eq!(take_over(&mut shared, &[]), (1, 0));
    }

    #[test]
    fn a_silence_that_is_over_by_our_clock_is_not_opened() {
        let over = silence("a", "active", &equal("x"), "2026-11-01T10:30:00Z");
        assert_eq!(take_over(&mut Shared::default(), &[over]), (0, 0));
    }

    #[test]
    fn a_silence_that_cannot_be_taken_over_as_it_is_meant_is_left() {
        let fits = |value: &str| {
            format!(r#"{{"name":"instance","value":"{value}","isRegex":true,"isEqual":true}}"#)
        };
        let later = "2026-11-01T11:00:00Z";
        let silences = read(&[
            silence("good", "active", &fits("web-.+"), later),
            silence("flags", "active", &fits("(?i)web"), later),
            silence("all", "active", &fits(".*"), later),
            silence("none", "active", "", later),
        ]);
        assert_eq!(silences.taken.keys().collect::<Vec<_>>(), ["am:one:good"]);
        assert_eq!(silences.left.keys().collect::<Vec<_>>(), ["all", "flags", "none"]);
    }

    #[test]
    fn silences_are_taken_over_up_to_the_limit_and_the_next_one_is_left() {
        let many: Vec<_> = (0..=limits::SILENCES)
            .map(|n| silence(&format!("s{n}"), "active", &equal("x"), "2026-11-01T11:00:00Z"))
            .collect();
        let silences = read(&many);
        assert_eq!((silences.taken.len(), silences.left.len()), (limits::SILENCES, 1));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_an_error_and_not_an_empty_list() {
        for body in ["", "{}", "null", r#"[{"id":"a"}]"#] {
            assert!(Silences::read("one", body.as_bytes()).is_err(), "{body}");
        }
    }
}
