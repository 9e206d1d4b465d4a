//! The execution receipt: one plan with who decided what about it on which evidence and what became
//! of each step, in a file that a stranger verifies with the log's public key alone.

use std::io::BufRead;

use serde::Serialize;
use serde_json::{Value, json};
use tagout_core::approval::Answer;
use tagout_core::digest::{EvidenceDigest, PlanDigest, PolicyDigest, RunbookDigest};
use tagout_core::event::{
    Effectiveness, Event, GrantedBy, PlanOutcome, StepFinding, StepOutcome, VoidReason,
};
use tagout_core::evolve::evolve;
use tagout_core::incident::Incident;
use tagout_core::plan::Plan;
use tagout_core::tier::Tier;
use tagout_core::verdict::Mode;
use tagout_log::VerifierKey;
use tagout_log::receipt::{Receipt, ReceiptError, same, verify_receipt};

use crate::journal::{INCIDENT_PREFIX, Recorded, decode};

/// What the entries of an incident say of one plan. It holds no free text, which may be erased;
/// the entries do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The incident.
    pub incident: String,
    /// The digest of the plan, which covers everything that would be run.
    pub plan: PlanDigest,
    /// What it takes back, if it does that, in words; the plan in its entry says so.
    #[serde(skip)]
    pub takes_back: Option<String>,
    /// The entry that holds the plan.
    pub plan_entry: u64,
    /// What it was made to be run as.
    pub mode: Mode,
    /// The runbook, and its bytes.
    pub runbook: String,
    /// The digest of the runbook.
    pub runbook_digest: RunbookDigest,
    /// What it acts on.
    pub target: String,
    /// Its tier.
    pub tier: Tier,
    /// The policy that it was made under.
    pub policy: PolicyDigest,
    /// The alert and the findings that it rests on.
    pub evidence: EvidenceDigest,
    /// What was decided about it, in order.
    pub decisions: Vec<Decided>,
    /// What became of its steps, in order.
    pub steps: Vec<StepTaken>,
    /// How it ended: `rehearsed`, `completed`, `failed`, `voided`, or `open` if it had not.
    pub outcome: &'static str,
    /// How many entries of the incident it rests on: all from the first one on.
    pub entries: u64,
    /// The last of these in the log.
    pub last_entry: u64,
}

/// One decision about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// The entry that records it.
    pub entry: u64,
    /// When.
    pub at: String,
    /// Who: a person, `policy` or `clock`.
    pub by: String,
    /// What, in a word, such as `approve`.
    pub what: String,
}

/// Something that a step did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepTaken {
    /// The entry that records it.
    pub entry: u64,
    /// When.
    pub at: String,
    /// The step.
    pub step: String,
    /// Which attempt, from 1; 0 if none was started.
    pub attempt: u32,
    /// What, in a word, such as `rehearsed`.
    pub what: &'static str,
}

/// The plan of an incident that somebody means: the last one, or the one whose digest begins with
/// this.
///
/// # Errors
/// If there is none, or more than one.
pub fn meant(history: &[Recorded], digest: Option<&str>) -> Result<PlanDigest, String> {
    let mut proposed = history.iter().filter_map(|recorded| match recorded.event() {
        Event::PlanProposed { digest, .. } => Some(*digest),
        _ => None,
    });
    let Some(wanted) = digest else {
        return proposed.next_back().ok_or_else(|| "the incident never had a plan".to_owned());
    };
    let mut fits: Vec<PlanDigest> =
        proposed.filter(|digest| digest.to_string().starts_with(wanted)).collect();
    fits.dedup();
    match fits.as_slice() {
        [one] => Ok(*one),
        [] => Err("the incident had no plan whose digest begins like this".to_owned()),
        _ => Err("more than one plan has a digest that begins like this".to_owned()),
    }
}

/// How many entries of an incident, from the first on, a receipt for a plan holds: up to the last
/// that names the plan.
#[must_use]
pub fn extent(history: &[Recorded], plan: &PlanDigest) -> usize {
    let digest = plan.to_string();
    let names = |recorded: &Recorded| {
        serde_json::to_string(recorded.event()).is_ok_and(|event| event.contains(&digest))
    };
    history.iter().rposition(names).map_or(0, |last| last + 1)
}

/// The policies that a plan was decided by.
#[must_use]
pub fn policies(history: &[Recorded], plan: &PlanDigest) -> Vec<PolicyDigest> {
    let mut policies: Vec<PolicyDigest> = history
        .iter()
        .filter_map(|recorded| match recorded.event() {
            Event::PlanProposed { plan: made, digest, .. } if digest == plan => Some(made.policy),
            Event::PolicyDecided { plan: about, verdict, .. } if about == plan => {
                Some(verdict.policy)
            }
            _ => None,
        })
        .collect();
    policies.sort_unstable();
    policies.dedup();
    policies
}

