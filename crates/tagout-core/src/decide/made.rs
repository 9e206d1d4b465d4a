//! A plan as it was made, and what is recorded with it: the policy's verdict, and the grant or the
//! request that follows from it.

use super::{Ask, Rejection};
use crate::approval::ReviewRequest;
use crate::deadline::ClockWait;
use crate::event::{Event, GrantedBy, VoidReason};
use crate::incident::Proposal;
use crate::inspection::Sight;
use crate::owner;
use crate::plan::{Plan, difference};
use crate::text::FreeText;
use crate::verdict::{Decision, PolicyInput, Verdict};

/// A plan, what the policy was asked about it, and what it said.
pub(super) struct Made {
    pub(super) plan: Plan,
    pub(super) input: PolicyInput,
    pub(super) verdict: Verdict,
    /// Why a person asked for it.
    pub(super) reason: FreeText,
    /// Whether its author may approve such a plan, should asking for it count.
    pub(super) author_counts: bool,
}

impl Made {
    pub(super) fn append(
        self,
        ask: Ask<'_>,
        difference: Vec<String>,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (plan, digest) = (self.plan.clone(), self.plan.digest());
        let reason = self.reason.clone();
        let catalogue = Some(ask.rules.runbooks.digest());
        events.push(Event::PlanProposed { plan, digest, difference, reason, catalogue });
        let trimmed = ask.after(events)?.proposal().is_some_and(|proposal| proposal.trimmed);
        self.follow(ask, trimmed, events);
        Ok(())
    }

    /// The plan in the place of an earlier one.
    pub(super) fn replace(
        self,
        ask: Ask<'_>,
        earlier: &Proposal,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let why = VoidReason::Modified { by_plan: self.plan.digest() };
        events.push(Event::PlanVoided { plan: earlier.digest, why });
        let lines = difference(&earlier.plan, &self.plan);
        self.append(ask, lines, events)
    }

    /// The verdict, and what follows from it.
    fn follow(self, ask: Ask<'_>, trimmed: bool, events: &mut Vec<Event>) {
        let Self { plan, input, verdict, author_counts, .. } = self;
        let (digest, decision) = (plan.digest(), verdict.decision);
        let in_doubt = input.looks.iter().any(|look| look.seen != Sight::Held);
        events.push(Event::PolicyDecided { plan: digest, input, verdict });
        match decision {
            Decision::Proceed => events.push(Event::PlanGranted {
                plan: digest,
                mode: plan.mode,
                by: GrantedBy::Policy,
            }),
            Decision::Escalate => {
                // Silence never stands in for the person that a step, the plan's author, a first
                // use or a check that does not hold needs.
                let person_needed = plan.requested_by.is_some()
                    || owner::demands(&plan.first_use)
                    || ask.shared.bypasses().is_ceremonial(&plan.runbook)
                    || plan.sequence().any(|s| s.requires_approval)
                    || in_doubt;
                let clock = ClockWait::allowed(
                    ask.rules.policy,
                    digest,
                    plan.tier,
                    plan.reversible,
                    &plan.runbook,
                )
                .filter(|_| !person_needed);
                let request = ReviewRequest {
                    plan: digest,
                    mode: plan.mode,
                    tier: plan.tier,
                    quorum: plan.quorum,
                    groups: plan.groups,
                    approvers: plan.approvers,
                    owner: plan.owner,
                    first_use: plan.first_use,
                    ask: plan.ask,
                    chain: plan.chain,
                    requested_by: plan.requested_by,
                    author_counts: trimmed && author_counts,
                    opened_at: ask.now,
                    expires_at: plan.expires_at,
                };
                events.push(Event::ReviewRequested { request, clock });
            }
            Decision::Halt => {}
        }
    }
}
