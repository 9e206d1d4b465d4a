//! Deliveries that were not taken, counted: a stranger who tries for ever costs one line a
//! minute and no entry of the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Why a delivery was not taken. A closed set, also in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// The sender did not prove itself; one word for what is wrong with its proof.
    Unauthenticated(&'static str),
    /// Whether the sender is genuine cannot be found out now.
    Unverifiable,
    /// A handshake could not be answered.
    Unconfirmed,
    /// Too many bodies or too many deliveries at once.
    Overloaded,
    /// The log could not be written.
    NotRecorded,
    /// It took too long.
    TimedOut,
    /// The body is larger than anything that is read.
    TooLarge,
    /// The body did not arrive whole.
    Malformed,
    /// The body is compressed.
    Compressed,
    /// The service is going down.
    Closing,
}

impl Refusal {
    pub(super) const ALL: [Self; 10] = [
        Self::Unauthenticated(""),
        Self::Unverifiable,
        Self::Unconfirmed,
        Self::Overloaded,
        Self::NotRecorded,
        Self::TimedOut,
        Self::TooLarge,
        Self::Malformed,
        Self::Compressed,
        Self::Closing,
    ];

    /// The word in metrics and summaries.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Unverifiable => "unverifiable",
            Self::Unconfirmed => "unconfirmed",
            Self::Overloaded => "overloaded",
            Self::NotRecorded => "not_recorded",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Compressed => "compressed",
            Self::Closing => "closing",
        }
    }
}

/// What was not taken since somebody last looked, by configured source and reason.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: Mutex<BTreeMap<(String, Refusal), u64>>,
    last_fault: Mutex<Option<String>>,
}

impl Refusals {
    /// Counts one. `source` is a configured name; all others are one and the same.
    pub(super) fn note(&self, source: &str, why: Refusal) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.iter_mut().find(|((name, reason), _)| name == source && *reason == why) {
            Some((_, count)) => *count += 1,
            None => drop(counts.insert((source.to_owned(), why), 1)),
        }
    }

    /// Keeps what the store said last.
    pub(super) fn fault(&self, words: String) {
        *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    /// Takes the counts away; `None` if there is nothing to tell.
    pub(super) fn take(&self) -> Option<Summary> {
        let counts =
            std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let fault = self.last_fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        (!counts.is_empty()).then_some(Summary { counts, fault })
    }
}

/// What was not taken within some time.
#[derive(Debug)]
pub(super) struct Summary {
    counts: BTreeMap<(String, Refusal), u64>,
    pub(super) fault: Option<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, ((source, why), count)) in self.counts.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", why.name())?;
            if let Refusal::Unauthenticated(reason) = why {
                write!(f, " ({reason})")?;
            }
            write!(f, " at {source}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tries_are_one_line() {
        let refusals = Refusals::default();
        for _ in 0..1_000_000 {
            refusals.note("other", Refusal::Unauthenticated("mismatch"));
        }
        refusals.note("am", Refusal::Overloaded);
        let told = refusals.take().unwrap().to_string();
        assert_eq!(told, "1 overloaded at am, 1000000 unauthenticated (mismatch) at other");
        assert!(refusals.take().is_none());
    }
}
