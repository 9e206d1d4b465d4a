//! A scanner for canonical JSON: it accepts exactly the bytes that the canonical encoder
//! writes (`tagout_core::canonical`), and builds nothing while it does.

use std::borrow::Cow;
use std::cmp::Ordering;

use tagout_core::canonical::MAX_INTEGER;
use tagout_core::text::TEXT_KEY;

use crate::commitment::Commitment;

/// The member name under which a commitment stands in a leaf.
pub const COMMIT_KEY: &str = "$commit";
/// How deep objects and arrays of an entry's data may nest.
pub const MAX_DEPTH: usize = 64;

/// Where bytes stop being what the format asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {reason}")]
pub struct Irregular {
    /// The offset from the start of the leaf or line, from 0.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// A string as it stands in the bytes, quotes included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Quoted<'a> {
    /// The string without its quotes, if it needs no escapes.
    pub(crate) fn plain(self) -> Option<&'a str> {
        if self.escaped { None } else { self.raw.get(1..self.raw.len().saturating_sub(1)) }
    }

    /// The string that it spells.
    pub(crate) fn decode(self) -> Cow<'a, str> {
        match self.plain() {
            Some(plain) => Cow::Borrowed(plain),
            // The scanner let only valid escapes pass, so this cannot fail.
            None => Cow::Owned(serde_json::from_str(self.raw).unwrap_or_default()),
        }
    }

    /// The order of object members: by UTF-16 code units (RFC 8785, section 3.2.3).
    fn order(self, other: Quoted<'_>) -> Ordering {
        match (self.plain(), other.plain()) {
            (Some(a), Some(b)) if a.is_ascii() && b.is_ascii() => a.cmp(b),
            _ => self.decode().encode_utf16().cmp(other.decode().encode_utf16()),
        }
    }
}

/// Reads canonical JSON from the front of a text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pos: usize,
    /// The commitments met so far, in the order in which they stand.
    pub(crate) commitments: Vec<Commitment>,
}

