//! The one bounded reader of outside JSON: size, encoding and depth are held before parsing.
//!
//! A document is opened one level at a time, as raw slices of the text. So a number keeps the
//! spelling in which it was sent, whatever its size, and a part that nobody reads costs one
//! scan. An object in which a member stands twice is refused: two readers of one signed body
//! could otherwise see two alerts. Objects that are never opened are not held to that.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tagout_core::limits;

use super::SignalError;

/// The white space of RFC 8259, section 2.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// How much room there is for what is read first, in bytes.
const FIRST_READ: usize = 64 << 10;

/// Reads a file or stream that may be of any size, up to [`limits::BODY_BYTES`].
///
/// At most one byte past the limit is taken from `source`; one that is larger is refused
/// without having been read.
///
/// # Errors
/// [`SignalError::TooLarge`] past the limit, [`SignalError::Unreadable`] if the source fails.
pub fn read_bounded(source: impl Read) -> Result<Vec<u8>, SignalError> {
    let mut source = source.take(limits::BODY_BYTES as u64 + 1);
    let mut body = Vec::new();
    loop {
        // It grows as fast as what was read, and to the limit at most: doubled once more it
        // would take twice the memory of the largest body.
        let room = limits::BODY_BYTES + 1 - body.len();
        let more = body.len().max(FIRST_READ);
        let more = if room < 2 * more { room } else { more };
        body.reserve_exact(more);
        let read = source.by_ref().take(more as u64).read_to_end(&mut body);
        match read.map_err(|e| SignalError::Unreadable { why: e.to_string() })? {
            0 => return Ok(body),
            _ if body.len() > limits::BODY_BYTES => return Err(SignalError::TooLarge),
            _ => {}
        }
    }
}

/// The text of a body, without a byte order mark, once size, encoding and depth are known to
/// be within bounds.
pub(super) fn text(body: &[u8]) -> Result<&str, SignalError> {
    text_within(body, limits::BODY_BYTES)
}

