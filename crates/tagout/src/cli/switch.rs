//! `tagout halt` and `tagout resume`: the kill switch, and a halted plan decided again.

use std::path::PathBuf;

use crate::asks::{IncidentAsk, SharedAsk};

use super::approvals::{Who, digest, print_state};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    who: Who,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    /// The incident whose halted plan is to be decided again; without it the kill switch is released.
    incident: Option<String>,
    #[command(flatten)]
    args: Args,
    /// The directory of runbooks that the plan was made from [default: the configuration's].
    #[arg(long, value_name = "DIR")]
    runbooks: Option<PathBuf>,
}

pub(super) fn halt(home: &Home, args: &Args) -> Outcome {
    let reason = args.reason.as_str().into();
    let mut place = Place::open(home, &args.server, &args.who, Needs::Answers)?;
    place.ask_shared(SharedAsk::EngageKillSwitch { reason })?;
    say(
        args.json,
        true,
        "The kill switch is engaged: what runs is stopped, and every plan decided from now on is halted.",
    )
}

pub(super) fn resume(home: &Home, args: &ResumeArgs) -> Outcome {
    let ResumeArgs { incident, args, runbooks } = args;
    let reason = args.reason.as_str().into();
    let Some(id) = incident else {
        let mut place = Place::open(home, &args.server, &args.who, Needs::Answers)?;
        if matches!(place, Place::Here(_)) {
            let file = home.dir()?.path().join(crate::halt::FILE);
            if file.symlink_metadata().is_ok() {
                return Err(Failure::BadInput(format!(
                    "{} engages the kill switch; remove it first",
                    file.display()
                )));
            }
        }
        place.ask_shared(SharedAsk::ReleaseKillSwitch { reason })?;
        return say(args.json, false, "The kill switch is released.");
    };
    let needs = Needs::Plans(runbooks.as_ref());
    let mut place = Place::open(home, &args.server, &args.who, needs)?;
    let halted = place.plan(id)?.filter(|view| view.summary.state == "halted");
    let Some(view) = halted else {
        return Err(Failure::BadInput(format!("no plan of {id} is halted")));
    };
    place.ready_to_plan(home, &view.plan)?;
    let ask = IncidentAsk::ResumeHalt { plan: digest(&view)?, reason };
    print_state(&place.ask(id, &ask)?, place.by(), args.json)
}

fn say(json: bool, kill_switch: bool, words: &str) -> Outcome {
    if json {
        return print_json(&serde_json::json!({ "kill_switch": kill_switch }));
    }
    anstream::println!("{words}");
    Ok(())
}
