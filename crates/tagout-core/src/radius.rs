//! What bounds the harm that a right runbook can do: on how many targets plans act within a window,
//! and how soon one that was tried is tried again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::EscalationPolicy;
use crate::tier::Tier;
use crate::time::Span;

/// On how many targets plans have acted within the windows of the policy. Where the plan's own
/// target is among them already, acting on it once more reaches no further, and nothing stands here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reached {
    /// Plans of a tier, each within that tier's window.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<Tier, u32>,
    /// Plans of the runbooks of a radius of the policy, by the pattern of their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub radii: BTreeMap<String, u32>,
}

impl EscalationPolicy {
    /// Why a plan of this tier and runbook would reach further than the policy allows, if it would.
    pub(crate) fn past_radius(
        &self,
        tier: Tier,
        runbook: &str,
        reached: &Reached,
    ) -> Option<String> {
        let rules = self.rules(tier);
        if let (Some(most), Some(now)) = (rules.max_targets, reached.tiers.get(&tier))
            && *now >= most
        {
            let window = rules.window;
            return Some(format!(
                "{} targets of {most} were acted on at {tier} tier in {window}; \
                 this would be another one",
                told(*now)
            ));
        }
        let mut radii = self.radii(runbook).filter_map(|radius| {
            let now = reached.radii.get(&radius.runbook)?;
            (*now >= radius.max_targets).then_some((radius, *now))
        });
        radii.next().map(|(radius, now)| {
            format!(
                "{} targets of {} were acted on by {} in {}; this would be another one",
                told(now),
                radius.max_targets,
                radius.runbook,
                radius.window
            )
        })
    }

    /// For how long a runbook that was tried this long ago is not started again on its own.
    pub(crate) fn cools_down(&self, tier: Tier, tried: Option<Span>) -> Option<Span> {
        self.rules(tier).cool_down.filter(|cool_down| tried.is_some_and(|ago| ago < *cool_down))
    }
}

/// A number of targets, or that nobody can say any more.
fn told(targets: u32) -> String {
    if targets == u32::MAX { "more".into() } else { targets.to_string() }
}