/// As [`text`], with another bound of size.
pub(super) fn text_within(body: &[u8], limit: usize) -> Result<&str, SignalError> {
    if body.len() > limit {
        return Err(SignalError::TooLarge);
    }
    let text =
        std::str::from_utf8(body).map_err(|e| SignalError::NotUtf8 { offset: e.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if is_blank(text) {
        return Err(SignalError::Empty);
    }
    depth(text)?;
    Ok(text)
}

/// Refuses nesting beyond [`limits::JSON_DEPTH`] by counting brackets outside strings, so
/// that no parser ever recurses into such a text.
fn depth(text: &str) -> Result<(), SignalError> {
    let (bytes, mut depth, mut at) = (text.as_bytes(), 0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b'[' | b'{' => {
                depth += 1;
                if depth > limits::JSON_DEPTH {
                    let (line, column) = place(text, at);
                    return Err(SignalError::TooDeep { line, column });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Where the closing quote of a string stands whose first character is at `from`; the end of
/// the text if there is none.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        // Whatever is escaped ends no string.
        at += 2;
    }
    bytes.len()
}

/// What a body holds: one JSON value, or one on each line.
pub(super) enum Document<'a> {
    One(&'a RawValue),
    /// The values with their line numbers, counted from 1.
    Lines(Vec<(usize, &'a RawValue)>),
}

/// Tells one value from JSON Lines and checks the syntax of all of it.
pub(super) fn document(text: &str) -> Result<Document<'_>, SignalError> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let first = match values.next() {
        Some(Ok(first)) => first,
        Some(Err(e)) => return Err(syntax(&e, 1)),
        None => return Err(SignalError::Empty),
    };
    let end = values.byte_offset();
    let rest = text.get(end..).unwrap_or_default();
    if is_blank(rest) {
        return Ok(Document::One(first));
    }
    let on_next_line = rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
    if !on_next_line || first.get().contains('\n') {
        let start = end + rest.len() - rest.trim_start_matches(WHITE_SPACE).len();
        let (line, column) = place(text, start);
        let what = "there is more after the first value; \
                    put several alerts in an array, or each on a line of its own"
            .to_owned();
        return Err(SignalError::NotJson { line, column, what });
    }
    let mut lines = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        if is_blank(line) {
            continue;
        }
        if lines.len() == limits::ALERTS_PER_BODY {
            return Err(SignalError::TooManyAlerts);
        }
        let value = serde_json::from_str(line).map_err(|e| syntax(&e, index + 1))?;
        lines.push((index + 1, value));
    }
    Ok(Document::Lines(lines))
}

/// The elements of an array of alerts, at most [`limits::ALERTS_PER_BODY`].
pub(super) fn alerts(array: &RawValue) -> Result<Vec<&RawValue>, SignalError> {
    let Elements { values, more } = serde_json::from_str(array.get()).map_err(|e| syntax(&e, 1))?;
    if more { Err(SignalError::TooManyAlerts) } else { Ok(values) }
}

/// The same, each opened as the array is read: one scan less. `None` unless all of them are
/// objects and no more than that.
pub(super) fn objects(array: &RawValue) -> Option<Vec<Members<'_>>> {
    let Elements { values, more } = serde_json::from_str(array.get()).ok()?;
    (!more).then_some(values)
}

/// The members of an object in which all values are strings, in the order in which they stand and
/// each read as it is met. `None` for anything else.
pub(super) fn strings(object: &RawValue) -> Option<Vec<(String, String)>> {
    serde_json::from_str(object.get()).ok().map(|Strings(members)| members)
}

struct Strings(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Strings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Strings(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// What kind of value a slice holds, for messages and for choosing how to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(super) fn of(value: &RawValue) -> Self {
        // The syntax has been checked, so the first byte decides.
        match value.get().trim_start_matches(WHITE_SPACE).as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// The name of a member, which needs memory of its own only if it holds escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The values of an object by their names.
pub(super) type Values<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The members of one opened object.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) values: Values<'a>,
    /// A name that stands more than once; whoever opens the object refuses it.
    pub(super) repeated: Option<String>,
}

impl<'a> Members<'a> {
    fn add(&mut self, name: Cow<'a, str>, value: &'a RawValue) {
        match self.values.entry(name) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(first) => {
                self.repeated.get_or_insert_with(|| first.key().to_string());
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.add(name, value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The name of the list that a group of alerts has.
pub(super) const ALERTS: &str = "alerts";

/// The outermost object of a group of alerts.
pub(super) struct Group<'a> {
    pub(super) members: Members<'a>,
    /// Its alerts, opened as they were met, and then no member: one scan less of nearly all of a
    /// body. Absent unless its list holds nothing but objects, and not too many of them.
    pub(super) alerts: Option<Vec<Members<'a>>>,
}

/// Opens a group of alerts; `None` if its members must be looked at one by one.
pub(super) fn group(text: &str) -> Option<Group<'_>> {
    let group: Group<'_> = serde_json::from_str(text).ok()?;
    let members = &group.members;
    (members.repeated.is_none() && !members.values.contains_key(ALERTS)).then_some(group)
}

impl<'de: 'a, 'a> Deserialize<'de> for Group<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Group<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a group of alerts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut group = Group { members: Members::default(), alerts: None };
                while let Some(Name(name)) = map.next_key()? {
                    if name == ALERTS && group.alerts.is_none() {
                        let Elements { values, more } = map.next_value()?;
                        if more {
                            return Err(A::Error::custom("too many alerts"));
                        }
                        group.alerts = Some(values);
                    } else {
                        group.members.add(name, map.next_value()?);
                    }
                }
                Ok(group)
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The elements of an array up to the limit, and whether there were more.
struct Elements<T> {
    values: Vec<T>,
    more: bool,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Elements<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Collect<T> {
            type Value = Elements<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Elements { values: Vec::new(), more: false };
                while let Some(value) = seq.next_element()? {
                    if elements.values.len() < limits::ALERTS_PER_BODY {
                        elements.values.push(value);
                    } else {
                        elements.more = true;
                    }
                }
                Ok(elements)
            }
        }
        deserializer.deserialize_seq(Collect(PhantomData))
    }
}

/// The members of the outermost object; `text` is the whole body, so positions are right.
pub(super) fn outermost(text: &str) -> Result<Members<'_>, SignalError> {
    let members: Members<'_> = serde_json::from_str(text).map_err(|e| syntax(&e, 1))?;
    match members.repeated {
        Some(name) => Err(SignalError::Repeated { member: quoted(&name) }),
        None => Ok(members),
    }
}

/// A value from outside in quotes for a message: escaped and cut, so that it can neither flood
/// a terminal nor steer it.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Whether `text` is white space and nothing else.
fn is_blank(text: &str) -> bool {
    text.trim_matches(WHITE_SPACE).is_empty()
}

/// The line and column, both from 1, of a byte offset. Columns count bytes, as the parser's do.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.bytes().rev().take_while(|b| *b != b'\n').count() + 1;
    (line, column)
}

/// The parser's finding about a text whose first line is the body's `first_line`.
fn syntax(error: &serde_json::Error, first_line: usize) -> SignalError {
    SignalError::NotJson {
        line: first_line + error.line().saturating_sub(1),
        column: error.column().max(1),
        what: reason(error),
    }
}

/// The parser's finding without its place, which is counted from the slice it was given.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let all = error.to_string();
    all.rsplit_once(" at line ").map_or(all.as_str(), |(what, _)| what).to_owned()
}
