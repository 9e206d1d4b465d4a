//! Who may approve what: the operator's rules, and what is frozen of them when people are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Role};
use crate::approval::{Person, Review};
use crate::matcher::{LabelMatcher, glob};
use crate::tier::Tier;

/// One rule of who may approve what. Each lets some people approve some plans; where there is
/// any rule, nobody may approve what no rule gives them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveRule {
    /// The least role; any role that may review at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The group; anybody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The highest tier of the plans it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_at_most: Option<Tier>,
    /// The runbooks it covers; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// The labels of the alerts it covers.
    #[serde(default, rename = "match", skip_serializing_if = "LabelMatcher::is_everything")]
    pub matcher: LabelMatcher,
}

impl ApproveRule {
    /// Whether it is about a plan of this tier and runbook for an alert with these labels.
    #[must_use]
    pub fn covers(&self, tier: Tier, runbook: &str, labels: &BTreeMap<String, String>) -> bool {
        self.tier_at_most.is_none_or(|most| tier <= most)
            && self.runbook.as_deref().is_none_or(|pattern| glob(pattern, runbook))
            && self.matcher.matches(labels)
    }
}

impl fmt::Display for ApproveRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = Entitled { role: self.role, group: self.group.clone() };
        write!(f, "{who}, ")?;
        match self.tier_at_most {
            Some(most) => write!(f, "plans up to {most} tier")?,
            None => f.write_str("plans of any tier")?,
        }
        if let Some(runbook) = &self.runbook {
            write!(f, " of runbook {runbook}")?;
        }
        if !self.matcher.is_everything() {
            let labels: Vec<_> = self.matcher.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
            write!(f, " for alerts with {}", labels.join(", "))?;
        }
        Ok(())
    }
}

/// Some people: all of a role and above, of a group, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entitled {
    /// The least role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Entitled {
    fn includes(&self, role: Option<Role>, groups: &BTreeSet<String>) -> bool {
        self.role.is_none_or(|least| role.is_some_and(|role| role >= least))
            && self.group.as_ref().is_none_or(|group| groups.contains(group))
    }
}

impl fmt::Display for Entitled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.role, &self.group) {
            (Some(role), Some(group)) => write!(f, "{role} of {group}"),
            (Some(role), None) => write!(f, "{role}"),
            (None, Some(group)) => f.write_str(group),
            (None, None) => f.write_str("any approver"),
        }
    }
}

/// People whom the policy entrusts with something beyond their role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entrusted {
    /// Everybody in one of these groups.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// These people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub people: BTreeSet<Person>,
}

impl Entrusted {
    /// Whether somebody is among them.
    #[must_use]
    pub fn includes(&self, actor: &Actor) -> bool {
        self.people.contains(&actor.person) || !self.groups.is_disjoint(&actor.groups)
    }
}

impl fmt::Display for Entrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(String::as_str);
        let all: Vec<_> = groups.chain(self.people.iter().map(Person::name)).collect();
        f.write_str(&all.join(", "))
    }
}

/// Who may approve one plan, frozen when people are asked: whoever is in each of the sets. No
/// set is no restriction; an empty set is met by nobody. A plan that takes the place of
/// another keeps the other's sets, so a change never lets more people approve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Approvers(BTreeSet<BTreeSet<Entitled>>);

impl Approvers {
    /// Who may approve a plan of this tier and runbook for an alert with these labels.
    #[must_use]
    pub fn under(
        rules: &[ApproveRule],
        tier: Tier,
        runbook: &str,
        labels: &BTreeMap<String, String>,
    ) -> Self {
        if rules.is_empty() {
            return Self::default();
        }
        let covering = rules.iter().filter(|rule| rule.covers(tier, runbook, labels));
        let entitled =
            covering.map(|rule| Entitled { role: rule.role, group: rule.group.clone() }).collect();
        Self(BTreeSet::from([entitled]))
    }

    /// Whoever may approve under both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// Whether anybody who may review at all may approve.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the reviewer, as they were when they answered, may approve.
    #[must_use]
    pub fn include(&self, review: &Review) -> bool {
        self.admit(review.role, &review.groups)
    }

    /// Whether somebody of this role and these groups may approve.
    #[must_use]
    pub fn admit(&self, role: Option<Role>, groups: &BTreeSet<String>) -> bool {
        self.0.iter().all(|set| set.iter().any(|entitled| entitled.includes(role, groups)))
    }

    /// The sets, each of which whoever approves must be in.
    pub fn sets(&self) -> impl Iterator<Item = &BTreeSet<Entitled>> {
        self.0.iter()
    }
}

impl fmt::Display for Approvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everybody() {
            return f.write_str("any approver");
        }
        for (n, set) in self.0.iter().enumerate() {
            let all: Vec<_> = set.iter().map(ToString::to_string).collect();
            let all = if all.is_empty() { "nobody".to_owned() } else { all.join(" or ") };
            write!(f, "{}{all}", if n > 0 { ", and " } else { "" })?;
        }
        Ok(())
    }
}
