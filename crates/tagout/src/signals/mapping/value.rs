//! A declared value: where the text of a field comes from.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use tagout_core::alert::AlertFlaw;

use super::super::fields::{self, flaw};
use super::super::json::Kind;
use super::body::Body;
use super::pointer::Pointer;

/// Pointers that begin so are read from the whole body, not from one alert of it.
const WHOLE_BODY: &str = "body:";

/// One alert of a body, with the body around it.
pub(super) struct Scope<'s, 'a> {
    pub(super) alert: &'s Body<'a>,
    pub(super) body: &'s Body<'a>,
    /// Texts by which the sender says that it has no value.
    pub(super) absent: &'s BTreeSet<String>,
}

impl Scope<'_, '_> {
    /// Whether a text says nothing.
    pub(super) fn is_absent(&self, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.absent.contains(text)
    }
}

/// A pointer into the alert, or into the body around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    whole: bool,
    pointer: Pointer,
}

impl Place {
    /// Reads `/path`, or `body:/path` for a place outside the alert.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (whole, rest) = match text.strip_prefix(WHOLE_BODY) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        Ok(Self { whole, pointer: Pointer::parse(rest)? })
    }

    /// The value there, and the body that it was taken from.
    pub(super) fn find<'s, 'a>(
        &self,
        field: &str,
        scope: &Scope<'s, 'a>,
    ) -> Result<Option<(&'a RawValue, &'s Body<'a>)>, AlertFlaw> {
        let body = if self.whole { scope.body } else { scope.alert };
        let value = body.at(&self.pointer).map_err(|what| self.flaw(field, &what))?;
        Ok(value.map(|value| (value, body)))
    }

    /// The string, number or boolean there, as text; absent if it is blank.
    pub(super) fn text(
        &self,
        field: &str,
        scope: &Scope<'_, '_>,
    ) -> Result<Option<String>, AlertFlaw> {
        let Some((value, _)) = self.find(field, scope)? else { return Ok(None) };
        let text = fields::text(field, value).map_err(|flaw| self.flaw(field, &flaw.what))?;
        Ok(Some(text).filter(|text| !scope.is_absent(text)))
    }

    /// What is wrong with `field`, with the place that was read for it.
    pub(super) fn flaw(&self, field: &str, what: &str) -> AlertFlaw {
        let place = self.pointer.to_string().escape_debug().to_string();
        flaw(field, format!("{place} {what}"))
    }
}

/// Where the text of a field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// One place.
    Place(Place),
    /// Always the same text.
    Constant(String),
    /// The first of several that is not absent.
    First(Vec<Value>),
    /// Places and literal text, one after the other; absent if any place is.
    Template(Vec<Part>),
    /// The entries of a list of strings, numbers and booleans.
    Join(Place, String),
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Place(Place),
}

impl Value {
    /// The text, as it was sent; absent if there is none.
    ///
    /// # Errors
    /// If there is something else than text.
    pub(super) fn text(
        &self,
        field: &str,
        scope: &Scope<'_, '_>,
    ) -> Result<Option<String>, AlertFlaw> {
        match self {
            Self::Place(place) => place.text(field, scope),
            Self::Constant(text) => Ok(Some(text.clone())),
            Self::First(values) => {
                for value in values {
                    if let Some(text) = value.text(field, scope)? {
                        return Ok(Some(text));
                    }
                }
                Ok(None)
            }
            Self::Template(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Place(place) => match place.text(field, scope)? {
                            Some(part) => text.push_str(&part),
                            None => return Ok(None),
                        },
                    }
                }
                Ok(Some(text))
            }
            Self::Join(place, between) => join(place, between, field, scope),
        }
    }

    /// How many places it reads.
    pub(super) fn places(&self) -> usize {
        match self {
            Self::Place(_) | Self::Join(..) => 1,
            Self::Constant(_) => 0,
            Self::First(values) => values.iter().map(Self::places).sum(),
            Self::Template(parts) => parts.iter().filter(|p| matches!(p, Part::Place(_))).count(),
        }
    }
}

fn join(
    place: &Place,
    between: &str,
    field: &str,
    scope: &Scope<'_, '_>,
) -> Result<Option<String>, AlertFlaw> {
    let Some((value, body)) = place.find(field, scope)? else { return Ok(None) };
    let Some(list) = body.list(value).map_err(|what| place.flaw(field, &what))? else {
        let what = format!("is {}; it must be an array", Kind::of(value));
        return Err(place.flaw(field, &what));
    };
    let mut texts = Vec::new();
    for entry in list.iter().filter(|entry| Kind::of(entry) != Kind::Null) {
        let text = fields::text(field, entry).map_err(|flaw| place.flaw(field, &flaw.what))?;
        if !scope.is_absent(&text) {
            texts.push(text);
        }
    }
    Ok(if texts.is_empty() { None } else { Some(texts.join(between)) })
}

/// Reads a template: literal text with places in braces, as `{/host}: {/check}`. A brace is
/// written twice.
pub(super) fn template(text: &str) -> Result<Value, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        let (brace, after) = from.split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
        } else if let ("{", Some((place, after))) = (brace, after.split_once('}')) {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Place(Place::parse(place)?));
            rest = after;
        } else {
            return Err(format!(
                "the template {text:?} has a lone brace; write a place as {{/host}}, and a brace \
                 itself twice"
            ));
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    if !parts.iter().any(|part| matches!(part, Part::Place(_))) {
        return Err(format!("the template {text:?} reads no place; write a constant instead"));
    }
    Ok(Value::Template(parts))
}
