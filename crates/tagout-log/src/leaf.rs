//! The bytes of one leaf, checked and taken apart without decoding what nobody asked for.

use tagout_core::time::Time;

use crate::commitment::Commitment;
use crate::scan::{Quoted, Scanner};

pub use crate::scan::Irregular;

/// The version of the envelope, the member `v` of a leaf.
pub const ENVELOPE_VERSION: u64 = 1;
/// The longest leaf in bytes.
pub const MAX_LEAF_BYTES: usize = 1 << 20;
/// The longest name of a stream or a kind in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// A leaf that has exactly the form of `docs/log-format.md`, section "The leaf".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The time of the entry, as it is spelled. All spellings have the same length, so they
    /// order as the times do.
    pub at: &'a str,
    /// The data as canonical JSON, with commitments in the place of texts.
    pub data: &'a str,
    /// The texts that this entry removed from the log.
    pub erases: Vec<Commitment>,
    /// The position in the log, from 0.
    pub index: u64,
    /// What sort of entry it is.
    pub kind: &'a str,
    /// The version of the kind's data.
    pub kind_version: u16,
    /// The position in the stream, from 1.
    pub seq: u64,
    /// The stream of the entry.
    pub stream: &'a str,
    /// The commitments in the data, in the order in which they stand.
    pub commitments: Vec<Commitment>,
}

impl<'a> Leaf<'a> {
    /// Takes a leaf apart.
    ///
    /// # Errors
    /// If the bytes are not exactly of the form that the log writes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Irregular> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| Irregular { offset: e.valid_up_to(), reason: "not UTF-8" })?;
        let mut scanner = Scanner::new(text);
        let leaf = Self::scan(&mut scanner)?;
        scanner.end()?;
        Ok(leaf)
    }

    /// Reads a leaf from where the scanner stands.
    pub(crate) fn scan(scanner: &mut Scanner<'a>) -> Result<Self, Irregular> {
        let start = scanner.pos();
        scanner.expect("{\"at\":\"", "a leaf begins with its time")?;
        let at_pos = scanner.pos();
        let Some(at) = scanner.take(24).filter(|at| is_time(at)) else {
            let reason = "a time is written as 2026-11-01T10:00:00.000Z";
            return Err(Irregular { offset: at_pos, reason });
        };
        scanner.expect("\",\"data\":", "the data of the leaf is needed here")?;
        let data_pos = scanner.pos();
        scanner.commitments.clear();
        scanner.value()?;
        let data = scanner.slice(data_pos, scanner.pos());
        let commitments = std::mem::take(&mut scanner.commitments);
        let erases = if scanner.skip(",\"erases\":[\"") { erases(scanner)? } else { Vec::new() };
        scanner.expect(",\"index\":", "the index of the leaf is needed here")?;
        let index = scanner.unsigned()?;
        scanner.expect(",\"kind\":", "the kind of the leaf is needed here")?;
        let kind = name(scanner)?;
        scanner.expect(",\"kind_version\":", "the version of the kind is needed here")?;
        let kind_version = match u16::try_from(scanner.unsigned()?) {
            Ok(version) => version,
            Err(_) => return scanner.wrong("the version of a kind is at most 65535"),
        };
        scanner.expect(",\"seq\":", "the position in the stream is needed here")?;
        let seq = scanner.unsigned()?;
        scanner.expect(",\"stream\":", "the stream of the leaf is needed here")?;
        let stream = name(scanner)?;
        scanner.expect(",\"v\":", "the version of the leaf is needed here")?;
        if scanner.unsigned()? != ENVELOPE_VERSION {
            return scanner.wrong("the leaf has a version that only a newer release can read");
        }
        scanner.expect("}", "the leaf must end here")?;
        if scanner.pos() - start > MAX_LEAF_BYTES {
            return scanner.wrong("the leaf is longer than 1 MiB");
        }
        Ok(Self { at, data, erases, index, kind, kind_version, seq, stream, commitments })
    }

    /// The time of the entry.
    #[must_use]
    pub fn time(&self) -> Time {
        // `is_time` admits only what `Time` can read; a test holds the two together.
        self.at.parse().unwrap_or_else(|_| Time::from_millis(0))
    }
}

/// The list behind `"erases":["`: ascending and never empty.
fn erases(scanner: &mut Scanner<'_>) -> Result<Vec<Commitment>, Irregular> {
    let mut list: Vec<Commitment> = Vec::new();
    loop {
        let commitment = Commitment::from_raw(scanner.hex()?);
        if list.last().is_some_and(|last| *last >= commitment) {
            return scanner.wrong("the erased commitments are not in ascending order");
        }
        list.push(commitment);
        if scanner.skip("\"]") {
            return Ok(list);
        }
        scanner.expect("\",\"", "the erased commitments are a list of strings")?;
    }
}

fn name<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Irregular> {
    let offset = scanner.pos();
    match scanner.string().map(Quoted::plain)? {
        Some(name) if is_name(name) => Ok(name),
        _ => Err(Irregular { offset, reason: NAME_RULE }),
    }
}

/// What [`is_name`] asks for, in words.
pub(crate) const NAME_RULE: &str =
    "a stream or kind has 1 to 200 bytes and no control character, quote or backslash";

