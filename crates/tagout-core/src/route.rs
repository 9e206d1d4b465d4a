//! Routing: which people a plan is put before, and what is demanded of them, by how risky, how
//! sure and how new it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::confidence::Confidence;
use crate::matcher::{LabelMatcher, glob};
use crate::policy::EscalationPolicy;
use crate::tier::Tier;
use crate::verdict::PolicyInput;

/// One route. All that match add up, and none takes away what another or the tier demands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// Plans of this tier and above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_at_least: Option<Tier>,
    /// Plans whose runbook matched with less confidence than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_below: Option<Confidence>,
    /// Plans whose runbook leads the runner-up by less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_below: Option<Confidence>,
    /// Only the first use of a runbook on a target.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub novel: bool,
    /// Plans of these runbooks; `*` stands for any characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Plans for alerts with these labels.
    #[serde(rename = "match", skip_serializing_if = "LabelMatcher::is_everything")]
    pub matcher: LabelMatcher,

    /// Whom to ask: groups or rotas.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ask: BTreeSet<String>,
    /// How many of each group must approve.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, u32>,
    /// How many people must approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// What the runbook's owner has to do with it, where the runbook names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnersPart>,
    /// Whether people are asked although the plan could go on without them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub escalate: bool,
}

/// What the owner of a runbook has to do with a plan of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnersPart {
    /// They are asked beside others.
    Ask,
    /// They are asked, and one of them must approve.
    Require,
}

/// What all matching routes come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routed {
    /// Whom to ask; empty if no route says so.
    pub ask: BTreeSet<String>,
    /// How many of each group must approve.
    pub groups: BTreeMap<String, u32>,
    /// How many people must approve, at least.
    pub quorum: u32,
    /// Whether people are asked in any case.
    pub escalate: bool,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut when = Vec::new();
        if self.novel {
            when.push("the first use of a runbook on a target".to_owned());
        }
        when.extend(self.runbook.iter().map(|runbook| format!("runbook {runbook}")));
        when.extend(self.tier_at_least.map(|tier| format!("{tier} tier and above")));
        when.extend(self.confidence_below.map(|c| format!("confidence below {c}")));
        when.extend(self.margin_below.map(|c| format!("a lead below {c}")));
        when.extend(self.matcher.0.iter().map(|(label, value)| format!("{label}={value}")));
        let mut then = Vec::new();
        if self.escalate {
            then.push("people are asked in any case".to_owned());
        }
        if !self.ask.is_empty() {
            let names: Vec<_> = self.ask.iter().map(String::as_str).collect();
            then.push(format!("asks {}", names.join(", ")));
        }
        then.extend(self.require.iter().map(|(group, n)| format!("{n} of {group} must approve")));
        then.extend(self.quorum.map(|quorum| format!("{quorum} must approve")));
        then.extend(self.owner.map(|part| match part {
            OwnersPart::Ask => "asks the runbook's owner".to_owned(),
            OwnersPart::Require => "one of the runbook's owners must approve".to_owned(),
        }));
        let when = if when.is_empty() { "any plan".to_owned() } else { when.join(", ") };
        write!(f, "{when}: {}", then.join("; "))
    }
}

impl Route {
    fn matches(&self, tier: Tier, input: &PolicyInput) -> bool {
        self.tier_at_least.is_none_or(|least| tier >= least)
            && self.confidence_below.is_none_or(|limit| input.confidence < limit)
            && self.margin_below.is_none_or(|limit| input.margin < limit)
            && (input.novel || !self.novel)
            && self.runbook.as_deref().is_none_or(|pattern| glob(pattern, &input.runbook))
            && self.matcher.matches(&input.labels)
    }
}

impl EscalationPolicy {
    /// Who is asked about a plan of this tier, and what is demanded of them besides the
    /// tier's own rules.
    #[must_use]
    pub fn routed(&self, tier: Tier, input: &PolicyInput) -> Routed {
        let mut routed = Routed::default();
        for route in self.routes.iter().filter(|route| route.matches(tier, input)) {
            routed.ask.extend(route.ask.iter().cloned());
            at_least(&mut routed.groups, &route.require);
            routed.quorum = routed.quorum.max(route.quorum.unwrap_or(0));
            routed.escalate |= route.escalate;
            if let (Some(part), Some(owner)) = (route.owner, &input.owner) {
                routed.ask.insert(owner.clone());
                if part == OwnersPart::Require {
                    at_least(&mut routed.groups, &BTreeMap::from([(owner.clone(), 1)]));
                }
            }
        }
        routed
    }
}

/// Raises each number of `groups` to what `others` demand.
pub(crate) fn at_least(groups: &mut BTreeMap<String, u32>, others: &BTreeMap<String, u32>) {
    for (group, count) in others {
        let own = groups.entry(group.clone()).or_default();
        *own = (*own).max(*count);
    }
}
