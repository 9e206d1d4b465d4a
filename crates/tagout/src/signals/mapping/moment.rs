//! A declared time: where a point in time stands and how it is written.

use serde::Deserialize;
use tagout_core::alert::AlertFlaw;
use tagout_core::time::Time;

use super::super::fields::{self, flaw};
use super::super::json::quoted;
use super::value::{Scope, Value};

/// How a sender writes a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Spelling {
    /// RFC 3339, as `2026-11-01T10:00:00Z`.
    Rfc3339,
    /// Seconds since 1970, as a number or a string, perhaps with a fraction.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// Microseconds since 1970.
    UnixMicroseconds,
    /// Nanoseconds since 1970.
    UnixNanoseconds,
    /// Time since 1970 in the one of these units that makes a year between 1973 and 5138 of
    /// it, for senders that write one field in two units.
    Unix,
}

/// The first count of seconds that is too large for [`Spelling::Unix`]: the year 5138. Three
/// more digits are the same bound in the next smaller unit.
const SECONDS_END: i128 = 100_000_000_000;

impl Spelling {
    /// What turns a count of its units into milliseconds, as (multiply, divide).
    const fn to_millis(self, count: i128) -> (i128, i128) {
        match self {
            Self::Unix if count < SECONDS_END => (1_000, 1),
            Self::Unix if count < SECONDS_END * 1_000 => (1, 1),
            Self::Unix if count < SECONDS_END * 1_000_000 => (1, 1_000),
            Self::Unix => (1, 1_000_000),
            Self::UnixSeconds => (1_000, 1),
            Self::UnixMicroseconds => (1, 1_000),
            Self::UnixNanoseconds => (1, 1_000_000),
            Self::Rfc3339 | Self::UnixMilliseconds => (1, 1),
        }
    }
}

/// Where a time stands and how it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) from: Value,
    pub(super) spelling: Spelling,
}

impl Moment {
    /// The time, or nothing if it is absent or the sender's unset time: the year 1 or Unix 0.
    pub(super) fn read(
        &self,
        field: &str,
        scope: &Scope<'_, '_>,
    ) -> Result<Option<Time>, AlertFlaw> {
        let Some(text) = self.from.text(field, scope)? else { return Ok(None) };
        if self.spelling == Spelling::Rfc3339 {
            return fields::time_of(field, &text);
        }
        let millis = unix(text.trim(), self.spelling);
        let time = millis.filter(|ms| Time::from_millis(*ms).millis() == *ms);
        match time {
            Some(0) => Ok(None),
            Some(ms) => Ok(Some(Time::from_millis(ms))),
            None => {
                let what = "is not a Unix time in the unit that the mapping declares";
                Err(flaw(field, format!("{} {what}", quoted(&text))))
            }
        }
    }
}

/// Whole milliseconds from a decimal count of `spelling`'s units; no exponent.
fn unix(text: &str, spelling: Spelling) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    // More than three places of a fraction of a second are less than a millisecond.
    let thousandths: i128 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let whole: i128 = whole.parse().ok()?;
    let (multiply, divide) = spelling.to_millis(whole);
    let thousandths = whole.checked_mul(1_000)?.checked_add(thousandths)?;
    let millis = thousandths.checked_mul(multiply)? / (1_000 * divide);
    i64::try_from(sign * millis).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_time_is_read_in_the_unit_that_was_declared() {
        for (text, spelling, millis) in [
            ("1420452191", Spelling::UnixSeconds, 1_420_452_191_000),
            ("1420452191.104", Spelling::UnixSeconds, 1_420_452_191_104),
            ("1420452191.1049999", Spelling::UnixSeconds, 1_420_452_191_104),
            ("1420452191.1", Spelling::UnixSeconds, 1_420_452_191_100),
            ("1420452191104", Spelling::UnixMilliseconds, 1_420_452_191_104),
            ("1420452193166002", Spelling::UnixMicroseconds, 1_420_452_193_166),
            ("1420452193166002000", Spelling::UnixNanoseconds, 1_420_452_193_166),
            ("-1", Spelling::UnixSeconds, -1_000),
            ("1420452191.104", Spelling::Unix, 1_420_452_191_104),
            ("1420452191104", Spelling::Unix, 1_420_452_191_104),
            ("1420452191104002", Spelling::Unix, 1_420_452_191_104),
            ("1420452191104002000", Spelling::Unix, 1_420_452_191_104),
            ("99999999999", Spelling::Unix, 99_999_999_999_000),
            ("100000000000", Spelling::Unix, 100_000_000_000),
        ] {
            assert_eq!(unix(text, spelling), Some(millis), "{text}");
        }
        for text in ["", "-", ".", "1.", ".5", "1e9", "0x1", "--1", "9".repeat(60).as_str()] {
            assert_eq!(unix(text, Spelling::UnixSeconds), None, "{text:?}");
        }
    }
}
