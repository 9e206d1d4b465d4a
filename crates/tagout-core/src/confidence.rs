//! How probable it is that a match is right: a whole number of hundredths of a percent.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A calibrated probability as an integer, 0 to 10 000. Rounded down once, where search ends;
/// everything after that compares integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Confidence(u16);

impl Confidence {
    /// No confidence at all.
    pub const ZERO: Self = Self(0);
    /// Certainty.
    pub const ONE: Self = Self(10_000);

    /// From hundredths of a percent; anything above 10 000 is 10 000.
    #[must_use]
    pub const fn from_basis_points(points: u16) -> Self {
        if points > 10_000 { Self::ONE } else { Self(points) }
    }

    /// Hundredths of a percent, 0 to 10 000.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// As a fraction, for printing only.
    #[must_use]
    pub fn as_fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl fmt::Display for Confidence {
    /// Exactly what is recorded: two decimals, or four where two would not be exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest % 100 == 0 {
            write!(f, "{whole}.{:02}", rest / 100)
        } else {
            write!(f, "{whole}.{rest:04}")
        }
    }
}

impl fmt::Debug for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// A threshold could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a probability: write 0 to 1 with at most four decimal places")]
pub struct NotAProbability(pub String);

impl FromStr for Confidence {
    type Err = NotAProbability;
    /// Reads a decimal exactly; a fifth decimal place is refused and not rounded away.
    fn from_str(text: &str) -> Result<Self, NotAProbability> {
        let bad = || NotAProbability(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 4 {
            return Err(bad());
        }
        let whole: u16 = whole.parse().map_err(|_| bad())?;
        let points: u16 = format!("{fraction:0<4}").parse().map_err(|_| bad())?;
        match (whole, points) {
            (0, points) => Ok(Self(points)),
            (1, 0) => Ok(Self::ONE),
            _ => Err(bad()),
        }
    }
}

impl<'de> Deserialize<'de> for Confidence {
    /// Reads the recorded integer, 0 to 10 000.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let points = u16::deserialize(deserializer)?;
        if points > 10_000 {
            return Err(D::Error::custom(format!("{points} is above 10000")));
        }
        Ok(Self(points))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_exactly() {
        for (text, points) in
            [("0", 0), ("0.8", 8000), ("0.9501", 9501), ("1", 10_000), ("1.0", 10_000)]
        {
            assert_eq!(text.parse(), Ok(Confidence(points)), "{text}");
        }
    }

    #[test]
    fn what_is_no_probability_of_four_places_is_refused() {
        for text in ["", ".5", "0.12345", "1.0001", "2", "-0.1", "1e-3", "NaN", "0,5"] {
            assert!(text.parse::<Confidence>().is_err(), "{text}");
        }
    }

    #[test]
    fn printing_says_exactly_what_is_recorded() {
        assert_eq!(Confidence(9_499).to_string(), "0.9499");
        assert_eq!(Confidence(9_500).to_string(), "0.95");
        assert_eq!(Confidence::ONE.to_string(), "1.00");
        assert_eq!(Confidence(5).to_string(), "0.0005");
    }
}
