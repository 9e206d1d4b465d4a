//! Points and lengths of time as the log records them: whole milliseconds, UTC.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 with
/// exactly three fractional digits, so that one instant has one spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(i64);

impl Time {
    /// From the year 1 to the last instant that the time library can write.
    const MIN_MS: i64 = -62_135_596_800_000;
    const MAX_MS: i64 = 253_402_207_199_999;

    /// The instant `ms` milliseconds after the epoch, held inside the years 1 to 9999.
    #[must_use]
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(Self::MIN_MS, Self::MAX_MS))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant and `span` more.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_add_unsigned(span.0))
    }

    /// This instant and `span` less.
    #[must_use]
    pub fn before(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_sub_unsigned(span.0))
    }

    /// How long after `earlier` this is; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Time) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{stamp:.3}")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time or a length of time could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTime(String);

impl FromStr for Time {
    type Err = BadTime;
    fn from_str(text: &str) -> Result<Self, BadTime> {
        text.parse::<Timestamp>().map(|t| Self::from_millis(t.as_millisecond())).map_err(|_| {
            BadTime(format!("{text:?} is not an RFC 3339 time such as 2026-11-01T10:00:00Z"))
        })
    }
}

impl TryFrom<String> for Time {
    type Error = BadTime;
    fn try_from(text: String) -> Result<Self, BadTime> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> String {
        time.to_string()
    }
}

/// A length of time in milliseconds. In configuration it is written with units, as `90s`,
/// `30m`, `1h 30m`; in the log as a whole number of milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// The longest span that is accepted: one year.
    pub const MAX: Span = Span(366 * 24 * 3600 * 1000);

    /// A span of `ms` milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// A span of `s` seconds.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The whole minutes of it, or the whole seconds of what is shorter than one: to be read.
    #[must_use]
    pub const fn rounded(self) -> Self {
        let unit = if self.0 < 60_000 { 1_000 } else { 60_000 };
        Self(self.0 / unit * unit)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ms) = (self.0 / 1000, self.0 % 1000);
        let (d, h, m, s) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
        let parts = [(d, "d"), (h, "h"), (m, "m"), (s, "s"), (ms, "ms")];
        let mut written = false;
        for (n, unit) in parts.into_iter().filter(|(n, _)| *n > 0) {
            write!(f, "{}{n}{unit}", if written { " " } else { "" })?;
            written = true;
        }
        if written { Ok(()) } else { f.write_str("0s") }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Span {
    type Err = BadTime;
    fn from_str(text: &str) -> Result<Self, BadTime> {
        let bad = || BadTime(format!("{text:?} is not a length of time such as 90s, 30m or 1h"));
        // The time library's longest unit is the hour; what is printed here may have days.
        let (days, rest) = match text.trim().split_once('d') {
            Some((days, rest)) if days.chars().all(|c| c.is_ascii_digit()) => {
                (days.parse::<u64>().map_err(|_| bad())?, rest.trim())
            }
            _ => (0, text),
        };
        let rest = if rest.is_empty() && days > 0 { "0s" } else { rest };
        let rest: SignedDuration = rest.parse().map_err(|_| bad())?;
        let rest = u64::try_from(rest.as_millis()).map_err(|_| bad())?;
        let span = Self(days.saturating_mul(24 * 3_600_000).saturating_add(rest));
        if span > Self::MAX {
            return Err(BadTime(format!("{text:?} is longer than a year")));
        }
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_one_spelling() {
        let time: Time = "2026-11-01T11:00:00+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-01T10:00:00.000Z");
        assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn the_zero_time_of_go_is_read_as_the_year_one() {
        let time: Time = "0001-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(time.to_string(), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn time_never_overflows() {
        let end = Time::from_millis(i64::MAX);
        assert_eq!(end.after(Span::from_millis(u64::MAX)), end);
        assert_eq!(Time::from_millis(0).since(end), Span::default());
        assert_eq!(end.to_string(), "9999-12-30T21:59:59.999Z");
    }

    #[test]
    fn spans_are_written_with_units() {
        assert_eq!("1h 30m".parse(), Ok(Span::from_secs(5400)));
        for span in [Span::MAX, Span::from_secs(86_400), Span::from_millis(90_061_001)] {
            assert_eq!(span.to_string().parse(), Ok(span), "{span}");
        }
        for wrong in ["d", "1dd", "1d -5s", "-1d", "1.5d", "367d", "99999999999999999999d"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        assert_eq!(Span::from_secs(5400).to_string(), "1h 30m");
        assert!("-5s".parse::<Span>().is_err());
        assert!("ten".parse::<Span>().is_err());
        assert!("9000d".parse::<Span>().is_err());
    }
}
