//! The clock grant: silence after a delivered warning, observed without a gap (promise 2).

use serde::{Deserialize, Serialize};

use crate::digest::PlanDigest;
use crate::policy::EscalationPolicy;
use crate::tier::Tier;
use crate::time::{Span, Time};

/// A wait that may end in a grant by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockWait {
    /// The plan it is about.
    pub plan: PlanDigest,
    /// How long people have to object once the warning was delivered.
    pub wait: Span,
    /// When the warning was delivered; nothing counts before that.
    pub warned_at: Option<Time>,
}

/// Proof that the clock granted a plan. Made by [`ClockWait::grant`] and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockGrant {
    plan: PlanDigest,
}

impl ClockGrant {
    /// The plan that is granted.
    #[must_use]
    pub const fn plan(&self) -> PlanDigest {
        self.plan
    }
}

impl ClockWait {
    /// The wait that the policy allows this plan: low tier, reversible, the runbook named.
    #[must_use]
    pub fn allowed(
        policy: &EscalationPolicy,
        plan: PlanDigest,
        tier: Tier,
        reversible: bool,
        runbook: &str,
    ) -> Option<Self> {
        let rules = policy.clock_grant.as_ref()?;
        (tier == Tier::Low && reversible && rules.runbooks.contains(runbook)).then_some(Self {
            plan,
            wait: rules.wait,
            warned_at: None,
        })
    }

    /// Since when people could have objected without a gap: the delivered warning, or a jump
    /// of the clock after it, which starts the wait anew.
    #[must_use]
    pub fn from(&self, last_jump: Option<Time>) -> Option<Time> {
        let warned = self.warned_at?;
        Some(last_jump.map_or(warned, |jump| jump.max(warned)))
    }

    /// The grant, if at `now` the wait has lasted since `from`.
    #[must_use]
    pub fn grant(&self, from: Time, now: Time) -> Option<ClockGrant> {
        let warned = self.warned_at?;
        (from >= warned && now >= from.after(self.wait)).then_some(ClockGrant { plan: self.plan })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Span = Span::from_secs(60);

    fn warned_at(ms: Option<i64>) -> ClockWait {
        let warned_at = ms.map(Time::from_millis);
        ClockWait { plan: PlanDigest::of_bytes(b"p"), wait: MINUTE, warned_at }
    }

    #[test]
    fn without_a_delivered_warning_the_clock_never_grants() {
        let wait = warned_at(None);
        assert_eq!(wait.from(None), None);
        assert_eq!(wait.grant(Time::from_millis(0), Time::from_millis(i64::MAX)), None);
    }

    #[test]
    fn a_jump_of_the_clock_starts_the_wait_anew() {
        let wait = warned_at(Some(0));
        let from = wait.from(Some(Time::from_millis(50_000))).unwrap();
        assert!(wait.grant(from, Time::from_millis(109_999)).is_none());
        assert!(wait.grant(from, Time::from_millis(110_000)).is_some());
    }

    #[test]
    fn a_wait_is_never_counted_from_before_its_warning() {
        let wait = warned_at(Some(50_000));
        assert!(wait.grant(Time::from_millis(0), Time::from_millis(60_000)).is_none());
    }
}