impl Account {
    /// What these entries of an incident, from its first on, say of a plan.
    ///
    /// # Errors
    /// If they could not have followed one another, or the plan is not among them.
    pub fn of(history: &[Recorded], plan: &PlanDigest) -> Result<Self, String> {
        replay(history)?;
        let made = history.iter().find_map(|recorded| match recorded.event() {
            Event::PlanProposed { plan: made, digest, .. } if digest == plan => {
                Some((recorded, made))
            }
            _ => None,
        });
        let (recorded, made) = made.ok_or("its plan is not among its entries")?;
        if made.digest() != *plan {
            return Err("the plan in it does not have the digest that it names".into());
        }
        let mut account = Self::begun(recorded, made, *plan);
        for recorded in history {
            account.take(recorded, plan);
            account.entries += 1;
            account.last_entry = recorded.index();
        }
        Ok(account)
    }

    fn begun(recorded: &Recorded, plan: &Plan, digest: PlanDigest) -> Self {
        Self {
            incident: recorded.incident().to_owned(),
            plan: digest,
            takes_back: plan.takes_back(),
            plan_entry: recorded.index(),
            mode: plan.mode,
            runbook: plan.runbook.clone(),
            runbook_digest: plan.runbook_digest,
            target: plan.target.clone(),
            tier: plan.tier,
            policy: plan.policy,
            evidence: plan.evidence,
            decisions: Vec::new(),
            steps: Vec::new(),
            outcome: "open",
            entries: 0,
            last_entry: 0,
        }
    }

    /// As it stands in a receipt.
    #[must_use]
    pub fn to_summary(&self) -> Value {
        // Strings and small integers always have a form.
        serde_json::to_value(self).unwrap_or_else(|_| json!({}))
    }

    fn take(&mut self, recorded: &Recorded, own: &PlanDigest) {
        let (entry, at) = (recorded.index(), recorded.at().to_string());
        let mut decided = |by: String, what: String| {
            self.decisions.push(Decided { entry, at: at.clone(), by, what });
        };
        let mut taken = |step: &str, attempt: u32, what: &'static str| {
            let (at, step) = (recorded.at().to_string(), step.to_owned());
            self.steps.push(StepTaken { entry, at, step, attempt, what });
        };
        match recorded.event() {
            Event::PolicyDecided { plan, verdict, .. } if plan == own => {
                decided("policy".into(), verdict.decision.to_string().to_lowercase());
            }
            Event::ReviewGiven { review } if review.plan == *own => {
                let answer = match review.answer {
                    Answer::Approve => "approve",
                    Answer::Reject => "reject",
                };
                decided(review.reviewer.to_string(), answer.into());
            }
            Event::ReviewRefused { by, plan, .. } if plan == own => {
                decided(by.to_string(), "answer_refused".into());
            }
            Event::GlassBroken { plan, by, .. } if plan == own => {
                decided(by.to_string(), "glass_broken".into());
            }
            Event::HaltResumed { plan, by, .. } if plan == own => {
                decided(by.to_string(), "halt_resumed".into());
            }
            Event::PlanGranted { plan, by, .. } if plan == own => match by {
                GrantedBy::Policy => decided("policy".into(), "granted".into()),
                GrantedBy::Clock { .. } => decided("clock".into(), "granted".into()),
                GrantedBy::Quorum(people) => {
                    let names: Vec<String> = people.iter().map(ToString::to_string).collect();
                    decided(names.join(", "), "granted".into());
                }
            },
            Event::PlanVoided { plan, why } if plan == own => {
                self.outcome = "voided";
                let (by, what) = voided(why);
                decided(by, what.into());
            }
            Event::ReviewedAfterwards { plan, by, .. } if plan == own => {
                decided(by.to_string(), "reviewed_afterwards".into());
            }
            Event::StepRehearsed { plan, step, unforeseen } if plan == own => {
                taken(step, 0, if unforeseen.is_some() { "only_shown" } else { "rehearsed" });
            }
            Event::RehearsalStarted { plan, step } if plan == own => {
                taken(step, 1, "rehearsal_started");
            }
            Event::RehearsalEnded { plan, step, outcome, .. } if plan == own => {
                let what = match outcome {
                    StepOutcome::Succeeded => "rehearsal_succeeded",
                    StepOutcome::Failed => "rehearsal_failed",
                    StepOutcome::TimedOut => "rehearsal_timed_out",
                    StepOutcome::Stopped => "rehearsal_stopped",
                };
                taken(step, 1, what);
            }
            Event::RehearsalCut { plan, step, .. } if plan == own => {
                taken(step, 1, "rehearsal_cut");
            }
            Event::StepStarted { plan, step, attempt, .. } if plan == own => {
                taken(step, *attempt, "started");
            }
            Event::StepFinished { plan, step, attempt, outcome, .. } if plan == own => {
                let what = match outcome {
                    StepOutcome::Succeeded => "succeeded",
                    StepOutcome::Failed => "failed",
                    StepOutcome::TimedOut => "timed_out",
                    StepOutcome::Stopped => "stopped",
                };
                taken(step, *attempt, what);
            }
            Event::StepLost { plan, step, attempt, .. } if plan == own => {
                taken(step, *attempt, "unknown");
            }
            Event::StepResolved { plan, step, attempt, finding, by, .. } if plan == own => {
                let what = match finding {
                    StepFinding::Ran => "resolved_ran",
                    StepFinding::DidNotRun => "resolved_did_not_run",
                    StepFinding::Investigating => "investigating",
                };
                taken(step, *attempt, what);
                self.decisions.push(Decided { entry, at, by: by.to_string(), what: what.into() });
            }
            Event::PlanFinished { plan, outcome, stops_at, .. } if plan == own => {
                if let Some(step) = stops_at {
                    taken(step, 0, "a_live_plan_would_have_stopped_here");
                }
                self.outcome = match outcome {
                    PlanOutcome::Rehearsed => "rehearsed",
                    PlanOutcome::Completed => "completed",
                    PlanOutcome::Failed => "failed",
                };
            }
            Event::PreconditionsBegunAgain { plan, .. } if plan == own => {
                decided("agent".into(), "preconditions_begun_again".into());
            }
            Event::EffectivenessRecorded { plan, effectiveness, .. } if plan == own => {
                let what = match effectiveness {
                    Effectiveness::Resolved => "helped",
                    Effectiveness::StillFiring => "did_not_help",
                    Effectiveness::NotKnown => "helped_not_known",
                };
                decided("agent".into(), what.into());
            }
            _ => {}
        }
    }
}

