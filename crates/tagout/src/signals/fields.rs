//! The fields of one alert as it was sent: each read with its type, or refused by name.

use std::collections::BTreeMap;

use memchr::memchr;
use serde_json::value::RawValue;
use tagout_core::alert::{AlertFlaw, AlertStatus};
use tagout_core::limits;
use tagout_core::text::FreeText;
use tagout_core::time::Time;

use super::SignalError;
use super::json::{self, Kind, Members, Values, quoted, reason};

/// The last millisecond of the year 1. Go writes the unset time as 0001-01-01T00:00:00Z.
const END_OF_YEAR_ONE_MS: i64 = -62_104_060_800_001;
/// The longest spelling of a number, in bytes.
const NUMBER_BYTES: usize = 64;
/// The longest part of a sender's field name that a message repeats, in characters.
const FIELD_CHARS: usize = 100;

/// What is wrong with `field`.
pub(super) fn flaw(field: &str, what: impl Into<String>) -> AlertFlaw {
    let field = field.chars().take(FIELD_CHARS).collect::<String>().escape_debug().to_string();
    AlertFlaw { field, what: what.into() }
}

/// The opened object of one alert. A member that is null counts as absent.
pub(super) struct Fields<'a>(Values<'a>);

impl<'a> Fields<'a> {
    /// Opens an alert.
    pub(super) fn of(alert: &'a RawValue) -> Result<Self, AlertFlaw> {
        open(alert, "alert").map(Self)
    }

    /// Opens each alert of a list, which has at most [`limits::ALERTS_PER_BODY`].
    pub(super) fn of_each(list: &'a RawValue) -> Result<Vec<Result<Self, AlertFlaw>>, SignalError> {
        if let Some(all) = json::objects(list) {
            return Ok(Self::opened(all));
        }
        // One that is no object is a flaw of that one.
        Ok(json::alerts(list)?.into_iter().map(Self::of).collect())
    }

    /// Alerts that were opened already, each as [`Fields::of`] gives it.
    pub(super) fn opened(alerts: Vec<Members<'a>>) -> Vec<Result<Self, AlertFlaw>> {
        alerts.into_iter().map(|alert| once(alert, "alert").map(Self)).collect()
    }

    /// The members of an object that was opened already.
    pub(super) fn from_members(members: &Members<'a>) -> Self {
        Self(members.values.clone())
    }

    /// Opens the object `value`, which flaws call `name`.
    pub(super) fn open(name: &str, value: &'a RawValue) -> Result<Self, AlertFlaw> {
        open(value, name).map(Self)
    }

    /// The object `name`, opened.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, AlertFlaw> {
        self.get(name).map(|value| Self::open(name, value)).transpose()
    }

    /// The elements of the array `name`; none if it is absent.
    pub(super) fn array(&self, name: &str) -> Result<Vec<&'a RawValue>, AlertFlaw> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        match Kind::of(value) {
            Kind::Array => json::alerts(value).map_err(|e| flaw(name, e.to_string())),
            kind => Err(flaw(name, format!("is {kind}; it must be an array"))),
        }
    }

    /// A string exactly as it was sent, control characters included.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, AlertFlaw> {
        self.get(name).map(|value| string(name, value)).transpose()
    }

    /// All members, null ones included, in the order of their names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// A word that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, AlertFlaw> {
        self.word(name)?
            .filter(|word| !word.trim().is_empty())
            .ok_or_else(|| flaw(name, "is missing"))
    }

    /// A member, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|value| Kind::of(value) != Kind::Null)
    }

    /// A word or reference for machines: no control characters.
    pub(super) fn word(&self, name: &str) -> Result<Option<String>, AlertFlaw> {
        self.get(name).map(|value| word(name, value)).transpose()
    }

    /// The same, or the JSON text of a number or boolean.
    pub(super) fn scalar(&self, name: &str) -> Result<Option<String>, AlertFlaw> {
        self.get(name).map(|value| word_or_scalar(name, value)).transpose()
    }

    /// Text for people, with control characters made harmless; absent if it is blank.
    pub(super) fn prose(&self, name: &str) -> Result<Option<FreeText>, AlertFlaw> {
        let text = self.get(name).map(|value| string(name, value)).transpose()?;
        Ok(text.filter(|t| !t.trim().is_empty()).map(|t| FreeText::Present(harmless(t))))
    }

    /// An RFC 3339 time; the unset time of Go counts as absent.
    pub(super) fn time(&self, name: &str) -> Result<Option<Time>, AlertFlaw> {
        let Some(value) = self.get(name) else { return Ok(None) };
        time_of(name, &string(name, value)?)
    }

    /// What the sender says about the alert now.
    pub(super) fn status(&self, name: &str) -> Result<Option<AlertStatus>, AlertFlaw> {
        self.get(name).map(|value| status(name, value)).transpose()
    }

    /// The members of the object `name`, each read by `entry`; null ones are left out.
    pub(super) fn set<T>(
        &self,
        name: &str,
        entry: impl Fn(&str, &RawValue) -> Result<T, AlertFlaw>,
    ) -> Result<Option<BTreeMap<String, T>>, AlertFlaw> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let mut set = BTreeMap::new();
        for (key, value) in open(value, name)? {
            if Kind::of(value) != Kind::Null {
                // Nearly all are well, and only a flaw needs the whole name.
                let read =
                    entry(&key, value).or_else(|_| entry(&format!("{name}.{key}"), value))?;
                set.insert(key.into_owned(), read);
            }
        }
        Ok(Some(set))
    }

    /// As [`Fields::set`] for members that must be strings. Nearly always they are, and are read as
    /// the object is opened.
    pub(super) fn strings<T>(
        &self,
        name: &str,
        entry: impl Fn(&str, String) -> Result<T, AlertFlaw>,
    ) -> Result<Option<BTreeMap<String, T>>, AlertFlaw> {
        let strings = self.get(name).and_then(json::strings).unwrap_or_default();
        let mut set = BTreeMap::new();
        let well = strings.into_iter().all(|(key, text)| {
            let read = entry(&key, text);
            read.is_ok_and(|read| set.insert(key, read).is_none())
        });
        if well && !set.is_empty() {
            return Ok(Some(set));
        }
        // What is wrong, and with which of them.
        self.set(name, |field, value| string(field, value).and_then(|text| entry(field, text)))
    }
}

