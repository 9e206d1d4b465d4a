//! A `[[rota]]` of the configuration file.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Url;
use serde::Deserialize;
use tagout_core::approval::Person;
use tagout_core::limits;
use tagout_core::time::{Span, Time};

use super::turns::Turns;
use crate::config::BadInput;
use crate::config::address::is_safe;
use crate::source::SecretRef;

/// Who is on duty, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotaConfig {
    /// What it is called wherever a group can stand.
    pub name: String,
    /// Where it stands.
    pub kind: RotaKind,
    /// `static`: the people in the order of their turns.
    #[serde(default)]
    pub people: Vec<String>,
    /// `static`: how long a turn is, as `7d`.
    pub turn: Option<String>,
    /// `static`: when the first person's turn begins, in RFC 3339; this is also the time of day
    /// at which duty is handed over.
    pub start: Option<String>,
    /// `pagerduty` and `opsgenie`: the id of the schedule.
    pub schedule: Option<String>,
    /// `pagerduty` and `opsgenie`: the API key.
    pub token: Option<SecretRef>,
    /// `pagerduty` and `opsgenie`: another place than the provider's usual one.
    pub url: Option<String>,
    /// `pagerduty` and `opsgenie`: the people behind ids or mail addresses there.
    #[serde(default)]
    pub users: BTreeMap<String, String>,
    /// `pagerduty` and `opsgenie`: the time between two looks, as `60s`.
    pub interval: Option<String>,
    /// `pagerduty` and `opsgenie`: for how long what was last read holds, as `4h`.
    pub max_age: Option<String>,
    /// `pagerduty` and `opsgenie`: who stands in when it is not known who is on duty; everybody
    /// of `users` if nothing is said.
    #[serde(default)]
    pub fallback: Vec<String>,
}

/// Where a rota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotaKind {
    /// In the configuration.
    Static,
    /// In PagerDuty.
    PagerDuty,
    /// In Opsgenie.
    Opsgenie,
}

