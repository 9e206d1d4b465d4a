//! `[[poll]]`: the sources that are asked for their alerts, as they are configured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Url;
use serde::{Deserialize, Deserializer};
use tagout_core::limits;
use tagout_core::time::Span;

use crate::config::BadInput;
use crate::config::address::stays_here;
use crate::source::SecretRef;

/// A source that is asked for its alerts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollConfig {
    /// What it is called in metrics, windows and messages: lower-case letters, digits, `-`, `_`.
    pub name: String,
    /// What answers there.
    pub kind: PollKind,
    /// Where it answers, with the prefix it is served under and without `/api/…`.
    pub url: String,
    /// The time between two polls.
    #[serde(default = "half_a_minute", deserialize_with = "span")]
    pub interval: Span,
    /// How long after its start the source is given before an alert that it no longer names
    /// counts as resolved: it does not keep alerts over a restart, and must be sent them anew.
    /// 5 minutes for Alertmanager, 15 for Prometheus if nothing is said.
    #[serde(default, deserialize_with = "some_span")]
    pub settle: Option<Span>,
    /// A token that is sent as `Authorization: Bearer`.
    pub bearer: Option<SecretRef>,
    /// A name and a password.
    pub basic: Option<Basic>,
    /// Whether the silences of an Alertmanager are taken over as silences here, for alerts of
    /// all sources.
    #[serde(default)]
    pub silences: bool,
    /// Labels that are added where an alert lacks them: the `external_labels` that a Prometheus
    /// adds when it sends and does not show when it is asked.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PollKind {
    /// Alertmanager, interface version 2.
    Alertmanager,
    /// Prometheus, interface version 1.
    Prometheus,
}

/// A name and where its password is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The name.
    pub user: String,
    /// Where the password is.
    pub password: SecretRef,
}

/// The secret as it is now; it may be changed while the service runs.
pub(super) fn read_secret(secret: &SecretRef) -> Result<String, String> {
    let secret = secret.load_within(Path::new(""), limits::POLL_SECRET_BYTES)?;
    let text = std::str::from_utf8(secret.bytes()).map_err(|_| "its secret is not UTF-8")?;
    Ok(text.to_owned())
}

fn check_secret(secret: &SecretRef) -> Result<(), String> {
    if *secret == SecretRef::Misplaced {
        return Err("a secret never stands in the configuration: give one of env and file, as in \
             { env = \"ALERTMANAGER_TOKEN\" }, and if one stood here, change it"
            .into());
    }
    Ok(())
}

impl PollConfig {
    /// Takes the paths of its secrets as relative to `base`, the configuration's directory.
    pub fn relative_to(&mut self, base: &Path) {
        let password = self.basic.as_mut().map(|basic| &mut basic.password);
        for secret in self.bearer.iter_mut().chain(password) {
            if let SecretRef::File(file) = secret {
                *file = base.join(&*file);
            }
        }
    }

    /// Every secret that it names.
    pub fn secret_refs(&self) -> impl Iterator<Item = &SecretRef> {
        self.bearer.iter().chain(self.basic.iter().map(|basic| &basic.password))
    }

    /// Whether it can be polled as it is configured.
    ///
    /// # Errors
    /// The first thing that is wrong, with the entry and what to do.
    pub fn check(&self) -> Result<(), BadInput> {
        self.flaw().map_or(Ok(()), |what| Err(BadInput(format!("poll {:?}: {what}", self.name))))
    }

