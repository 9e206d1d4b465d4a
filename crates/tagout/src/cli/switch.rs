//! `tagout halt` and `tagout resume`: the kill switch, and a halted plan decided again.

use std::path::PathBuf;

use tagout_core::approval::Person;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::incident::{Incident, Stage};

use super::approvals::{Who, engine, engine_with_runbooks, made_from, print_state};
use super::{Failure, Home, Outcome, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
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

fn who(args: &Args) -> Result<(Person, tagout_core::text::FreeText), Failure> {
    Ok((args.who.person()?, args.reason.as_str().into()))
}

pub(super) fn halt(home: &Home, args: &Args) -> Outcome {
    let (by, reason) = who(args)?;
    let mut engine = engine(home, None)?;
    engine.ask_shared(SharedCommand::EngageKillSwitch { by, reason })?;
    say(args.json, true, "The kill switch is engaged: every plan decided from now on is halted.")
}

pub(super) fn resume(home: &Home, args: &ResumeArgs) -> Outcome {
    let (by, reason) = who(&args.args)?;
    let Some(id) = &args.incident else {
        let mut engine = engine(home, None)?;
        engine.ask_shared(SharedCommand::ReleaseKillSwitch { by, reason })?;
        return say(args.args.json, false, "The kill switch is released.");
    };
    let mut engine = engine_with_runbooks(home, args.runbooks.as_ref())?;
    let Incident::Open(_, Stage::Halted(proposal)) = engine.journal().incident(id) else {
        return Err(Failure::BadInput(format!("no plan of {id} is halted")));
    };
    let plan = proposal.digest;
    made_from(&engine, &proposal.plan)?;
    engine.announce()?;
    engine.handle(id, Command::ResumeHalt { by, plan, reason })?;
    print_state(&engine, id, args.args.json)
}

fn say(json: bool, kill_switch: bool, words: &str) -> Outcome {
    if json {
        return print_json(&serde_json::json!({ "kill_switch": kill_switch }));
    }
    anstream::println!("{words}");
    Ok(())
}
