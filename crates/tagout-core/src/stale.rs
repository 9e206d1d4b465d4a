//! Stale context: what a plan rested on when it was made, and no longer does.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::incident::{Grant, Proposal};
use crate::policy::EscalationPolicy;
use crate::runbook::Catalogue;
use crate::shared::Shared;
use crate::time::Time;
use crate::verdict::Rule;

/// Something that has changed since a plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// None of the incident's alerts fires any more.
    Alert,
    /// The runbook's page.
    Runbook,
    /// The policy.
    Policy,
    /// The target: another plan has worked on it.
    Target,
    /// So many targets were acted on since that this one would be one too many.
    Radius,
    /// A check that was to hold before the first step holds no more.
    Preconditions,
    /// Those who approved: without whoever is no longer trusted with that, they are too few.
    Approvers,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alert => "the alert no longer fires",
            Self::Runbook => "the runbook is another one now",
            Self::Policy => "the policy is another one now",
            Self::Target => "another plan has worked on the target",
            Self::Radius => "as many targets were acted on since as the policy allows",
            Self::Preconditions => "what was to hold before the first step holds no more",
            Self::Approvers => "somebody who approved it is no longer trusted with that",
        })
    }
}

/// Whether these are the runbooks that are in force by the record, if it names any.
pub(crate) fn in_force(shared: &Shared, runbooks: &Catalogue) -> bool {
    shared.catalogue.is_none_or(|catalogue| catalogue == runbooks.digest())
}

/// What has changed since the granted plan of this incident was made.
#[must_use]
pub fn changed(
    (proposal, grant): (&Proposal, &Grant),
    incident: &str,
    shared: &Shared,
    (policy, runbooks): (&EscalationPolicy, &Catalogue),
    now: Time,
) -> BTreeSet<Changed> {
    let mut all = moved_on(proposal, incident, shared, (policy, runbooks), now);
    if !grant.stands(|person| shared.people.trusts_to_review(person)) {
        all.insert(Changed::Approvers);
    }
    all
}

/// What has changed since a plan of this incident was made, whoever has approved it or not.
#[must_use]
pub fn moved_on(
    proposal: &Proposal,
    incident: &str,
    shared: &Shared,
    (policy, runbooks): (&EscalationPolicy, &Catalogue),
    now: Time,
) -> BTreeSet<Changed> {
    let plan = &proposal.plan;
    // Whoever asks may work without the runbooks, as a command that only answers does. Then
    // the record alone says whether others have come into force.
    let another_page = if in_force(shared, runbooks) {
        runbooks.get(&plan.runbook).map(|runbook| runbook.digest) != Some(plan.runbook_digest)
    } else {
        proposal.catalogue != shared.catalogue
    };
    let too_far = || {
        let reached = shared.reached(policy, plan.mode, (&plan.runbook, &plan.target), now);
        policy.past_radius(plan.tier, &plan.runbook, &reached).is_some()
    };
    // Whoever granted what was said to reach too far has let it.
    let told = proposal.verdict.as_ref().is_some_and(|verdict| {
        verdict.reasons.iter().any(|reason| reason.rule == Rule::BlastRadius)
    });
    let all = [
        // Taking something back is due however the alert stands.
        (
            Changed::Alert,
            plan.undoes.is_none() && shared.open(incident).is_some_and(|open| open.firing == 0),
        ),
        (Changed::Runbook, another_page),
        (Changed::Policy, policy.digest() != plan.policy),
        (
            Changed::Target,
            shared.touched_by_another(&plan.target, proposal.digest, proposal.made_at),
        ),
        (Changed::Radius, plan.undoes.is_none() && plan.actions() > 0 && !told && too_far()),
    ];
    all.into_iter().filter(|(_, changed)| *changed).map(|(what, _)| what).collect()
}
