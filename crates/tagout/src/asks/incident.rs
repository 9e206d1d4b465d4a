//! What may be asked about one incident.

use tagout_core::actor::{Act, Actor};
use tagout_core::afterwards::Hindsight;
use tagout_core::approval::{Answer, Review};
use tagout_core::command::Command;
use tagout_core::digest::PlanDigest;
use tagout_core::event::StepFinding;
use tagout_core::handling::Handled;
use tagout_core::incident::{Incident, Proposal};
use tagout_core::people::People;
use tagout_core::plan::PlanChange;
use tagout_core::text::FreeText;
use tagout_core::verdict::Mode;

use super::{AskError, Seen};

/// What a person may ask about one incident. Who asks is no part of it: that is the
/// [`Actor`]'s, whatever a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentAsk {
    /// Approve or reject a plan.
    Answer {
        /// The plan that was before them.
        plan: PlanDigest,
        /// The mode that was before them.
        mode: Mode,
        /// The answer.
        answer: Answer,
        /// Why; may be empty.
        reason: FreeText,
    },
    /// Make another plan of it.
    Modify {
        /// The plan that was before them.
        plan: PlanDigest,
        /// The mode that was before them.
        mode: Mode,
        /// What to change.
        change: PlanChange,
        /// Why; may be empty.
        reason: FreeText,
    },
    /// Approve alone what needs more people. The policy says who is entitled, and for what.
    BreakGlass {
        /// The plan that was before them.
        plan: PlanDigest,
        /// The mode that was before them.
        mode: Mode,
        /// Why.
        reason: FreeText,
    },
    /// Take back a grant, or object for good.
    Revoke {
        /// The plan.
        plan: PlanDigest,
    },
    /// Have a halted plan decided again.
    ResumeHalt {
        /// The plan.
        plan: PlanDigest,
        /// Why.
        reason: FreeText,
    },
    /// Do something with the incident besides deciding about its plan: acknowledge it, assign
    /// it, hand it over, comment on it, snooze it.
    Handle(Handled),
    /// Make the incident part of another one.
    Merge {
        /// The other one.
        into: String,
        /// Why.
        reason: FreeText,
    },
    /// Review afterwards what ran without people.
    ReviewAfterwards {
        /// The plan that ran.
        plan: PlanDigest,
        /// What they found.
        hindsight: Hindsight,
        /// Why.
        reason: FreeText,
    },
    /// Say what an unknown step did, or what came of one that is a person's.
    ResolveStep {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt, from 1.
        attempt: u32,
        /// What they found.
        finding: StepFinding,
        /// How they know.
        reason: FreeText,
    },
    /// Close the incident.
    Close {
        /// Why.
        reason: FreeText,
    },
    /// Note that the plan is before them. Recorded once for each plan and person, and only of
    /// people who may answer.
    Show {
        /// The plan.
        plan: PlanDigest,
    },
}

impl IncidentAsk {
    /// What kind of act it is: this the role must allow.
    #[must_use]
    pub const fn act(&self) -> Act {
        match self {
            Self::Answer { .. } | Self::Modify { .. } | Self::ReviewAfterwards { .. } => {
                Act::Review
            }
            Self::BreakGlass { .. } => Act::BreakGlass,
            Self::Revoke { .. } => Act::Stop,
            // The plan goes on with what they say.
            Self::ResumeHalt { .. } | Self::ResolveStep { .. } => Act::Resume,
            Self::Handle(_) | Self::Merge { .. } | Self::Close { .. } => Act::Handle,
            Self::Show { .. } => Act::Read,
        }
    }

    /// Whether everybody whom it names is known.
    ///
    /// # Errors
    /// [`AskError::Unknown`]. An incident that goes to nobody would be looked after by nobody,
    /// and whoever was paged for it would be left in peace.
    pub(super) fn names_known(&self, people: &People) -> Result<(), AskError> {
        let to = match self {
            Self::Handle(Handled::Assigned { to }) => to.as_ref(),
            Self::Handle(Handled::HandedOver { to, .. }) => Some(to),
            _ => None,
        };
        match to.filter(|to| people.get(to).is_none()) {
            Some(to) => Err(AskError::Unknown(to.clone())),
            None => Ok(()),
        }
    }

    /// The plan that it is about.
    pub(super) const fn seen(&self) -> Option<Seen> {
        match *self {
            Self::Answer { plan, mode, .. }
            | Self::Modify { plan, mode, .. }
            | Self::BreakGlass { plan, mode, .. } => Some(Seen { plan, mode: Some(mode) }),
            Self::Revoke { plan } | Self::ResumeHalt { plan, .. } | Self::Show { plan } => {
                Some(Seen { plan, mode: None })
            }
            Self::ReviewAfterwards { .. }
            | Self::ResolveStep { .. }
            | Self::Handle(_)
            | Self::Merge { .. }
            | Self::Close { .. } => None,
        }
    }

    /// The plan that stands in the place of the one that was just approved: it was stale by then,
    /// so the approval did not count for what is asked now.
    pub(crate) fn made_anew<'i>(&self, now: &'i Incident) -> Option<&'i Proposal> {
        let (Self::Answer { plan, answer: Answer::Approve, .. } | Self::BreakGlass { plan, .. }) =
            self
        else {
            return None;
        };
        // What takes it back came of its having run.
        now.proposal().filter(|now| now.digest != *plan && now.plan.undoes != Some(*plan))
    }

    /// The command, in the name of whoever asks.
    pub(crate) fn command(&self, actor: &Actor) -> Command {
        let by = actor.person.clone();
        match self.clone() {
            Self::Answer { plan, mode, answer, reason } => {
                Command::Answer(Review::by(actor.clone(), answer, (plan, mode), reason))
            }
            Self::Modify { plan, mode, change, reason } => {
                Command::Modify { by: actor.clone(), plan, mode, change, reason }
            }
            Self::BreakGlass { plan, mode, reason } => {
                Command::BreakGlass { by: actor.clone(), plan, mode, reason }
            }
            Self::Revoke { plan } => Command::Revoke { by, plan },
            Self::ResumeHalt { plan, reason } => Command::ResumeHalt { by, plan, reason },
            Self::Handle(what) => Command::Handle { by, what },
            Self::Merge { into, reason } => Command::Merge { into, by, reason },
            Self::ReviewAfterwards { plan, hindsight, reason } => {
                Command::ReviewAfterwards { by, plan, hindsight, reason }
            }
            Self::ResolveStep { plan, step, attempt, finding, reason } => {
                Command::ResolveStep { by, plan, step, attempt, finding, reason }
            }
            Self::Close { reason } => Command::Close { by, reason },
            Self::Show { plan } => Command::ShowRequest { plan, to: by },
        }
    }
}
