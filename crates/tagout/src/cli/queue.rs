//! `tagout approvals list`: what waits for people, the most pressing first.

use tagout_core::need::Need;
use tagout_core::time::Time;

use crate::clock::now;
use crate::queue::{Pending, Request};
use crate::summary::Summary;
use crate::terminal::{ASK, STRONG, is_read, paint, print_lines, printable, shortened, story};

use super::approvals::{Who, count, missing};
use super::client::Server;
use super::place::{Needs, Place};
use super::{Home, Outcome, print_json};

pub(super) fn list(home: &Home, server: &Server, json: bool) -> Outcome {
    let mut place = Place::open(home, server, &Who::nobody(), Needs::Answers)?;
    let mut pending = place.queue()?;
    // What is snoozed comes last.
    pending.sort_by_key(|one| one.snoozed_until.is_some());
    if json {
        return print_json(&pending);
    }
    print_lines(&place.holds()?);
    if is_read() {
        print_lines(&told(&pending, now()));
        return Ok(());
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
        let back = one.summary.takes_back.as_deref();
        let back = back.map_or(String::new(), |words| format!("  {}", printable(words)));
        let until = &request.expires_at;
        print_row(&one.summary, &format!("{answers}  until {until}{snoozed}{back}"));
    }
    let rest = |one: &&Pending| one.request.is_none() && !step(one);
    let others: Vec<_> = pending.iter().filter(rest).collect();
    if !others.is_empty() {
        anstream::println!("\nWith people, without a plan to grant (close what is dealt with):");
        others.iter().for_each(|one| print_needed(one));
    }
    Ok(())
}

/// How far a request has come, until when, and what a first use demands.
pub(super) fn standing(request: &Request, id: &str) -> Vec<String> {
    let (waits, missing) = (paint(ASK, "waiting for people"), missing(request));
    let count = count(request);
    let until = &request.expires_at;
    let head = format!("  {waits} {id}: {count} have approved{missing}, until {until}");
    let first_use = request.first_use.iter().map(|told| format!("  {}", printable(told)));
    [head].into_iter().chain(first_use).collect()
}

/// The queue as a person reads it: what is about what in one line, and how it stands below.
fn told(pending: &[Pending], now: Time) -> Vec<String> {
    let kind = |one: &Pending| one.summary.needs_person.as_ref().map(|needed| needed.kind);
    let of = |title: &str, which: &dyn Fn(&&Pending) -> bool, how: fn(&Pending, Time) -> String| {
        let mut some: Vec<_> = pending.iter().filter(which).collect();
        // What lapses first comes first; what is snoozed is last already.
        let lapses = |one: &Pending| one.request.as_ref().map(|r| r.expires_at.clone());
        some.sort_by_key(|one| (one.snoozed_until.is_some(), lapses(one)));
        let rows = some.iter().flat_map(|one| row(one, how(one, now)));
        let title = (!some.is_empty()).then(|| paint(STRONG, title));
        let end = title.is_some().then(String::new);
        title.into_iter().chain(rows).chain(end).collect::<Vec<_>>()
    };
    let is_step = |one: &&Pending| matches!(kind(one), Some(Need::UnknownStep | Need::ManualStep));
    let mut lines = of("Steps that wait for somebody's word", &is_step, |one, _| why(one));
    let plans = of("Plans that wait for an answer", &|one| one.request.is_some(), stands);
    if plans.is_empty() {
        lines.extend(["No plan waits for an answer.".to_owned(), String::new()]);
    }
    lines.extend(plans);
    let halted = |one: &&Pending| one.request.is_none() && kind(one) == Some(Need::Halted);
    lines.extend(of("Halted: nobody may grant these as they are", &halted, stands));
    let others = |one: &&Pending| one.request.is_none() && !halted(one) && !is_step(one);
    lines.extend(of("A person is needed; there is no plan to grant", &others, stands));
    match pending.is_empty() {
        true => lines.truncate(1),
        false => lines.push(
            "Next: tagout approvals show INCIDENT, or tagout approvals review for one after the \
             other"
                .to_owned(),
        ),
    }
    lines
}

/// What it is about in one line, and how it stands in the next.
fn row(one: &Pending, stands: String) -> [String; 2] {
    let Pending { summary, .. } = one;
    let (alert, subject) = (shortened(&summary.alert, 60), shortened(&summary.subject, 60));
    let mut on = if alert == subject { String::new() } else { format!(" on {subject}") };
    let more = summary.alerts.map_or(0, |all| all.total.saturating_sub(1));
    if more > 0 {
        on.push_str(&format!(" and {more} more {}", if more == 1 { "alert" } else { "alerts" }));
    }
    let id = format!("{:<14}", printable(&summary.incident));
    [format!("  {id}  {}{on}", paint(STRONG, alert)), format!("                  {stands}")]
}

/// How an incident stands that waits for an answer, or for a person without one.
fn stands(one: &Pending, now: Time) -> String {
    let Pending { summary, request, snoozed_until } = one;
    let when = |at: &str| match at.parse::<Time>() {
        Ok(time) => format!("{} ({}Z)", story::distance(time, now), at.get(..16).unwrap_or(at)),
        Err(_) => at.to_owned(),
    };
    let runbook = printable(summary.runbook.as_deref().unwrap_or_default());
    let tier = summary.tier.unwrap_or("unknown");
    let kind = summary.needs_person.as_ref().map(|needed| needed.kind);
    let back = summary.takes_back.as_deref();
    let back = back.map_or(String::new(), |words| format!("{}; ", printable(words)));
    let mut stands = match (request, kind) {
        (Some(request), _) => format!(
            "{back}{runbook}, {}, {tier} tier: {} approved{}; lapses {}",
            request.mode,
            count(request),
            missing(request),
            when(&request.expires_at)
        ),
        (None, Some(Need::Halted)) => {
            let halts = summary.reasons.first().map_or("", String::as_str);
            format!("{runbook}, {tier} tier: {}", shortened(halts, 240))
        }
        (None, _) => why(one),
    };
    if let Some(until) = snoozed_until {
        stands.push_str(&format!("; snoozed, ends {}", when(until)));
    }
    stands
}

/// Why a person is needed.
fn why(one: &Pending) -> String {
    // An older service does not say it.
    let first = one.summary.reasons.first().map_or("", String::as_str);
    let why = one.summary.needs_person.as_ref().map_or(first, |needed| &needed.why);
    shortened(why, 240)
}

/// A line for what waits for no answer, with why a person is needed.
fn print_needed(one: &Pending) {
    let (state, why, snoozed) = (one.summary.state, shortened(&why(one), 80), snoozed(one));
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
