//! A declared set of labels or annotations: named values, and whole objects or lists of tags.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use tagout_core::alert::AlertFlaw;
use tagout_core::matcher::glob;

use super::super::fields::{self, flaw};
use super::super::json::Kind;
use super::body::Body;
use super::pointer::Pointer;
use super::value::{Place, Scope, Value};

/// A set of named texts. An entry that is absent is left out. A name that comes from two places
/// keeps the text of the first: the named values, then each spread in the order declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) named: BTreeMap<String, Value>,
    pub(super) spreads: Vec<Spread>,
}

/// Entries whose names are in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) at: Place,
    pub(super) shape: Shape,
    /// Put before each name.
    pub(super) prefix: String,
    /// Patterns of names that are taken; all if there is none.
    pub(super) only: Vec<String>,
    /// Patterns of names that are left out.
    pub(super) except: Vec<String>,
}

/// How names and values stand in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object: its members.
    Members,
    /// A list of strings such as `env:prod`, or one string of them.
    Tags {
        /// Between name and value.
        split: String,
        /// Between two tags in one string; the value must be a list if there is none.
        separator: Option<String>,
    },
    /// A list of objects, each with a name and a value.
    Pairs {
        /// Where the name is in each.
        name: Pointer,
        /// Where the value is in each.
        value: Pointer,
    },
}

impl Set {
    /// The entries of one alert. `field` is the name of the set, for messages.
    pub(super) fn read(
        &self,
        field: &str,
        scope: &Scope<'_, '_>,
    ) -> Result<BTreeMap<String, String>, AlertFlaw> {
        let mut set = BTreeMap::new();
        for (name, value) in &self.named {
            if let Some(text) = value.text(&format!("{field}.{name}"), scope)? {
                set.insert(name.clone(), text);
            }
        }
        for spread in &self.spreads {
            for (name, text) in spread.read(field, scope)? {
                set.entry(name).or_insert(text);
            }
        }
        Ok(set)
    }

    /// How many places it reads.
    pub(super) fn places(&self) -> usize {
        self.named.values().map(Value::places).sum::<usize>() + self.spreads.len()
    }
}

impl Spread {
    fn read(
        &self,
        field: &str,
        scope: &Scope<'_, '_>,
    ) -> Result<BTreeMap<String, String>, AlertFlaw> {
        let Some((value, body)) = self.at.find(field, scope)? else { return Ok(BTreeMap::new()) };
        // Several values under one name stand sorted in one text: the order in which a sender
        // lists its tags must not make another label of them, nor another fault.
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, text) in self.entries(field, scope, value, body)? {
            if self.takes(&name) && !name.is_empty() && !scope.is_absent(&text) {
                found.entry(format!("{}{name}", self.prefix)).or_default().insert(text);
            }
        }
        let joined = |texts: BTreeSet<String>| texts.into_iter().collect::<Vec<_>>().join(",");
        Ok(found.into_iter().map(|(name, texts)| (name, joined(texts))).collect())
    }

    fn takes(&self, name: &str) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, name));
        (self.only.is_empty() || named(&self.only)) && !named(&self.except)
    }

    fn entries<'a>(
        &self,
        field: &str,
        scope: &Scope<'_, '_>,
        value: &'a RawValue,
        body: &Body<'a>,
    ) -> Result<Vec<(String, String)>, AlertFlaw> {
        let wrong = |what: String| self.at.flaw(field, &what);
        let shaped = |must: &str| wrong(format!("is {}; it must be {must}", Kind::of(value)));
        match &self.shape {
            Shape::Members => {
                let members = body.members(value).map_err(wrong)?;
                let members = members.ok_or_else(|| shaped("an object"))?;
                let taken = members.iter().filter(|(name, _)| self.takes(name));
                let mut entries = Vec::new();
                for (name, value) in taken.filter(|(_, value)| Kind::of(value) != Kind::Null) {
                    let text = fields::text(&format!("{field}.{name}"), value)?;
                    entries.push((name.to_string(), text));
                }
                Ok(entries)
            }
            Shape::Tags { split, separator } => {
                let tags = match (separator, Kind::of(value)) {
                    (Some(separator), Kind::String) => {
                        let text = fields::text(field, value)?;
                        if scope.is_absent(&text) {
                            return Ok(Vec::new());
                        }
                        text.split(separator.as_str()).map(str::to_owned).collect()
                    }
                    _ => {
                        let list = body.list(value).map_err(wrong)?;
                        let list = list.ok_or_else(|| shaped("a list of tags"))?;
                        let list = list.iter().filter(|tag| Kind::of(tag) != Kind::Null);
                        list.map(|tag| fields::text(field, tag)).collect::<Result<Vec<_>, _>>()?
                    }
                };
                Ok(tags.iter().map(|tag| named(tag, split)).collect())
            }
            Shape::Pairs { name: at_name, value: at_value } => {
                let list = body.list(value).map_err(wrong)?;
                let list = list.ok_or_else(|| shaped("a list of objects"))?;
                let mut entries = Vec::new();
                for pair in list.iter() {
                    let part = |pointer: &Pointer| {
                        let part = body.at_in(pair, pointer).map_err(wrong)?;
                        part.map(|part| fields::text(field, part)).transpose()
                    };
                    let Some(name) = part(at_name)? else {
                        return Err(flaw(field, format!("a pair has no name at {at_name}")));
                    };
                    entries.push((name, part(at_value)?.unwrap_or_default()));
                }
                Ok(entries)
            }
        }
    }
}

/// A tag's name and value. A tag without a value is true of the alert. Spaces around either are
/// dropped; line breaks are not, since they would be dropped in silence.
fn named(tag: &str, split: &str) -> (String, String) {
    let plain = |text: &str| text.trim_matches(' ').to_owned();
    match tag.split_once(split) {
        Some((name, value)) => (plain(name), plain(value)),
        None => (plain(tag), "true".to_owned()),
    }
}
