//! One answer to many like plans: the same page of the same runbook, at low or medium tier.
//! Each plan is answered, and recorded, by itself.

use std::collections::BTreeSet;

use tagout_core::actor::{Act, Actor};
use tagout_core::approval::Answer;
use tagout_core::digest::{PlanDigest, sha256, to_hex};
use tagout_core::limits;
use tagout_core::plan::Plan;
use tagout_core::text::FreeText;
use tagout_core::tier::Tier;
use tagout_core::verdict::Mode;

use super::{AskError, Asks, IncidentAsk};
use crate::clock::now;
use crate::journal::Recorded;

/// One answer to many plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchAsk {
    /// The incidents, each with the plan that was before them.
    pub plans: Vec<(String, PlanDigest)>,
    /// The mode that was before them.
    pub mode: Mode,
    /// The answer.
    pub answer: Answer,
    /// Why; it stands in the record of each.
    pub reason: FreeText,
}

/// What came of each plan of a batch, in its order.
pub type Batched = Vec<(String, Result<Vec<Recorded>, AskError>)>;

impl Asks {
    /// Gives one answer to many like plans, one after the other. One that is refused does not
    /// hold up the others.
    ///
    /// # Errors
    /// If nothing was answered at all: the role does not let them, or the plans are not alike.
    pub async fn batch(&self, actor: &Actor, batch: BatchAsk) -> Result<Batched, AskError> {
        self.allow(actor, Act::Review, None).await?;
        let BatchAsk { plans, mode, answer, reason } = batch;
        let unlike = |words: &str| Err(AskError::NoBatch(words.to_owned()));
        if plans.is_empty() || plans.len() > limits::BATCH {
            return Err(AskError::NoBatch(format!("name 1 to {} plans", limits::BATCH)));
        }
        if plans.iter().collect::<BTreeSet<_>>().len() != plans.len() {
            return unlike("a plan is named twice");
        }
        if reason.is_empty() || reason.as_str().len() > limits::REASON_BYTES {
            return unlike("give a reason of 1 to 4096 bytes; it stands in the record of each");
        }
        let named = plans.clone();
        let kinds = self.writer.read(move |journal| {
            let mut kinds = BTreeSet::new();
            for (id, digest) in &named {
                // One that is not the plan any more is refused below, by itself.
                let waiting = journal.incident(id).waiting().map(|(proposal, _)| proposal);
                if let Some(proposal) = waiting.filter(|proposal| proposal.digest == *digest) {
                    let Plan { runbook_digest, tier, undoes, .. } = &proposal.plan;
                    kinds.insert((*runbook_digest, *tier, *undoes));
                }
            }
            kinds
        });
        let kinds = kinds.await?;
        // Each takes back another plan, and what that left behind differs.
        if plans.len() > 1 && kinds.iter().any(|(_, _, undoes)| undoes.is_some()) {
            return unlike("a plan that takes another back is read and answered by itself");
        }
        if kinds.len() > 1 {
            return unlike(
                "these plans are not alike: a batch is of one runbook, in one version and of one \
                 tier",
            );
        }
        if kinds.iter().any(|(_, tier, _)| *tier > Tier::Medium) {
            return unlike("plans above medium tier are read and answered one by one");
        }
        let batch = batch_id(actor, &plans);
        let mut answered = Vec::with_capacity(plans.len());
        for (id, plan) in plans {
            let ask = IncidentAsk::Answer { plan, mode, answer, reason: reason.clone() };
            let came = self.put(actor, &id, ask, Some(&batch)).await;
            answered.push((id, came));
        }
        Ok(answered)
    }
}

/// The same for all answers of one batch, and another one each time.
fn batch_id(actor: &Actor, plans: &[(String, PlanDigest)]) -> String {
    let at = now().to_string();
    let mut parts: Vec<&[u8]> = vec![actor.person.name().as_bytes(), at.as_bytes()];
    parts.extend(plans.iter().map(|(_, plan)| &plan.as_bytes()[..]));
    format!("batch-{}", to_hex(&sha256("tagout.batch-id.v1", &parts)[..5]))
}