type Scan<T> = Result<T, Irregular>;

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, pos: 0, commitments: Vec::new() }
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    pub(crate) fn wrong<T>(&self, reason: &'static str) -> Scan<T> {
        Err(Irregular { offset: self.pos, reason })
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.pos..).unwrap_or_default()
    }

    /// The text between two positions that the scanner has stood at.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Moves past `expected` if the text goes on with it.
    pub(crate) fn skip(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected.as_bytes());
        if found {
            self.pos += expected.len();
        }
        found
    }

    /// Moves past `expected`, which must come next; `reason` says what is wrong otherwise.
    pub(crate) fn expect(&mut self, expected: &str, reason: &'static str) -> Scan<()> {
        if self.skip(expected) { Ok(()) } else { self.wrong(reason) }
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Scan<()> {
        if self.rest().is_empty() { Ok(()) } else { self.wrong("unexpected bytes follow") }
    }

    /// The next `N` bytes as text, whatever they are.
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a str> {
        let taken = self.text.get(self.pos..self.pos.checked_add(n)?)?;
        self.pos += n;
        Some(taken)
    }

    /// 64 lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self) -> Scan<[u8; 32]> {
        let mut bytes = [0; 32];
        let mut worst = 0;
        let (pairs, _) = self.rest().as_chunks::<2>();
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let [high, low] = [high, low].map(|digit| nibble(*digit));
            worst |= high | low;
            *byte = high << 4 | low;
        }
        if pairs.len() < 32 || worst > 0xf {
            return self.wrong("64 lower-case hexadecimal digits are needed here");
        }
        self.pos += 64;
        Ok(bytes)
    }

    /// A whole number without sign.
    pub(crate) fn unsigned(&mut self) -> Scan<u64> {
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let number = self.slice(self.pos, self.pos + digits);
        if digits == 0 || (digits > 1 && number.starts_with('0')) {
            return self.wrong("a whole number without leading zeroes is needed here");
        }
        match number.parse::<u64>() {
            Ok(n) if n <= MAX_INTEGER => {
                self.pos += digits;
                Ok(n)
            }
            _ => self.wrong("the number is beyond 2^53 - 1"),
        }
    }

    /// A string in its one canonical spelling.
    pub(crate) fn string(&mut self) -> Scan<Quoted<'a>> {
        let start = self.pos;
        self.expect("\"", "a string is needed here")?;
        let mut escaped = false;
        loop {
            let special = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
            match self.rest().iter().position(special) {
                None => {
                    self.pos = self.text.len();
                    return self.wrong("the string does not end");
                }
                Some(plain) => self.pos += plain,
            }
            match self.rest() {
                [b'"', ..] => {
                    self.pos += 1;
                    return Ok(Quoted { raw: self.slice(start, self.pos), escaped });
                }
                [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.pos += 2,
                [b'\\', b'u', b'0', b'0', high, low, ..] if is_control_escape(*high, *low) => {
                    self.pos += 6;
                }
                _ => return self.wrong("not the canonical spelling of this character"),
            }
            escaped = true;
        }
    }

    /// Any value whose objects and arrays nest at most [`MAX_DEPTH`] deep.
    pub(crate) fn value(&mut self) -> Scan<()> {
        self.nested(MAX_DEPTH)
    }

    fn nested(&mut self, depth: usize) -> Scan<()> {
        match self.rest().first() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => match depth.checked_sub(1) {
                Some(depth) => self.object(depth),
                None => self.wrong("objects and arrays nest too deep"),
            },
            Some(b'[') => match depth.checked_sub(1) {
                Some(depth) => self.array(depth),
                None => self.wrong("objects and arrays nest too deep"),
            },
            Some(b'0'..=b'9') => self.unsigned().map(|_| ()),
            Some(b'-') => {
                self.pos += 1;
                match self.unsigned()? {
                    0 => self.wrong("zero has no sign"),
                    _ => Ok(()),
                }
            }
            _ if self.skip("null") || self.skip("true") || self.skip("false") => Ok(()),
            _ => self.wrong("a JSON value without white space is needed here"),
        }?;
        // Without this, the dot or exponent of a float would be reported as a missing comma.
        match self.rest().first() {
            Some(b'.' | b'e' | b'E') => self.wrong("numbers are whole"),
            _ => Ok(()),
        }
    }

    fn array(&mut self, depth: usize) -> Scan<()> {
        self.pos += 1;
        if self.skip("]") {
            return Ok(());
        }
        loop {
            self.nested(depth)?;
            if self.skip("]") {
                return Ok(());
            }
            self.expect(",", "a comma or the end of the array is needed here")?;
        }
    }

    fn object(&mut self, depth: usize) -> Scan<()> {
        self.pos += 1;
        if self.skip("}") {
            return Ok(());
        }
        let mut previous: Option<Quoted<'a>> = None;
        loop {
            let key_at = self.pos;
            let key = self.string()?;
            if previous.is_some_and(|previous| previous.order(key) != Ordering::Less) {
                self.pos = key_at;
                return self.wrong("members are not in order");
            }
            self.expect(":", "a colon is needed here")?;
            if key.plain() == Some(COMMIT_KEY) {
                return self.commitment(previous.is_none());
            }
            if key.plain() == Some(TEXT_KEY) {
                self.pos = key_at;
                return self.wrong("a leaf holds commitments and not text");
            }
            self.nested(depth)?;
            if self.skip("}") {
                return Ok(());
            }
            self.expect(",", "a comma or the end of the object is needed here")?;
            previous = Some(key);
        }
    }

    fn commitment(&mut self, is_first: bool) -> Scan<()> {
        let alone = "a commitment is an object with one member, 64 hexadecimal digits";
        if !is_first {
            return self.wrong(alone);
        }
        self.expect("\"", alone)?;
        let commitment = Commitment::from_raw(self.hex()?);
        self.expect("\"}", alone)?;
        self.commitments.push(commitment);
        Ok(())
    }
}

