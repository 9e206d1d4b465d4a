//! Free text from people and machines: recorded through a commitment, so it can be erased later.

use std::fmt;

use serde::de::Error as _;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The member name under which a present text is serialised.
pub const TEXT_KEY: &str = "$text";
/// The member name under which an erased text is serialised.
pub const ERASED_KEY: &str = "$erased";

/// Text that somebody wrote and nobody parses: a summary, a reason, a program's output.
///
/// In a leaf of the log it stands as a salted commitment; the text itself is kept beside the
/// tree. Erasing the text leaves the tree as it was (see `docs/log-format.md`). Serialised it
/// is `{"$text": "…"}`, which is how the log tells free text from structure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FreeText {
    /// The text as it was recorded.
    Present(String),
    /// The text is gone; its commitment in hexadecimal remains.
    Erased(String),
}

impl FreeText {
    /// The text, or a remark that it was erased.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Present(text) => text,
            Self::Erased(_) => "[erased]",
        }
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Present(text) if text.is_empty())
    }
}

impl Default for FreeText {
    fn default() -> Self {
        Self::Present(String::new())
    }
}

impl From<&str> for FreeText {
    fn from(text: &str) -> Self {
        Self::Present(text.to_owned())
    }
}

impl From<String> for FreeText {
    fn from(text: String) -> Self {
        Self::Present(text)
    }
}

impl fmt::Display for FreeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FreeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Present(text) => map.serialize_entry(TEXT_KEY, text)?,
            Self::Erased(commitment) => map.serialize_entry(ERASED_KEY, commitment)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FreeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(members) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("free text must be an object with one member"));
        };
        let mut members = members.into_iter();
        match (members.next(), members.next()) {
            (Some((key, Value::String(text))), None) if key == TEXT_KEY => Ok(Self::Present(text)),
            (Some((key, Value::String(text))), None) if key == ERASED_KEY => Ok(Self::Erased(text)),
            _ => Err(D::Error::custom("free text must have one member, $text or $erased")),
        }
    }
}

/// Characters that change how others are shown without being seen: direction marks, joiners,
/// the byte order mark, variation selectors and tag characters.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0xad | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0xe0000..=0xe0fff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_present_or_erased() {
        for text in [FreeText::from("disk full"), FreeText::Erased("ab".into())] {
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(serde_json::from_str::<FreeText>(&json).unwrap(), text);
        }
    }

    #[test]
    fn an_erased_text_shows_that_it_is_gone() {
        assert_eq!(FreeText::Erased("ab".into()).to_string(), "[erased]");
        assert!(!FreeText::Erased("ab".into()).is_empty());
    }
}