/// An RFC 3339 time.
pub(super) fn instant(field: &str, text: &str) -> Result<Time, AlertFlaw> {
    text.parse().map_err(|_| {
        let what = "is not an RFC 3339 time such as 2026-11-01T10:00:00Z";
        flaw(field, format!("{} {what}", quoted(text)))
    })
}

/// An RFC 3339 time; the unset time of Go counts as absent.
pub(super) fn time_of(field: &str, text: &str) -> Result<Option<Time>, AlertFlaw> {
    let time = instant(field, text)?;
    Ok(Some(time).filter(|time| time.millis() > END_OF_YEAR_ONE_MS))
}

/// The members of an object in which none stands twice.
fn open<'a>(value: &'a RawValue, field: &str) -> Result<Values<'a>, AlertFlaw> {
    let kind = Kind::of(value);
    if kind != Kind::Object {
        return Err(flaw(field, format!("is {kind}; it must be an object")));
    }
    let members = serde_json::from_str(value.get())
        .map_err(|e| flaw(field, format!("cannot be read: {}", reason(&e))))?;
    once(members, field)
}

/// The members of an opened object, if none stands twice.
fn once<'a>(members: Members<'a>, field: &str) -> Result<Values<'a>, AlertFlaw> {
    match members.repeated {
        Some(name) => {
            let what = format!("has the member {} twice; send it once", quoted(&name));
            Err(flaw(field, what))
        }
        None => Ok(members.values),
    }
}

/// A string as it was sent.
fn string(field: &str, value: &RawValue) -> Result<String, AlertFlaw> {
    let kind = Kind::of(value);
    if kind != Kind::String {
        return Err(flaw(field, format!("is {kind}; it must be a string")));
    }
    // Nearly every string holds no escape; then it stands there as it is, its syntax being checked.
    if let Some(plain) = unescaped(value.get()) {
        return Ok(plain.to_owned());
    }
    // What the syntax check lets through and a string cannot hold: half a surrogate pair.
    serde_json::from_str(value.get())
        .map_err(|e| flaw(field, format!("cannot be read: {}", reason(&e))))
}

/// What stands between the quotes of a string, if nothing of it is escaped.
fn unescaped(quoted: &str) -> Option<&str> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    memchr(b'\\', inner.as_bytes()).is_none().then_some(inner)
}

