//! `tagout approvals review`: what waits, one plan after the other, answered at the terminal.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use tagout_core::text::FreeText;

use crate::asks::IncidentAsk;
use crate::queue::{PlanView, Request};
use crate::terminal::{covers, print_lines, prompt, story};

use super::approvals::{Who, digest, print_state};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Failure, Home, Outcome, queue};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    who: Who,
    /// The directory of runbooks that plans are changed from [default: the configuration's].
    #[arg(long, value_name = "DIR")]
    runbooks: Option<PathBuf>,
}

pub(super) fn run(home: &Home, server: &Server, args: &Args) -> Outcome {
    // Whoever only says yes or no needs no runbooks.
    let configured = args.runbooks.is_some() || home.config().is_ok_and(|c| c.runbooks.is_some());
    let needs = match configured {
        true => Needs::Plans(args.runbooks.as_ref()),
        false => Needs::Answers,
    };
    let mut place = Place::open(home, server, &args.who, needs)?;
    if matches!(place, Place::Here(_)) && place.person().is_none() {
        return Err(Who::unnamed());
    }
    let mut seen = BTreeSet::new();
    loop {
        // Looked up anew each time: while one plan was read, others have been decided.
        let mut queue = place.queue()?.into_iter();
        let me = place.person().map(|person| person.name().to_owned());
        let next = queue.find(|one| {
            // What they asked for themselves, another person answers.
            let own = |request: &Request| me.is_some() && request.requested_by == me;
            one.request.as_ref().is_some_and(|request| !own(request))
                && !seen.contains(&(one.summary.incident.clone(), one.summary.plan.clone()))
        });
        let Some(next) = next else { break };
        let id = next.summary.incident;
        seen.insert((id.clone(), next.summary.plan));
        let Some(view) = place.plan(&id)?.filter(|view| view.request.is_some()) else { continue };
        let (mut input, mut output) = (io::stdin().lock(), anstream::stdout());
        if !review(home, &mut place, &view, &mut input, &mut output)? {
            return Ok(());
        }
    }
    match seen.is_empty() {
        true => anstream::println!("No plan waits for an answer."),
        false => anstream::println!("That is all that waits for an answer now."),
    }
    Ok(())
}

/// Puts one plan before the person and does what they say; `false` if they want no more.
fn review(
    home: &Home,
    place: &mut Place,
    view: &PlanView,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<bool, Failure> {
    let (id, plan) = (view.summary.incident.as_str(), digest(view)?);
    for event in &place.told(id)?.events {
        print_lines(&story::tell_event(event, id));
    }
    if let Some(request) = &view.request {
        anstream::println!();
        print_lines(&queue::standing(request, id));
    }
    print_lines(&covers::lines(&view.plan, view.weak_containment, &plan.short()));
    let told = |error| match error {
        // It was their mistake or things have changed; the next one waits.
        Failure::BadInput(what) => {
            anstream::println!("  {}", crate::terminal::printable_lines(&what));
            Ok(true)
        }
        other => Err(other),
    };
    if let Err(error) = place.ask(id, &IncidentAsk::Show { plan }) {
        return told(error);
    }
    let mode = view.plan.mode;
    let (ask, by) = match prompt::ask(&view.plan, &view.candidates, place.person(), input, output)?
    {
        prompt::Reply::Later => return Ok(true),
        prompt::Reply::Quit => return Ok(false),
        prompt::Reply::Answer(answer, by, reason) => {
            (IncidentAsk::Answer { plan, mode, answer, reason: reason.into() }, by)
        }
        prompt::Reply::Modify(change, by) => {
            if let Err(error) = place.ready_to_plan(home, &view.plan) {
                return told(error);
            }
            (IncidentAsk::Modify { plan, mode, change, reason: FreeText::default() }, by)
        }
    };
    match place.ask_as(by, id, &ask) {
        Ok(state) => print_state(&state, place.by(), false).map(|()| true),
        Err(error) => told(error),
    }
}