/// Whether a stream or a kind may be called this. No name ever needs an escape.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && !name.contains(|c: char| c.is_control() || c == '"' || c == '\\')
}

/// Whether `text` is how [`Time`] spells some instant. Verifying a log does this for every
/// entry, so it does without building one.
fn is_time(text: &str) -> bool {
    let shape = b"0000-00-00T00:00:00.000Z";
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape)
            .all(|(b, s)| if *s == b'0' { b.is_ascii_digit() } else { b == *s });
    let field = |from: usize, to: usize| text.get(from..to).and_then(|f| f.parse::<u32>().ok());
    let fields =
        (field(0, 4), field(5, 7), field(8, 10), field(11, 13), field(14, 16), field(17, 19));
    let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) = fields
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    fits && year >= 1
        && (1..=days).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && text <= "9999-12-30T21:59:59.999Z"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEAF: &str = concat!(
        r#"{"at":"2026-11-01T10:00:00.000Z","data":{"n":1},"index":4,"kind":"opened","#,
        r#""kind_version":1,"seq":2,"stream":"door/1","v":1}"#
    );

    #[test]
    fn a_leaf_is_taken_apart() {
        let leaf = Leaf::parse(LEAF.as_bytes()).unwrap();
        assert_eq!((leaf.index, leaf.seq, leaf.kind_version), (4, 2, 1));
        assert_eq!((leaf.kind, leaf.stream, leaf.data), ("opened", "door/1", r#"{"n":1}"#));
        assert_eq!(leaf.time().to_string(), leaf.at);
    }

    #[test]
    fn a_leaf_with_a_member_more_or_less_is_refused() {
        for (from, to) in [
            (r#","v":1}"#, "}"),
            (r#","v":1}"#, r#","v":1,"w":1}"#),
            (r#","index":4"#, ""),
            (r#","index":4"#, r#","host":"a","index":4"#),
            (r#","index":4"#, r#","erases":[],"index":4"#),
            (r#""kind_version":1"#, r#""kind_version":65536"#),
            ("door/1", ""),
            ("door/1", "door\\n1"),
            ("10:00:00.000Z", "10:00:00.000z"),
        ] {
            let changed = LEAF.replace(from, to);
            assert_ne!(changed, LEAF);
            assert!(Leaf::parse(changed.as_bytes()).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_leaf_is_read_up_to_its_limit_and_refused_one_past_it() {
        let long = |total: usize| {
            let text = "x".repeat(total - LEAF.len() - 1);
            LEAF.replace(r#"{"n":1}"#, &format!("{{\"n\":\"{text}\"}}"))
        };
        assert_eq!(long(MAX_LEAF_BYTES).len(), MAX_LEAF_BYTES);
        assert!(Leaf::parse(long(MAX_LEAF_BYTES).as_bytes()).is_ok());
        assert!(Leaf::parse(long(MAX_LEAF_BYTES + 1).as_bytes()).is_err());
    }

    #[test]
    fn a_leaf_of_a_later_version_is_named_as_such() {
        let later = LEAF.replace(r#""v":1}"#, r#""v":2}"#);
        assert!(Leaf::parse(later.as_bytes()).unwrap_err().reason.contains("newer release"));
    }

    #[test]
    fn erased_commitments_stand_in_ascending_order() {
        let with =
            |list: &str| LEAF.replace(r#","index""#, &format!(r#","erases":[{list}],"index""#));
        let [a, b] = ["a", "b"].map(|c| format!("\"{}\"", c.repeat(64)));
        let leaf = with(&format!("{a},{b}"));
        assert_eq!(Leaf::parse(leaf.as_bytes()).unwrap().erases.len(), 2);
        assert!(Leaf::parse(with(&format!("{b},{a}")).as_bytes()).is_err());
        assert!(Leaf::parse(with(&format!("{a},{a}")).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn every_time_has_the_spelling_that_leaves_accept(ms in any::<i64>()) {
            prop_assert!(is_time(&Time::from_millis(ms).to_string()));
        }

        #[test]
        fn a_spelling_is_accepted_only_if_it_is_the_one_of_some_time(
            y in 0u32..10000, mo in 0u32..14, d in 0u32..33, h in 0u32..25, mi in 0u32..61,
            s in 0u32..62, ms in 0u32..1000
        ) {
            let text = format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{ms:03}Z");
            let spelled = text.parse::<Time>().is_ok_and(|time| time.to_string() == text);
            prop_assert_eq!(is_time(&text), spelled, "{}", text);
        }
    }

    #[test]
    fn the_first_and_the_last_time_are_accepted_and_their_neighbours_are_not() {
        assert!(is_time(&Time::from_millis(i64::MIN).to_string()));
        assert!(is_time(&Time::from_millis(i64::MAX).to_string()));
        assert!(!is_time("0000-12-31T23:59:59.999Z"));
        assert!(!is_time("9999-12-30T22:00:00.000Z"));
        assert!(!is_time("2026-11-01T10:00:00Z"));
        assert!(!is_time("2026-02-29T10:00:00.000Z"));
        assert!(!is_time("2026-11-01T1+:00:00.000Z"));
    }
}
