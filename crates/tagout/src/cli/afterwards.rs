//! `tagout approvals owed` and `tagout approvals afterwards`: the review of what ran without
//! people.

use serde::{Deserialize, Serialize};
use tagout_core::afterwards::{Debts, Hindsight, Owed};
use tagout_core::digest::PlanDigest;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;

use crate::asks::IncidentAsk;
use crate::terminal::printable;

use super::approvals::{Who, print_state};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
#[group(id = "found", required = true, multiple = false, args = ["upheld", "rejected"])]
pub(super) struct Args {
    /// The incident.
    incident: String,
    /// The plan that ran, by its digest or its first 12 digits or more [default: the one that
    /// owes a review].
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// It was right.
    #[arg(long)]
    upheld: bool,
    /// It was not. What can be taken back is offered as a new plan.
    #[arg(long)]
    rejected: bool,
    #[command(flatten)]
    who: Who,
    /// Why, in your words; needed if it was not right.
    #[arg(long, default_value = "")]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A review that is owed, as it is printed and as a service tells it.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    incident: String,
    plan: String,
    /// What the plan ran as: `dry-run` or `live`.
    mode: String,
    since: Time,
    /// Who cannot give it, because it is about them.
    not_by: Option<String>,
}

impl Line {
    /// All of them, in the order of a service: what really ran first, then the longest wait.
    pub(super) fn all(debts: &Debts) -> Vec<Self> {
        let mut owed: Vec<_> = debts.owed().iter().collect();
        owed.sort_by_key(|(plan, owed)| (owed.mode != Mode::Live, owed.since, **plan));
        owed.into_iter().map(Self::of).collect()
    }

    fn of((plan, owed): (&PlanDigest, &Owed)) -> Self {
        Self {
            incident: owed.incident.clone(),
            plan: plan.to_string(),
            mode: owed.mode.to_string(),
            since: owed.since,
            not_by: owed.not_by.as_ref().map(|person| person.name().to_owned()),
        }
    }
}

pub(super) fn list(home: &Home, server: &Server, json: bool) -> Outcome {
    let (owed, total) = Place::open(home, server, &Who::nobody(), Needs::Answers)?.owed()?;
    if json {
        return print_json(&owed);
    }
    if owed.is_empty() {
        anstream::println!("No review is owed.");
    }
    for Line { incident, plan, mode, since, not_by } in &owed {
        let digits = plan.get(..12).unwrap_or_default();
        let by = not_by.as_ref().map(|name| format!("  by anybody but {}", printable(name)));
        let (incident, by) = (printable(incident), by.unwrap_or_default());
        anstream::println!("{incident}  plan {digits}  {mode:<7}  since {since}{by}");
    }
    if total > owed.len() {
        anstream::println!("and {} more", total - owed.len());
    }
    Ok(())
}

pub(super) fn give(home: &Home, server: &Server, args: &Args) -> Outcome {
    let mut place = Place::open(home, server, &args.who, Needs::Answers)?;
    let unreadable = |_| Failure::Fault("the digest of the plan cannot be read".into());
    let plan = match args.plan.as_ref().and_then(|digest| digest.parse().ok()) {
        // A whole digest needs no list; whether its review is owed, the rules say.
        Some(plan) => plan,
        None => named(&place.owed()?.0, args)?.plan.parse().map_err(unreadable)?,
    };
    let hindsight = if args.rejected { Hindsight::Rejected } else { Hindsight::Upheld };
    let reason = args.reason.as_str().into();
    let ask = IncidentAsk::ReviewAfterwards { plan, hindsight, reason };
    print_state(&place.ask(&args.incident, &ask)?, place.by(), args.json)
}

/// The review that the call is about.
fn named<'o>(owed: &'o [Line], args: &Args) -> Result<&'o Line, Failure> {
    let Args { incident, plan, .. } = args;
    if plan.as_ref().is_some_and(|digits| digits.len() < 12) {
        return Err(Failure::BadInput("--plan: give at least 12 digits of the digest".into()));
    }
    let is_named = |line: &&Line| {
        line.incident == *incident
            && plan.as_ref().is_none_or(|digits| line.plan.starts_with(digits.as_str()))
    };
    let mut fitting = owed.iter().filter(is_named);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::BadInput(format!(
            "several reviews of {incident} are owed: name the plan with --plan; \
             `tagout approvals owed` lists them"
        ))),
        (None, _) => Err(Failure::BadInput(format!(
            "no such review of {incident} is owed; `tagout approvals owed` lists those that are"
        ))),
    }
}
