//! `tagout approvals revoke` and `tagout approvals break-glass`: what one person does alone about a
//! plan, ending it for good or approving it where the policy entitles them.

use tagout_core::digest::PlanDigest;

use crate::asks::IncidentAsk;
use crate::queue::PlanView;

use super::approvals::{Who, meant, print_state};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Failure, Home, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// The incident.
    incident: String,
    /// The digest of the plan, or its first 12 digits or more.
    #[arg(long, value_name = "DIGEST")]
    plan: String,
    #[command(flatten)]
    who: Who,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct BreakGlass {
    #[command(flatten)]
    plan: Revoke,
    /// Why nobody else can approve.
    #[arg(long)]
    reason: String,
}

pub(super) fn revoke(home: &Home, server: &Server, args: &Revoke) -> Outcome {
    let mut place = Place::open(home, server, &args.who, Needs::Answers)?;
    let (plan, _) = named(&mut place, args)?;
    print_state(&place.ask(&args.incident, &IncidentAsk::Revoke { plan })?, place.by(), args.json)
}

pub(super) fn break_glass(home: &Home, server: &Server, args: &BreakGlass) -> Outcome {
    let BreakGlass { plan: about, reason } = args;
    let mut place = Place::open(home, server, &about.who, Needs::Answers)?;
    let (plan, view) = named(&mut place, about)?;
    let reason = reason.as_str().into();
    let ask = IncidentAsk::BreakGlass { plan, mode: view.plan.mode, reason };
    print_state(&place.ask(&about.incident, &ask)?, place.by(), about.json)
}

/// The plan in force, if it is the one that they have read.
fn named(place: &mut Place, args: &Revoke) -> Result<(PlanDigest, PlanView), Failure> {
    let Revoke { incident: id, plan: named, .. } = args;
    let none = || Failure::BadInput(format!("{id} has no plan now"));
    let view = place.plan(id)?.ok_or_else(none)?;
    Ok((meant(&view, id, named)?, view))
}