/// The value of a hexadecimal digit, or 0xff. A table, because branches over random digits
/// are mispredicted so often that they take longer than hashing what the digits stand for.
fn nibble(digit: u8) -> u8 {
    const VALUES: [u8; 256] = {
        let mut values = [0xff; 256];
        let mut value = 0;
        while value < 16 {
            #[allow(clippy::indexing_slicing)] // evaluated when this is compiled
            {
                values[b"0123456789abcdef"[value] as usize] = value as u8;
            }
            value += 1;
        }
        values
    };
    VALUES.get(usize::from(digit)).copied().unwrap_or(0xff)
}

/// Whether `\u00` and these digits are how RFC 8785 spells a control character: in lower
/// case, and only for those that have no short escape.
fn is_control_escape(high: u8, low: u8) -> bool {
    match high {
        b'0' => matches!(low, b'0'..=b'7' | b'b' | b'e' | b'f'),
        b'1' => matches!(low, b'0'..=b'9' | b'a'..=b'f'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tagout_core::canonical;

    fn scan(text: &str) -> Scan<()> {
        let mut scanner = Scanner::new(text);
        scanner.value()?;
        scanner.end()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let limit = i64::try_from(MAX_INTEGER).unwrap();
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-limit..=limit).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_canonical_encoder_writes_is_accepted(value in any_json()) {
            let bytes = canonical::value_to_bytes(&value).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(scan(&text), Ok(()), "{}", text);
        }

        #[test]
        fn what_is_accepted_is_what_the_canonical_encoder_would_write(
            value in any_json(), at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f
        ) {
            let mut bytes = canonical::value_to_bytes(&value).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            if scan(&text).is_ok() {
                let again: Value = serde_json::from_str(&text).unwrap();
                let again = canonical::value_to_bytes(&again).unwrap();
                prop_assert_eq!(text.as_bytes(), again);
            }
        }
    }

    #[test]
    fn other_spellings_of_the_same_json_are_refused() {
        for text in [
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "1e3",
            "+1",
            "9007199254740992",
            "{\"a\": 1}",
            "{\"b\":1,\"a\":1}",
            "{\"a\":1,\"a\":1}",
            "[1,]",
            "{\"a\":1,}",
            "\"\\/\"",
            "\"\\u0041\"",
            "\"\\u000A\"",
            "\"\\u000a\"",
            "\"\\u001F\"",
            "\"\n\"",
            "\"",
            "tru",
            "nulll",
            "",
            "[",
            "{",
            "{\"a\"",
            "\"\\ud83d\\ude00\"",
            "\"\\",
            "-",
        ] {
            assert!(scan(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn members_are_ordered_by_utf16_and_not_by_bytes() {
        assert_eq!(scan("{\"\u{1f600}\":1,\"\u{fb33}\":2}"), Ok(()));
        assert!(scan("{\"\u{fb33}\":2,\"\u{1f600}\":1}").is_err());
    }

    #[test]
    fn nesting_is_accepted_up_to_the_limit_and_refused_one_past_it() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(scan(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(scan(&nested(MAX_DEPTH + 1)).unwrap_err().offset, MAX_DEPTH);
    }

    #[test]
    fn a_commitment_stands_alone_or_not_at_all() {
        let hex = "ab".repeat(32);
        assert_eq!(scan(&format!("{{\"$commit\":\"{hex}\"}}")), Ok(()));
        for text in [
            json!({"$commit": "ab"}).to_string(),
            json!({"$commit": hex, "a": 1}).to_string(),
            json!({"!": 1, "$commit": hex}).to_string(),
            json!({"$commit": hex.to_uppercase()}).to_string(),
            json!({"$text": "plain"}).to_string(),
        ] {
            assert!(scan(&text).is_err(), "{text}");
        }
    }
}