    fn flaw(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !(1..=64).contains(&self.name.len()) || !self.name.chars().all(plain) {
            return Some("name: give 1 to 64 lower-case letters, digits, - or _".into());
        }
        if let Err(what) = self.address() {
            return Some(format!("url: {what}"));
        }
        let (least, most) = (limits::POLL_INTERVAL, limits::POLL_INTERVAL_MAX);
        if self.interval < least || self.interval > most {
            return Some(format!("interval: {} is not between {least} and {most}", self.interval));
        }
        if self.settle.is_some_and(|settle| settle > limits::REMEMBERED) {
            return Some(format!("settle: is longer than {}", limits::REMEMBERED));
        }
        if self.bearer.is_some() && self.basic.is_some() {
            return Some("bearer and basic are both given; give one".into());
        }
        if let Some(Err(what)) = self.bearer.as_ref().map(check_secret) {
            return Some(format!("bearer: {what}"));
        }
        if let Some(basic) = &self.basic {
            if basic.user.is_empty() || basic.user.contains(|c: char| c == ':' || c.is_control()) {
                return Some("basic.user: must not be empty or hold a colon".into());
            }
            if let Err(what) = check_secret(&basic.password) {
                return Some(format!("basic.password: {what}"));
            }
        }
        if self.kind == PollKind::Prometheus && self.silences {
            return Some("silences: a Prometheus has none; ask its Alertmanager".into());
        }
        if self.kind == PollKind::Alertmanager && !self.labels.is_empty() {
            let what = "labels: Alertmanager shows external labels itself, and its alerts must \
                        keep their labels to be the same ones that it sends";
            return Some(what.into());
        }
        let short = |name: &str, value: &str| {
            !name.is_empty()
                && name.len() <= limits::NAME_BYTES
                && value.len() <= limits::VALUE_BYTES
        };
        let control = |text: &str| text.chars().any(char::is_control);
        let bad = self.labels.iter().find(|(name, value)| {
            !short(name, value) || name.starts_with('$') || control(name) || control(value)
        });
        if let Some((name, _)) = bad {
            return Some(format!("labels.{name:?}: is not a label that an alert may have"));
        }
        (self.labels.len() > limits::LABELS).then(|| "labels: are too many".into())
    }