fn voided(why: &VoidReason) -> (String, &'static str) {
    let nobody = |what| ("agent".to_owned(), what);
    match why {
        VoidReason::Rejected { by } => (by.to_string(), "voided_rejected"),
        VoidReason::Revoked { by } => (by.to_string(), "voided_revoked"),
        VoidReason::TimedOut => ("clock".to_owned(), "voided_timed_out"),
        VoidReason::Modified { .. } => nobody("voided_modified"),
        VoidReason::AlertEnded => nobody("voided_alert_ended"),
        VoidReason::AlertWorsened => nobody("voided_alert_worsened"),
        VoidReason::Stale { .. } => nobody("voided_stale"),
    }
}

/// Whether these entries could have followed one another: no grant that the reviews do not add up
/// to, no step without a grant.
fn replay(history: &[Recorded]) -> Result<(), String> {
    let evolved = history.iter().try_fold(Incident::Absent, |incident, recorded| {
        evolve(incident, recorded.event(), recorded.at())
            .map_err(|e| format!("entry {} could not have followed: {e}", recorded.index()))
    });
    evolved.map(drop)
}

/// Why a receipt is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptRefused {
    /// The file is not what was written, or not what was signed.
    #[error(transparent)]
    File(#[from] ReceiptError),
    /// Its entries are the log's, and it does not say what they say.
    #[error("the receipt is refused: {0}")]
    Says(String),
}

/// Verifies a receipt with nothing but a list of public keys, and returns what it shows. The
/// account is made anew from the proved entries, and the receipt must say the same.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(
    input: impl BufRead,
    keys: &[VerifierKey],
) -> Result<(Account, Receipt), ReceiptRefused> {
    let receipt = verify_receipt(input, keys)?;
    let account = says(&receipt).map_err(ReceiptRefused::Says)?;
    Ok((account, receipt))
}

fn says(receipt: &Receipt) -> Result<Account, String> {
    if !receipt.stream.starts_with(INCIDENT_PREFIX) {
        return Err("its stream is not one of an incident".into());
    }
    let read = |opened: &tagout_log::Opened| {
        let recorded = decode(opened.clone()).map_err(|fault| fault.to_string())?;
        recorded.ok_or_else(|| "it holds an entry of the log about itself".to_owned())
    };
    let history = receipt.entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let plan = receipt.summary.get("plan").and_then(Value::as_str);
    let plan: PlanDigest = plan.and_then(|plan| plan.parse().ok()).ok_or("it names no plan")?;
    let account = Account::of(&history, &plan)?;
    if !same(&account.to_summary(), &receipt.summary) {
        return Err("what it says is not what its entries say".into());
    }
    if extent(&history, &plan) != history.len() {
        return Err("it holds entries after the last one about its plan".into());
    }
    let mut missing = policies(&history, &plan);
    for other in receipt.others.iter().map(read) {
        let other = other?;
        let index = other.index();
        let foreign = || format!("entry {index} has no place in it");
        let Event::PolicyLoaded { digest, policy, .. } = other.event() else {
            return Err(foreign());
        };
        let place = missing.iter().position(|wanted| wanted == digest).ok_or_else(foreign)?;
        if policy.digest() != *digest || index > account.last_entry {
            return Err(foreign());
        }
        missing.remove(place);
    }
    match missing.first() {
        None => Ok(account),
        Some(policy) => Err(format!("the policy {policy}, which decided, was left out")),
    }
}
