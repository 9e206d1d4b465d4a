//! The budgets of autonomous actions, and what was spent of them.

use std::collections::BTreeMap;

use super::Shared;
use crate::policy::EscalationPolicy;
use crate::tier::Tier;
use crate::time::Time;
use crate::verdict::Mode;

/// Whose budget: a dry-run spends one of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// In which mode.
    pub mode: Mode,
    /// In which tier.
    pub tier: Tier,
    /// In which scope.
    pub scope: String,
}

impl Shared {
    /// The autonomous actions of each tier that count at `now`.
    #[must_use]
    pub fn spent(
        &self,
        policy: &EscalationPolicy,
        mode: Mode,
        scope: &str,
        now: Time,
    ) -> BTreeMap<Tier, u32> {
        Tier::ALL
            .into_iter()
            .map(|tier| {
                let account = Account { mode, tier, scope: scope.to_owned() };
                // A jump of the clock must not refill the window early: what was spent before
                // the last jump counts for a full window after it.
                let window = policy.rules(tier).window;
                let counts = |at: Time| {
                    let from = self.last_jump.map_or(at, |jump| jump.max(at));
                    now < from.after(window)
                };
                let spent = self.spent.get(&account).into_iter().flatten();
                let sum = spent
                    .filter(|(at, _)| counts(*at))
                    .fold(0u32, |sum, (_, n)| sum.saturating_add(*n));
                (tier, sum)
            })
            .collect()
    }

    pub(super) fn charge(&mut self, mode: Mode, tier: Tier, scope: &str, actions: u32, at: Time) {
        if actions == 0 {
            return;
        }
        let account = Account { mode, tier, scope: scope.to_owned() };
        self.spent.entry(account).or_default().push((at, actions));
    }
}