    /// The address, without a slash at its end.
    pub(super) fn address(&self) -> Result<Url, String> {
        // The parser's own message is about the text it was given, which may hold a password.
        let mut url: Url = self.url.parse().map_err(|_| {
            "is not an address such as http://alertmanager.example.org:9093".to_owned()
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("must begin with http:// or https:// and name a host".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a name or a password; give basic or bearer instead".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not hold ? or #".into());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.ends_with("/api/v1") || path.ends_with("/api/v2") {
            return Err("leave out /api/…; it is added".into());
        }
        url.set_path(&path);
        Ok(url)
    }

    /// What is allowed and worth knowing, in words, for `tagout config check`.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let Ok(url) = self.address() else { return Vec::new() };
        let mut remarks = Vec::new();
        if url.scheme() == "http" && !stays_here(&url) {
            let what = if self.bearer.is_some() || self.basic.is_some() {
                "its alerts and its secret cross the network unencrypted; use https"
            } else {
                "whoever can write to that network can hide or invent alerts; use https"
            };
            remarks.push(format!("poll {}: {what}", self.name));
        }
        if self.kind == PollKind::Prometheus && self.labels.is_empty() {
            remarks.push(format!(
                "poll {}: if this Prometheus has external_labels, set them under labels, or \
                 an alert that also comes through Alertmanager is a second incident",
                self.name
            ));
        }
        remarks
    }

    /// How long a source is given after its start.
    pub(super) fn settle(&self) -> Span {
        // A restarted Alertmanager is sent its alerts anew within a minute or so. A restarted
        // Prometheus holds an alert pending for 10 minutes (`rules.alert.for-grace-period`).
        self.settle.unwrap_or(match self.kind {
            PollKind::Alertmanager => Span::from_secs(5 * 60),
            PollKind::Prometheus => Span::from_secs(15 * 60),
        })
    }
}

/// Whether a list of entries can be polled as it is configured.
///
/// # Errors
/// The first thing that is wrong, with the entry and what to do.
pub fn check_all(polls: &[PollConfig]) -> Result<(), BadInput> {
    if polls.len() > limits::POLLS {
        return Err(BadInput(format!("[[poll]]: more than {} entries", limits::POLLS)));
    }
    let mut names = BTreeSet::new();
    for poll in polls {
        poll.check()?;
        if !names.insert(&poll.name) {
            return Err(BadInput(format!("poll {:?}: two entries have this name", poll.name)));
        }
    }
    Ok(())
}

const fn half_a_minute() -> Span {
    Span::from_secs(30)
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn some_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PollConfig, String> {
        let poll: PollConfig = toml::from_str(text).map_err(|e| e.to_string())?;
        poll.check().map(|()| poll).map_err(|e| e.to_string())
    }

    fn with(lines: &str) -> Result<PollConfig, String> {
        read(&format!("name = \"one\"\nkind = \"alertmanager\"\n{lines}"))
    }

    #[test]
    fn an_entry_needs_a_name_a_kind_and_an_address_and_nothing_else() {
        let poll = with("url = \"http://127.0.0.1:9093/am/\"").unwrap();
        assert_eq!(poll.interval, Span::from_secs(30));
        assert!(!poll.silences);
        assert_eq!(poll.address().unwrap().as_str(), "http://127.0.0.1:9093/am");
        assert_eq!(poll.remarks(), Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_is_said_and_no_password_is_repeated() {
        for (lines, part) in [
            ("url = \"ftp://x\"", "http:// or https://"),
            ("url = \"x\"", "is not an address"),
            ("url = \"http://ana:hunter2@x\"", "give basic or bearer"),
            ("url = \"http://x:9093/api/v2\"", "leave out /api/"),
            ("url = \"http://x?y=1\"", "must not hold ?"),
            ("url = \"http://x\"\ninterval = \"4s 999ms\"", "not between 5s and 1h"),
            ("url = \"http://x\"\ninterval = \"1h 1s\"", "not between 5s and 1h"),
            ("url = \"http://x\"\ninterval = 30", "invalid type"),
            ("url = \"http://x\"\nbearer = {}", "one of env and file"),
            ("url = \"http://x\"\nbearer = { env = \"A\", file = \"b\" }", "one of env and file"),
            ("url = \"http://x\"\nbearer = \"hunter2\"", "one of env and file"),
            ("url = \"http://x\"\nbasic = { user = \"a\", password = \"hunter2\" }", "change it"),
            ("url = \"http://x\"\nlabels = { a = \"b\" }", "external labels"),
            ("url = \"http://x\"\nretries = 3", "unknown field"),
        ] {
            let error = with(lines).unwrap_err();
            assert!(error.contains(part), "{lines}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let silences = "name = \"p\"\nkind = \"prometheus\"\nurl = \"http://x\"\nsilences = true";
        assert!(read(silences).unwrap_err().contains("a Prometheus has none"));
        let name = "name = \"Two words\"\nkind = \"prometheus\"\nurl = \"http://x\"";
        assert!(read(name).unwrap_err().contains("lower-case"));
    }

    #[test]
    fn the_example_in_the_documentation_is_accepted() {
        #[derive(Deserialize)]
        struct File {
            poll: Vec<PollConfig>,
        }
        let page = include_str!("../../../../docs/polling.md");
        let example = page.split("```").nth(1).unwrap().strip_prefix("toml").unwrap();
        let file: File = toml::from_str(example).unwrap();
        check_all(&file.poll).unwrap();
        assert_eq!(file.poll[1].labels["region"], "eu");
    }

    #[test]
    fn an_interval_is_accepted_at_its_limits() {
        assert!(with("url = \"http://x\"\ninterval = \"5s\"").is_ok());
        assert!(with("url = \"http://x\"\ninterval = \"1h\"").is_ok());
    }

    #[test]
    fn a_secret_that_crosses_a_network_unencrypted_is_remarked_and_allowed() {
        let lines = "url = \"http://am.example.org\"\nbearer = { env = \"TOKEN\" }";
        let remarks = with(lines).unwrap().remarks();
        assert!(remarks[0].contains("its secret cross"), "{remarks:?}");
        let lines = "url = \"https://am.example.org\"\nbearer = { env = \"TOKEN\" }";
        assert_eq!(with(lines).unwrap().remarks(), Vec::<String>::new());
    }

    #[test]
    fn two_entries_of_one_name_are_refused_and_so_is_one_entry_too_many() {
        let one = with("url = \"http://x\"").unwrap();
        let error = check_all(&[one.clone(), one.clone()]).unwrap_err().to_string();
        assert!(error.contains("two entries"), "{error}");
        let many = |n| -> Vec<_> {
            (0..n).map(|i| PollConfig { name: format!("p{i}"), ..one.clone() }).collect()
        };
        assert!(check_all(&many(limits::POLLS)).is_ok());
        assert!(check_all(&many(limits::POLLS + 1)).is_err());
    }

    #[test]
    fn a_secret_in_a_file_is_read_up_to_its_limit_and_without_its_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let secret = SecretRef::File(path.clone());
        let read = |text: String| {
            std::fs::write(&path, text).unwrap();
            read_secret(&secret)
        };
        assert_eq!(read("hunter2\n".into()), Ok("hunter2".into()));
        let most = "x".repeat(limits::POLL_SECRET_BYTES);
        assert_eq!(read(format!("{most}\n")), Ok(most.clone()));
        assert!(read(format!("{most}x\n")).is_err());
        assert!(read("\n".into()).unwrap_err().contains("is empty"));
    }
}
