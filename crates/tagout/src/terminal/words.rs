//! The words for what events hold: reasons, grants, people and groups.

use std::collections::BTreeSet;

use tagout_core::approval::{Answer, Person, ReviewRequest};
use tagout_core::calm::CalmKind;
use tagout_core::event::{
    CommandEnd, Effectiveness, Fold, FoldedAlert, Gathering, GrantedBy, LookOutcome, PersonNeeded,
    PlanOutcome, StepOutcome, TriagedAway, VoidReason,
};
use tagout_core::handling::Handled;
use tagout_core::people::{Proof, SignInRefusal};
use tagout_core::time::Time;

use super::{printable, shortened};

pub(super) fn by_whom(by: &Option<Person>) -> String {
    by.as_ref().map_or_else(String::new, |by| format!(", by {}", person(by)))
}

pub(super) fn speaking(groups: &BTreeSet<String>) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let groups: Vec<_> = groups.iter().map(|group| printable(group)).collect();
    format!(" for {}", groups.join(", "))
}

pub(super) const fn proved(proof: Proof) -> &'static str {
    match proof {
        Proof::Password => "password",
        Proof::OneTimeSecret => "one-time secret",
        Proof::Provider => "the identity provider",
    }
}

pub(super) const fn refused(why: SignInRefusal) -> &'static str {
    match why {
        SignInRefusal::WrongPassword => "wrong password",
        SignInRefusal::SecretExpired => "the one-time secret is too old",
        SignInRefusal::NoPassword => "there is no password to sign in with",
        SignInRefusal::TooOften => "too many attempts",
        SignInRefusal::NoRole => "the identity provider names no role",
        SignInRefusal::NameTaken => "the name is somebody else's",
    }
}

/// What somebody did with an incident besides deciding.
pub(super) fn handled(by: &Person, what: &Handled) -> String {
    let by = person(by);
    match what {
        Handled::Acknowledged => format!("acknowledged by {by}"),
        Handled::Assigned { to: Some(to) } => format!("assigned to {} by {by}", person(to)),
        Handled::Assigned { to: None } => format!("assigned to nobody by {by}"),
        Handled::HandedOver { to, note } => {
            format!("handed over to {} by {by}: {}", person(to), printable(note.as_str()))
        }
        Handled::Commented { text } => format!("{by} says: {}", printable(text.as_str())),
        Handled::Snoozed { until, reason } => {
            format!("snoozed until {until} by {by}: {}", printable(reason.as_str()))
        }
        Handled::Woken => format!("no longer snoozed, says {by}"),
    }
}

/// What an alert was to the incident it went into.
pub(super) const fn fold(how: &Fold) -> &'static str {
    match how {
        Fold::Repeated => "delivered before",
        Fold::Joined { .. } => "gathered with others",
        Fold::Ended(_) => "ended; others of the incident go on",
        Fold::Returned(_) => "fires again",
        Fold::Late => "over already when it came",
    }
}

/// How many people a request needs, those of groups named.
pub(super) fn people(request: &ReviewRequest) -> String {
    let among: Vec<_> =
        request.groups.iter().map(|(group, n)| format!("{n} of {}", printable(group))).collect();
    let need = request.least_people();
    let people = if need == 1 { "person" } else { "people" };
    match among.is_empty() {
        true => format!("{need} {people}"),
        false => format!("{need} {people}, {} among them,", among.join(" and ")),
    }
}

pub(super) fn names(all: &BTreeSet<String>) -> String {
    all.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
}

pub(super) fn person(person: &Person) -> String {
    printable(person.name())
}

/// How far away a time is, in at most two units.
#[must_use]
pub fn distance(at: Time, now: Time) -> String {
    let (ahead, millis) = match at.since(now).millis() {
        0 => (false, now.since(at).millis()),
        ahead => (true, ahead),
    };
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let words = match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, 1..10) => format!("{minutes} min {} s", seconds % 60),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    };
    if ahead { format!("in {words}") } else { format!("{words} ago") }
}

/// Why an alert was closed before any search, in words.
#[must_use]
pub fn away(why: &TriagedAway) -> String {
    match why {
        TriagedAway::Resolved => "the sender says it is over".into(),
        TriagedAway::Suppressed => "the sender holds it back".into(),
        TriagedAway::Silenced(id) => format!("silence {} holds", printable(id)),
        TriagedAway::Maintenance(id) => format!("maintenance window {} holds", printable(id)),
        TriagedAway::Inhibited { by } => format!("{} holds it back", printable(by)),
        TriagedAway::Informational => "informational".into(),
        TriagedAway::ReportsCalm { calm, phrase } => {
            format!("its text {}: “{}”", reports(*calm), shortened(phrase.as_str(), 60))
        }
    }
}