/// Whether bytes alone show that a text holds no control character: all of it is visible ASCII.
fn is_plain(text: &str) -> bool {
    // Without an early end the compiler looks at many bytes at once.
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// A string without control characters.
pub(super) fn word(field: &str, value: &RawValue) -> Result<String, AlertFlaw> {
    string(field, value).and_then(|text| as_word(field, text))
}

/// Refuses text with control characters.
pub(super) fn as_word(field: &str, text: String) -> Result<String, AlertFlaw> {
    if is_plain(&text) {
        return Ok(text);
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        let what = format!("holds the control character U+{:04X}; leave it out", u32::from(c));
        return Err(flaw(field, what));
    }
    Ok(text)
}

/// A string as it was sent, or the JSON text of a number or boolean.
pub(super) fn text(field: &str, value: &RawValue) -> Result<String, AlertFlaw> {
    match Kind::of(value) {
        Kind::Number | Kind::Boolean => Ok(value.get().to_owned()),
        Kind::String => string(field, value),
        kind => Err(flaw(field, format!("is {kind}; it must be a string, a number or a boolean"))),
    }
}

/// A string without control characters, or the JSON text of a number or boolean.
pub(super) fn word_or_scalar(field: &str, value: &RawValue) -> Result<String, AlertFlaw> {
    text(field, value).and_then(|text| as_word(field, text))
}

/// Text for people from a string.
pub(super) fn prose(field: &str, value: &RawValue) -> Result<FreeText, AlertFlaw> {
    string(field, value).and_then(|text| as_prose(field, text))
}

/// Text for people from what was sent: made harmless, and never refused.
pub(super) fn as_prose(_: &str, text: String) -> Result<FreeText, AlertFlaw> {
    Ok(FreeText::Present(harmless(text)))
}

/// Text for people from a string, a number or a boolean.
pub(super) fn prose_or_scalar(field: &str, value: &RawValue) -> Result<FreeText, AlertFlaw> {
    text(field, value).map(|text| FreeText::Present(harmless(text)))
}

/// A number in the spelling in which it was sent.
pub(super) fn number(field: &str, value: &RawValue) -> Result<String, AlertFlaw> {
    let kind = Kind::of(value);
    if kind != Kind::Number {
        return Err(flaw(field, format!("is {kind}; it must be a JSON number")));
    }
    let text = value.get();
    if text.len() > NUMBER_BYTES {
        let what = format!("is {} digits and signs long; the limit is {NUMBER_BYTES}", text.len());
        return Err(flaw(field, what));
    }
    Ok(text.to_owned())
}

/// One of the three words of a status.
pub(super) fn status(field: &str, value: &RawValue) -> Result<AlertStatus, AlertFlaw> {
    let text = string(field, value)?;
    match text.trim().to_lowercase().as_str() {
        "firing" => Ok(AlertStatus::Firing),
        "resolved" => Ok(AlertStatus::Resolved),
        "suppressed" => Ok(AlertStatus::Suppressed),
        _ => {
            let what = "is not a status; send firing, resolved or suppressed";
            Err(flaw(field, format!("{} {what}", quoted(&text))))
        }
    }
}

/// A severity word in the one spelling the policy is written in; absent if it is blank.
pub(super) fn severity(word: &str) -> Option<String> {
    let word = word.trim().to_lowercase();
    if word.is_empty() { None } else { Some(word) }
}

/// When it ended. Only a resolved alert has ended: on a firing one the sender's time is when
/// it would stop repeating the alert, which is a prediction.
pub(super) fn end(status: AlertStatus, sent: Option<Time>) -> Option<Time> {
    sent.filter(|_| status == AlertStatus::Resolved)
}

/// A set with more entries than an alert may have is refused by `Alert::check`; one that is
/// full must not be made so by what we add.
pub(super) fn has_room(set: &BTreeMap<String, String>) -> bool {
    set.len() < limits::LABELS
}

/// Text for people, of a size that an alert may hold: what is longer is cut at a character.
pub(super) fn cut(text: &str, limit: usize) -> FreeText {
    let text = harmless(text.trim().to_owned());
    if text.len() <= limit {
        return FreeText::Present(text);
    }
    let end = text.floor_char_boundary(limit.saturating_sub('…'.len_utf8()));
    FreeText::Present(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// Line breaks and tabs stay, a carriage return before a line break goes, and every other
/// control character becomes U+FFFD: a NUL or an escape sequence in a summary says nothing to
/// a person and much to a terminal. Direction marks and the like stay; printing escapes them.
pub(super) fn harmless(text: String) -> String {
    if is_plain(&text) || !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return text;
    }
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strings_of(alert: &str) -> [Result<Option<BTreeMap<String, String>>, AlertFlaw>; 2] {
        let alert = serde_json::from_str(alert).unwrap();
        let sent = Fields::of(alert).unwrap();
        [sent.strings("labels", as_word), sent.set("labels", word)]
    }

    #[test]
    fn members_that_are_no_strings_stand_twice_or_are_flawed_are_told_as_one_by_one() {
        for labels in [
            "null",
            "{}",
            "7",
            r#"{"a": null, "b": "x"}"#,
            r#"{"a": "x", "b": 7}"#,
            r#"{"a": "x", "a": "y"}"#,
            r#"{"a": "x", "\u0061": "y"}"#,
            r#"{"a": "\ud83d"}"#,
            r#"{"a": "x\u0007"}"#,
            "{\"a\": \"\u{85}\"}",
            "{\"a\": \"\u{7f}\"}",
        ] {
            let [at_once, one_by_one] = strings_of(&format!("{{\"labels\": {labels}}}"));
            assert_eq!(at_once, one_by_one, "{labels}");
        }
    }

    proptest! {
        #[test]
        fn strings_are_read_at_once_as_one_by_one(
            labels in prop::collection::btree_map(any::<String>(), any::<String>(), 0..6)
        ) {
            let sent = serde_json::json!({"labels": labels}).to_string();
            let [at_once, one_by_one] = strings_of(&sent);
            prop_assert_eq!(&at_once, &one_by_one);
            if !labels.values().any(|text| text.contains(char::is_control)) {
                prop_assert_eq!(at_once.unwrap(), Some(labels));
            }
        }

        #[test]
        fn text_for_people_is_made_harmless_character_by_character(text in any::<String>()) {
            let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
            let expected: String = text.replace("\r\n", "\n");
            let expected: String = expected.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect();
            prop_assert_eq!(harmless(text), expected);
        }
    }
}
