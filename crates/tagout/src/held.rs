//! What a granted live plan waits for: its target, while another plan holds it.

use serde::{Deserialize, Serialize};
use tagout_core::incident::{Incident, Stage};
use tagout_core::verdict::Mode;
use tagout_log::storage::Storage;
use utoipa::ToSchema;

use crate::journal::Journal;
use crate::steps::{self, OpenStep};
use crate::terminal::printable;

/// Who holds the target of a granted plan, so that it does not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldBy {
    /// The target.
    pub target: String,
    /// The incident that holds it.
    pub incident: String,
    /// The digest of the plan of that incident that holds it.
    pub plan: String,
    /// The step that is not over, if there is one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<OpenStep>,
}

impl HeldBy {
    /// Who holds the target of the plan that is granted in this incident, if somebody does.
    #[must_use]
    pub fn of<S: Storage>(journal: &Journal<S>, incident: &Incident) -> Option<Self> {
        let Incident::Open(_, Stage::Granted(proposal, _)) = incident else { return None };
        let target = &proposal.plan.target;
        let lock = journal.shared().lock(target).filter(|lock| lock.plan != proposal.digest)?;
        if proposal.plan.mode != Mode::Live {
            return None;
        }
        let (holder, plan) = (lock.incident.as_str(), lock.plan.to_string());
        let open = steps::of(journal.shared(), holder, journal.incident(holder));
        let step = open.into_iter().find(|step| step.plan == plan);
        Some(Self { target: target.clone(), incident: holder.to_owned(), plan, step })
    }

    /// In what way it is held, in a clause.
    #[must_use]
    pub fn how(&self) -> String {
        self.step.as_ref().map_or_else(|| "its plan is under way".to_owned(), OpenStep::stands)
    }

    /// All of it in a clause.
    #[must_use]
    pub fn words(&self) -> String {
        let (target, holder) = (printable(&self.target), printable(&self.incident));
        format!("waits for {target}, held by {holder} ({})", self.how())
    }
}