/// Checks all rotas together.
///
/// # Errors
/// The first thing that is wrong, with the rota and what to do.
pub fn check_all(rotas: &[RotaConfig]) -> Result<(), BadInput> {
    if rotas.len() > limits::ROTAS {
        return Err(BadInput(format!("there are more than {} rotas", limits::ROTAS)));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = rotas.iter().find(|rota| !names.insert(&rota.name)) {
        return Err(BadInput(format!("two rotas are named {:?}", twice.name)));
    }
    rotas.iter().try_for_each(RotaConfig::check)
}

impl RotaConfig {
    /// Holds the configuration against itself.
    ///
    /// # Errors
    /// The first thing that is wrong, with what to do about it.
    pub fn check(&self) -> Result<(), BadInput> {
        self.flaw().map_or(Ok(()), |what| Err(BadInput(format!("rota {:?}: {what}", self.name))))
    }

    fn flaw(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !(1..=limits::SOURCE_NAME_BYTES).contains(&self.name.len())
            || !self.name.chars().all(plain)
        {
            let most = limits::SOURCE_NAME_BYTES;
            return Some(format!(
                "its name must be 1 to {most} small letters, digits, hyphens and underscores"
            ));
        }
        if self.token == Some(SecretRef::Misplaced) {
            return Some(
                "a secret never stands in the configuration: write token = { env = \"NAME\" }, and \
                 if one stood here, change it"
                    .into(),
            );
        }
        let most = limits::ROTA_PEOPLE;
        if [self.people.len(), self.users.len(), self.fallback.len()].iter().any(|n| *n > most) {
            return Some(format!("it has more than {most} people"));
        }
        if self.kind == RotaKind::Static {
            let outside = self.schedule.is_some()
                || self.token.is_some()
                || self.url.is_some()
                || !self.users.is_empty()
                || self.interval.is_some()
                || self.max_age.is_some()
                || !self.fallback.is_empty();
            if outside {
                return Some("a static rota has people, turn and start, and nothing else".into());
            }
            return self.turns().err();
        }
        if !self.people.is_empty() || self.turn.is_some() || self.start.is_some() {
            return Some("people, turn and start are for a static rota; remove them".into());
        }
        if self.users.is_empty() {
            return Some(
                "it needs users, the people behind the ids there: users = { PXPGF42 = \"ana\" }"
                    .into(),
            );
        }
        let plain = |id: &String| {
            !id.is_empty()
                && id.len() <= 128
                && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if !self.schedule.as_ref().is_some_and(plain) {
            return Some("it needs schedule = \"…\", the id of the schedule".into());
        }
        if self.token.is_none() {
            return Some("it needs token = { env = \"NAME\" }, the API key".into());
        }
        let checked = self.address().map(drop).and(self.every().map(drop));
        let checked = checked.and(self.believed_for().map(drop)).and(self.stand_ins().map(drop));
        checked.err()
    }

    /// The turns that are written down.
    pub(super) fn turns(&self) -> Result<Turns, String> {
        let turn = self.turn.as_ref().ok_or("it needs turn = \"7d\", the length of a turn")?;
        let turn: Span = turn.parse().map_err(|e| format!("turn: {e}"))?;
        let (least, most) = limits::ROTA_TURN;
        if !(least..=most).contains(&turn) {
            return Err(format!("turn is {turn}; it must be from {least} to {most}"));
        }
        let start = self
            .start
            .as_ref()
            .ok_or("it needs start = \"2026-11-02T08:00:00Z\", when the first turn begins")?;
        let start: Time = start.parse().map_err(|e| format!("start: {e}"))?;
        Turns::new(people(&self.people)?, start, turn).map_err(str::to_owned)
    }

    /// The time between two looks.
    pub(super) fn every(&self) -> Result<Span, String> {
        let span = span("interval", self.interval.as_deref().unwrap_or("60s"))?;
        let (least, most) = limits::SCHEDULE_INTERVAL;
        if (least..=most).contains(&span) {
            return Ok(span);
        }
        Err(format!("interval is {span}; it must be from {least} to {most}"))
    }

    /// For how long what was last read holds.
    pub(super) fn believed_for(&self) -> Result<Span, String> {
        let span = span("max_age", self.max_age.as_deref().unwrap_or("1h"))?;
        let most = limits::SCHEDULE_AGE;
        // One look that fails must not have others stand in.
        let least = Span::from_millis(self.every()?.millis() * 2);
        if (least..=most).contains(&span) {
            return Ok(span);
        }
        Err(format!("max_age is {span}; it must be from {least} (two intervals) to {most}"))
    }

    /// Who stands in.
    pub(super) fn stand_ins(&self) -> Result<Vec<Person>, String> {
        if self.fallback.is_empty() {
            let all: BTreeSet<Person> = self.known()?.into_values().collect();
            return Ok(all.into_iter().collect());
        }
        people(&self.fallback)
    }

    /// The people behind ids and mail addresses; an address is compared without regard to case.
    pub(super) fn known(&self) -> Result<BTreeMap<String, Person>, String> {
        let known = |(id, name): (&String, &String)| Ok((id.to_lowercase(), person(name)?));
        self.users.iter().map(known).collect()
    }

    /// Where the provider answers.
    pub(super) fn address(&self) -> Result<Url, String> {
        let usual = match self.kind {
            RotaKind::Static => return Err("a static rota has no url".into()),
            RotaKind::PagerDuty => "https://api.pagerduty.com",
            RotaKind::Opsgenie => "https://api.opsgenie.com",
        };
        let url = Url::parse(self.url.as_deref().unwrap_or(usual));
        let url = url.map_err(|e| format!("url: {e}"))?;
        url.host_str().ok_or("url: names no host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("url: names a user; write the secret elsewhere".into());
        }
        if !is_safe(&url) {
            return Err("url: is not https, and the key would travel in the clear".into());
        }
        Ok(url)
    }
}

fn span(key: &str, text: &str) -> Result<Span, String> {
    text.parse().map_err(|e| format!("{key}: {e}"))
}

fn person(name: &str) -> Result<Person, String> {
    Person::new(name).map_err(|e| format!("{name:?}: {e}"))
}

fn people(names: &[String]) -> Result<Vec<Person>, String> {
    names.iter().map(|name| person(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rota(text: &str) -> RotaConfig {
        toml::from_str(&format!("name = \"a\"\n{text}")).unwrap()
    }

    fn turns() -> RotaConfig {
        rota(
            "kind = \"static\"\npeople = [\"ana\"]\nturn = \"7d\"\nstart = \"2026-11-02T08:00:00Z\"\n",
        )
    }

    fn schedule() -> RotaConfig {
        rota(
            "kind = \"opsgenie\"\nschedule = \"P1\"\ntoken = { env = \"A\" }\nusers = { U1 = \"ana\" }\n",
        )
    }

    #[test]
    fn there_are_as_many_rotas_and_people_as_the_limits_and_not_one_more() {
        let named = |n: usize| RotaConfig { name: format!("a{n}"), ..turns() };
        assert_eq!(check_all(&(0..limits::ROTAS).map(named).collect::<Vec<_>>()), Ok(()));
        assert!(check_all(&(0..=limits::ROTAS).map(named).collect::<Vec<_>>()).is_err());
        let people = |n| RotaConfig { people: vec!["ana".into(); n], ..turns() };
        assert_eq!(people(limits::ROTA_PEOPLE).check(), Ok(()));
        assert!(people(limits::ROTA_PEOPLE + 1).check().is_err());
    }

    #[test]
    fn turns_looks_and_belief_keep_within_their_limits() {
        let text = |ms: u64| Some(Span::from_millis(ms).to_string());
        let turn = |ms| RotaConfig { turn: text(ms), ..turns() }.check().is_ok();
        let (least, most) = (limits::ROTA_TURN.0.millis(), limits::ROTA_TURN.1.millis());
        assert!(turn(least) && turn(most) && !turn(least - 1) && !turn(most + 1));
        let age = text(limits::SCHEDULE_AGE.millis());
        let every = |ms| {
            RotaConfig { interval: text(ms), max_age: age.clone(), ..schedule() }.check().is_ok()
        };
        let (least, most) = limits::SCHEDULE_INTERVAL;
        let (least, most) = (least.millis(), most.millis());
        assert!(every(least) && every(most) && !every(least - 1) && !every(most + 1));
        let believed = |ms| RotaConfig { max_age: text(ms), ..schedule() }.check().is_ok();
        let most = limits::SCHEDULE_AGE.millis();
        assert!(believed(most) && !believed(most + 1));
        assert!(believed(120_000) && !believed(119_999), "two looks a minute apart");
    }
}
