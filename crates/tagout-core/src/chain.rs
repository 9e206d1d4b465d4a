//! The chain of escalation: who else is asked while nobody answers, and the warning before a
//! request lapses. It asks more people and never decides anything.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::tier::Tier;
use crate::time::{Span, Time};

/// One rung: who else is asked, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// How long after people were first asked.
    pub after: Span,
    /// Whom to ask then: groups or rotas.
    pub ask: BTreeSet<String>,
    /// Only for plans of this tier and above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_at_least: Option<Tier>,
}

/// The chain of one request, frozen when people are first asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chain {
    /// The rungs, soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<Rung>,
    /// How long before the request lapses people are warned; not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_before: Option<Span>,
}

/// How far a request has come on its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Climbed {
    /// How many rungs were reached.
    pub rungs: usize,
    /// Whether people were warned that the request is about to lapse.
    pub warned: bool,
}

/// Something on the chain that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due<'c> {
    /// The next rung.
    Rung(&'c Rung),
    /// The warning.
    Warning,
}

impl Chain {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rungs.is_empty() && self.warn_before.is_none()
    }

    /// The rungs of these that are meant for a plan of `tier` and come before its request
    /// lapses after `timeout`, soonest first.
    #[must_use]
    pub fn of(rungs: &[Rung], warn_before: Option<Span>, tier: Tier, timeout: Span) -> Self {
        let meant = |rung: &&Rung| rung.tier_at_least.is_none_or(|least| tier >= least);
        let mut rungs: Vec<Rung> =
            rungs.iter().filter(meant).filter(|rung| rung.after < timeout).cloned().collect();
        rungs.sort_by_key(|rung| rung.after);
        Self { rungs, warn_before }
    }

    /// What is due at `now` of a request that is open from `opened_at` to `expires_at`, if
    /// anything. Derived from what was recorded alone: nothing is due twice, whoever asks and
    /// however often the agent was restarted. A clock that jumps ahead asks people sooner.
    #[must_use]
    pub fn due(
        &self,
        climbed: Climbed,
        (opened_at, expires_at): (Time, Time),
        now: Time,
    ) -> Option<Due<'_>> {
        let next = self.rungs.get(climbed.rungs);
        if let Some(rung) = next.filter(|rung| now >= opened_at.after(rung.after)) {
            return Some(Due::Rung(rung));
        }
        // A request that is open for less than twice the warning is warned of at half time.
        let half = Span::from_millis(expires_at.since(opened_at).millis() / 2);
        let before = self.warn_before.filter(|_| !climbed.warned)?.min(half);
        (expires_at.since(now) <= before).then_some(Due::Warning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    fn minutes(n: i64) -> Time {
        Time::from_millis(n * 60_000)
    }

    fn rung(minutes: u64, least: Option<Tier>) -> Rung {
        let after = Span::from_secs(minutes * MINUTE);
        Rung { after, ask: ["secondary".to_owned()].into(), tier_at_least: least }
    }

    #[test]
    fn only_rungs_for_the_tier_and_within_the_time_of_the_request_count() {
        let rungs = [rung(10, None), rung(5, Some(Tier::High)), rung(15, None)];
        let of = |tier| {
            let chain = Chain::of(&rungs, None, tier, Span::from_secs(15 * MINUTE));
            chain.rungs.iter().map(|r| r.after.millis() / 60_000).collect::<Vec<_>>()
        };
        assert_eq!(of(Tier::Medium), [10]);
        assert_eq!(of(Tier::Critical), [5, 10]);
    }

    #[test]
    fn the_warning_comes_at_its_time_or_at_half_time_and_once() {
        let open = (minutes(0), minutes(20));
        let due = |before: u64, warned, now| {
            let chain =
                Chain { rungs: vec![], warn_before: Some(Span::from_secs(before * MINUTE)) };
            chain.due(Climbed { rungs: 0, warned }, open, minutes(now)).is_some()
        };
        assert!(!due(5, false, 14));
        assert!(due(5, false, 15));
        assert!(!due(5, true, 15));
        assert!(!due(60, false, 9));
        assert!(due(60, false, 10));
    }
}
