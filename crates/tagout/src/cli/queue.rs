//! `tagout approvals list`: what waits for people, the most pressing first.

use tagout_core::need::Need;

use crate::queue::Pending;
use crate::summary::Summary;
use crate::terminal::shortened;

use super::approvals::{Who, count, missing};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Home, Outcome, print_json};

pub(super) fn list(home: &Home, server: &Server, json: bool) -> Outcome {
    let mut pending = Place::open(home, server, &Who::nobody(), Needs::Answers)?.queue()?;
    // What is snoozed comes last.
    pending.sort_by_key(|one| one.snoozed_until.is_some());
    if json {
        return print_json(&pending);
    }
    let step = |one: &&Pending| {
        let kind = one.summary.needs_person.as_ref().map(|needed| needed.kind);
        matches!(kind, Some(Need::UnknownStep | Need::ManualStep))
    };
    let steps: Vec<_> = pending.iter().filter(step).collect();
    if !steps.is_empty() {
        anstream::println!("Steps that wait for somebody's word (`tagout approvals show ID`):");
        steps.iter().for_each(|one| print_needed(one));
        anstream::println!();
    }
    let waiting: Vec<_> = pending.iter().filter(|one| one.request.is_some()).collect();
    if waiting.is_empty() {
        anstream::println!("No plan waits for an answer.");
    }
    for one in waiting {
        let Some(request) = &one.request else { continue };
        let (answers, snoozed) = (format!("{}{}", count(request), missing(request)), snoozed(one));
        print_row(&one.summary, &format!("{answers}  until {}{snoozed}", request.expires_at));
    }
    let rest = |one: &&Pending| one.request.is_none() && !step(one);
    let others: Vec<_> = pending.iter().filter(rest).collect();
    if !others.is_empty() {
        anstream::println!("\nWith people, without a plan to grant (close what is dealt with):");
        others.iter().for_each(|one| print_needed(one));
    }
    Ok(())
}

/// A line for what waits for no answer, with why a person is needed.
fn print_needed(one: &Pending) {
    let first = one.summary.reasons.first().map_or("", String::as_str);
    // An older service does not say it.
    let why = one.summary.needs_person.as_ref().map_or(first, |needed| &needed.why);
    let (state, why, snoozed) = (one.summary.state, shortened(why, 80), snoozed(one));
    print_row(&one.summary, &format!("{state}: {why}{snoozed}"));
}

fn snoozed(one: &Pending) -> String {
    let until = one.snoozed_until.as_deref();
    until.map_or(String::new(), |until| format!("  (snoozed until {until})"))
}

fn print_row(summary: &Summary, rest: &str) {
    anstream::println!(
        "{}  {:<28} {:<20} {:<8} {rest}",
        summary.incident,
        shortened(&summary.alert, 28),
        shortened(summary.runbook.as_deref().unwrap_or("-"), 20),
        summary.tier.unwrap_or("-"),
    );
}
