//! A mapping as its author writes it: TOML in which nothing is unknown and each rule is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use tagout_core::alert::{AlertStatus, Severity};
use tagout_core::limits;

use super::moment::{Moment, Spelling};
use super::pointer::Pointer;
use super::set::{Set, Shape, Spread};
use super::value::{Place, Value, template};
use super::{Condition, Mapping, MappingError, Severities, Statuses, Test};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    each: Option<String>,
    #[serde(default)]
    absent: BTreeSet<String>,
    id: Option<ValueFile>,
    title: Option<ValueFile>,
    message: Option<ValueFile>,
    runbook_url: Option<ValueFile>,
    status: Option<StatusFile>,
    severity: Option<SeverityFile>,
    starts_at: Option<MomentFile>,
    ends_at: Option<MomentFile>,
    #[serde(default)]
    labels: BTreeMap<String, ValueFile>,
    #[serde(default)]
    labels_from: Vec<SpreadFile>,
    #[serde(default)]
    annotations: BTreeMap<String, ValueFile>,
    #[serde(default)]
    annotations_from: Vec<SpreadFile>,
    #[serde(default)]
    metrics: BTreeMap<String, String>,
    #[serde(default)]
    ignore: Vec<IgnoreFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusFile {
    from: ValueFile,
    #[serde(default)]
    firing: Vec<String>,
    #[serde(default)]
    resolved: Vec<String>,
    #[serde(default)]
    suppressed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeverityFile {
    from: ValueFile,
    #[serde(default)]
    info: Vec<String>,
    #[serde(default)]
    warning: Vec<String>,
    #[serde(default)]
    error: Vec<String>,
    #[serde(default)]
    critical: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MomentFile {
    from: ValueFile,
    #[serde(rename = "as")]
    spelling: Spelling,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpreadFile {
    members: Option<String>,
    tags: Option<String>,
    pairs: Option<String>,
    split: Option<String>,
    separator: Option<String>,
    name: Option<String>,
    value: Option<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    only: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IgnoreFile {
    at: String,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    begins_with: Vec<String>,
}

/// A value: a pointer as a string, or a table with one key that says what it is.
enum ValueFile {
    Place(String),
    Table(ValueTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueTable {
    constant: Option<String>,
    first: Option<Vec<ValueFile>>,
    template: Option<String>,
    join: Option<String>,
    with: Option<String>,
}

impl<'de> Deserialize<'de> for ValueFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ValueFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a JSON Pointer such as \"/title\", or a table with constant, first, template \
                     or join",
                )
            }
            fn visit_str<E>(self, text: &str) -> Result<ValueFile, E> {
                Ok(ValueFile::Place(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ValueFile, A::Error> {
                ValueTable::deserialize(MapAccessDeserializer::new(map)).map(ValueFile::Table)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Reads a declaration. See [`Mapping::parse`].
pub(super) fn read(text: &str) -> Result<Mapping, MappingError> {
    if text.len() > limits::MAPPING_BYTES {
        return Err(MappingError(format!(
            "the mapping is {} bytes long; the limit is {}",
            text.len(),
            limits::MAPPING_BYTES
        )));
    }
    let file: File =
        toml::from_str(text).map_err(|e| MappingError(e.to_string().trim_end().to_owned()))?;
    finish(file).map_err(|(key, what)| MappingError(format!("{key}: {what}")))
}

/// A key of the file and what is wrong there.
type Wrong = (String, String);

fn at<T>(key: &str, read: Result<T, String>) -> Result<T, Wrong> {
    read.map_err(|what| (key.to_owned(), what))
}

fn finish(file: File) -> Result<Mapping, Wrong> {
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if file.name.is_empty() || file.name.len() > limits::NAME_BYTES || !file.name.chars().all(named)
    {
        let what = "must be lower-case letters, digits, - and _, as it names the sender in the log";
        return at("name", Err(what.to_owned()));
    }
    if file.title.is_none() && file.message.is_none() {
        return at("title", Err("is missing, and so is message; declare at least one".to_owned()));
    }
    let value =
        |key: &str, file: Option<ValueFile>| file.map(|file| at(key, file.check())).transpose();
    let moment = |key: &str, file: Option<MomentFile>| match file {
        None => Ok::<_, Wrong>(None),
        Some(MomentFile { from, spelling }) => {
            Ok(Some(Moment { from: at(key, from.check())?, spelling }))
        }
    };
    let mut metrics = BTreeMap::new();
    for (name, place) in file.metrics {
        let key = format!("metrics.{name}");
        metrics.insert(name, at(&key, Place::parse(&place))?);
    }
    let mut ignore = Vec::new();
    for (index, file) in file.ignore.into_iter().enumerate() {
        ignore.push(at(&format!("ignore[{index}]"), file.check())?);
    }
    let mapping = Mapping {
        name: file.name,
        each: file.each.map(|text| at("each", Pointer::parse(&text))).transpose()?,
        absent: file.absent.iter().map(|text| text.trim().to_owned()).collect(),
        id: value("id", file.id)?,
        title: value("title", file.title)?,
        message: value("message", file.message)?,
        runbook_url: value("runbook_url", file.runbook_url)?,
        status: file.status.map(StatusFile::check).transpose()?,
        severity: file.severity.map(SeverityFile::check).transpose()?,
        starts_at: moment("starts_at", file.starts_at)?,
        ends_at: moment("ends_at", file.ends_at)?,
        labels: set("labels", file.labels, file.labels_from)?,
        annotations: set("annotations", file.annotations, file.annotations_from)?,
        metrics,
        ignore,
    };
    let places = mapping.places();
    if places > limits::MAPPING_PLACES {
        let what = format!("reads {places} places; the limit is {}", limits::MAPPING_PLACES);
        return at("the mapping", Err(what));
    }
    Ok(mapping)
}

fn set(
    key: &str,
    named: BTreeMap<String, ValueFile>,
    spreads: Vec<SpreadFile>,
) -> Result<Set, Wrong> {
    if named.len() > limits::LABELS {
        let what = format!("has {} entries; the limit is {}", named.len(), limits::LABELS);
        return at(key, Err(what));
    }
    let mut set = Set::default();
    for (name, file) in named {
        let key = format!("{key}.{name}");
        let value = at(&key, file.check())?;
        set.named.insert(name, value);
    }
    for (index, file) in spreads.into_iter().enumerate() {
        set.spreads.push(at(&format!("{key}_from[{index}]"), file.check())?);
    }
    Ok(set)
}

impl ValueFile {
    fn check(self) -> Result<Value, String> {
        let table = match self {
            Self::Place(text) => return Place::parse(&text).map(Value::Place),
            Self::Table(table) => table,
        };
        if table.with.is_some() && table.join.is_none() {
            return Err("with goes with join; leave it out".to_owned());
        }
        match (table.constant, table.first, table.template, table.join) {
            (Some(text), None, None, None) => Ok(Value::Constant(text)),
            (None, Some(values), None, None) if !values.is_empty() => {
                let values = values.into_iter().map(Self::check).collect::<Result<Vec<_>, _>>()?;
                if values.iter().any(|value| matches!(value, Value::First(_))) {
                    return Err("first stands in first; write one list".to_owned());
                }
                Ok(Value::First(values))
            }
            (None, None, Some(text), None) => template(&text),
            (None, None, None, Some(place)) => {
                let between = table.with.unwrap_or_else(|| ", ".to_owned());
                Ok(Value::Join(Place::parse(&place)?, between))
            }
            _ => Err("needs exactly one of constant, first (a list that is not empty), template \
                      and join"
                .to_owned()),
        }
    }
}

/// Words by their meaning, each once and in one spelling.
fn words<T: Copy>(
    key: &str,
    lists: impl IntoIterator<Item = (Vec<String>, T)>,
) -> Result<BTreeMap<String, T>, Wrong> {
    let mut table = BTreeMap::new();
    for (list, meaning) in lists {
        for word in list {
            let word = word.trim().to_lowercase();
            if word.is_empty() {
                return at(key, Err("an empty word; what is blank is absent".to_owned()));
            }
            if table.insert(word.clone(), meaning).is_some() {
                let what = format!("the word {word:?} stands twice (case does not count)");
                return at(key, Err(what));
            }
        }
    }
    Ok(table)
}

impl StatusFile {
    fn check(self) -> Result<Statuses, Wrong> {
        let from = at("status.from", self.from.check())?;
        let words = words(
            "status",
            [
                (self.firing, AlertStatus::Firing),
                (self.resolved, AlertStatus::Resolved),
                (self.suppressed, AlertStatus::Suppressed),
            ],
        )?;
        if !words.values().any(|status| *status == AlertStatus::Firing) {
            let what = "is missing, so no alert could ever begin; list the sender's words for it";
            return at("status.firing", Err(what.to_owned()));
        }
        Ok(Statuses { from, words })
    }
}

impl SeverityFile {
    fn check(self) -> Result<Severities, Wrong> {
        let from = at("severity.from", self.from.check())?;
        let words = words(
            "severity",
            [
                (self.info, Severity::Info),
                (self.warning, Severity::Warning),
                (self.error, Severity::Error),
                (self.critical, Severity::Critical),
            ],
        )?;
        Ok(Severities { from, words })
    }
}

impl SpreadFile {
    fn check(self) -> Result<Spread, String> {
        let none = |given: &Option<String>, key: &str, with: &str| match given {
            Some(_) => Err(format!("{key} goes with {with}; leave it out")),
            None => Ok(()),
        };
        if self.tags.is_none() {
            none(&self.split, "split", "tags")?;
            none(&self.separator, "separator", "tags")?;
        }
        if self.pairs.is_none() {
            none(&self.name, "name", "pairs")?;
            none(&self.value, "value", "pairs")?;
        }
        let (place, shape) = match (self.members, self.tags, self.pairs) {
            (Some(place), None, None) => (place, Shape::Members),
            (None, Some(place), None) => {
                let split = self.split.unwrap_or_else(|| ":".to_owned());
                if split.is_empty() || self.separator.as_deref() == Some("") {
                    return Err("split and separator must not be empty".to_owned());
                }
                (place, Shape::Tags { split, separator: self.separator })
            }
            (None, None, Some(place)) => {
                let inside = |text: Option<String>, usual: &str| {
                    Pointer::parse(text.as_deref().unwrap_or(usual))
                };
                let (name, value) = (inside(self.name, "/name")?, inside(self.value, "/value")?);
                (place, Shape::Pairs { name, value })
            }
            _ => return Err("needs exactly one of members, tags and pairs".to_owned()),
        };
        Ok(Spread {
            at: Place::parse(&place)?,
            shape,
            prefix: self.prefix,
            only: self.only,
            except: self.except,
        })
    }
}

impl IgnoreFile {
    fn check(self) -> Result<Condition, String> {
        let tests = self.is.into_iter().map(Test::Is);
        let tests: Vec<_> = tests.chain(self.begins_with.into_iter().map(Test::Begins)).collect();
        if tests.is_empty() {
            return Err("needs is or begins_with, or it would ignore nothing".to_owned());
        }
        let blank = |test: &Test| matches!(test, Test::Is(t) | Test::Begins(t) if t.is_empty());
        if tests.iter().any(blank) {
            return Err(
                "an empty text would ignore every alert; write what it begins with".to_owned()
            );
        }
        Ok(Condition { at: Place::parse(&self.at)?, tests })
    }
}