/// Why a person is needed, in words.
#[must_use]
pub fn needed(why: &PersonNeeded) -> String {
    match why {
        PersonNeeded::NoRunbook => "no known runbook fits; a person must look".into(),
        PersonNeeded::ReportsCalm { calm, phrase } => format!(
            "its text {} (“{}”), so there is no plan; its severity says that a person must look",
            reports(*calm),
            shortened(phrase.as_str(), 60)
        ),
        PersonNeeded::CannotBind { runbook, why } => {
            format!("{runbook} fits and cannot be bound: {}", printable(why.as_str()))
        }
        PersonNeeded::Storm(Gathering::Flapping { starts }) => {
            format!("it flaps: it has begun {starts} times; a person must look")
        }
        PersonNeeded::Storm(Gathering::SameName { name, severity }) => format!(
            "a storm of {} at {severity} severity: further ones are gathered here, without a plan",
            printable(name)
        ),
        PersonNeeded::Storm(Gathering::Everything { severity }) => format!(
            "a storm at {severity} severity: further alerts are gathered here, without a plan"
        ),
        PersonNeeded::PlanStale { what } => {
            let what: Vec<_> = what.iter().map(ToString::to_string).collect();
            format!("the plan is void and not made anew ({}); a person must look", what.join("; "))
        }
        PersonNeeded::Unreadable { source } => format!(
            "{} sends what cannot be read, so alerts may be lost; a person must look",
            printable(source)
        ),
    }
}

/// Whether a plan has helped, in words.
#[must_use]
pub const fn helped(effectiveness: Effectiveness) -> &'static str {
    match effectiveness {
        Effectiveness::Resolved => "the plan has helped: its alert ended in time",
        Effectiveness::StillFiring => "the plan has not helped: its alert still fires",
        Effectiveness::NotKnown => "nobody can say whether the plan has helped",
    }
}

/// What was folded, in words: how many alerts, into which incidents.
pub(super) fn folded(folded: &[FoldedAlert]) -> String {
    if folded.is_empty() {
        return String::new();
    }
    let incidents: BTreeSet<&str> = folded.iter().map(|f| f.incident.as_str()).collect();
    let shown: Vec<_> = incidents.iter().take(3).map(|id| printable(id)).collect();
    let more = if incidents.len() > 3 { ", …" } else { "" };
    format!(", {} folded into {}{more}", folded.len(), shown.join(", "))
}

const fn reports(calm: CalmKind) -> &'static str {
    match calm {
        CalmKind::NormalState => "reports a normal state",
        CalmKind::FinishedChange => "reports a finished change",
        CalmKind::Announcement => "announces something",
    }
}

pub(super) fn granted(by: &GrantedBy) -> String {
    match by {
        GrantedBy::Policy => "by the policy".into(),
        GrantedBy::Quorum(people) => {
            let names: Vec<_> = people.iter().map(person).collect();
            format!("by {}", names.join(" and "))
        }
        GrantedBy::Clock { waited_from, .. } => {
            format!("by the clock: nobody objected since {waited_from}")
        }
    }
}

/// Why a plan may no longer run, in words.
#[must_use]
pub fn voided(why: &VoidReason) -> String {
    match why {
        VoidReason::Rejected { by } => format!("rejected by {}", person(by)),
        VoidReason::TimedOut => "nobody answered in time; the incident stays with people".into(),
        VoidReason::Modified { by_plan } => format!("replaced by plan {}", by_plan.short()),
        VoidReason::AlertEnded => "the alert ended".into(),
        VoidReason::AlertWorsened => "the alert came back with a higher severity".into(),
        VoidReason::Revoked { by } => format!("taken back by {}", person(by)),
        VoidReason::Stale { what } => {
            what.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
    }
}

/// What a look comes to, in words.
pub(super) const fn saw(outcome: LookOutcome) -> &'static str {
    match outcome {
        LookOutcome::Held => "holds",
        LookOutcome::DidNotHold => "does not hold",
        LookOutcome::TimedOut => "took too long",
        LookOutcome::NotStarted => "could not be looked at",
        LookOutcome::Cut => "was cut off",
    }
}

/// What a person answered.
pub(super) const fn answered(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approved",
        Answer::Reject => "rejected",
    }
}

/// How a step ended.
pub(super) const fn step_ended(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Succeeded => "succeeded",
        StepOutcome::Failed => "failed",
        StepOutcome::TimedOut => "ran out of time",
        StepOutcome::Stopped => "was stopped",
    }
}

/// How a plan ended.
pub(super) const fn plan_ended(outcome: PlanOutcome) -> &'static str {
    match outcome {
        PlanOutcome::Rehearsed => "rehearsed",
        PlanOutcome::Completed => "completed",
        PlanOutcome::Failed => "failed",
    }
}

/// How a command ended, as far as it is more than whether it did what it should.
#[must_use]
pub fn how(ended: Option<&CommandEnd>) -> String {
    let Some(ended) = ended else { return String::new() };
    let mut words = Vec::new();
    words.extend(ended.exit_code.map(|code| format!("code {code}")));
    words.extend(ended.signal.map(|signal| format!("signal {signal}")));
    words.extend(ended.containment.as_ref().map(|inside| format!("in {inside}")));
    words.extend(ended.sandbox.as_ref().map(|level| format!("sandbox {level}")));
    if ended.left_behind {
        words.push("it left processes, which were ended".into());
    }
    if ended.not_gone {
        words.push("some of its processes may still be there".into());
    }
    words.push(format!("after {}", ended.took));
    format!(" ({})", words.join(", "))
}
