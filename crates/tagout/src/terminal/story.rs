//! An incident told as it happens: one short line per stage, details below it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tagout_core::afterwards::Hindsight;
use tagout_core::approval::{Person, ReviewRequest};
use tagout_core::calm::CalmKind;
use tagout_core::event::{
    Event, Fold, FoldedAlert, Gathering, GrantedBy, NotLet, PersonNeeded, PlanOutcome, Triage,
    TriagedAway, VoidReason,
};
use tagout_core::findings::Findings;
use tagout_core::handling::Handled;
use tagout_core::people::{Proof, SignInRefusal};
use tagout_core::plan::Plan;
use tagout_core::policy::SeverityOrigin;
use tagout_core::runbook::StepKind;
use tagout_core::verdict::Verdict;

use crate::journal::Recorded;

use super::{ASK, GO, QUIET, STOP, STRONG, command_line, decision, paint, printable, shortened};

/// The lines that tell an event at the moment it happens. Some events have none: another tells
/// the same.
#[must_use]
pub fn tell(recorded: &Recorded) -> Vec<String> {
    tell_event(recorded.event(), recorded.incident())
}

/// As [`tell`], of an event of an incident that another process recorded.
#[must_use]
pub fn tell_event(event: &Event, incident: &str) -> Vec<String> {
    match event {
        Event::IncidentOpened { alert, .. } => {
            let name = printable(alert.name());
            let mut lines = vec![stage("alert", &paint(STRONG, &name))];
            let text = alert.message.as_str();
            if !text.is_empty() {
                lines.push(more(&format!("“{}”", shortened(text, 100))));
            }
            if !alert.labels.is_empty() {
                let labels = alert.labels.iter().filter(|(name, _)| *name != "alertname");
                let labels: Vec<_> =
                    labels.map(|(k, v)| format!("{}={}", printable(k), printable(v))).collect();
                lines.push(more(&shortened(&labels.join("  "), 100)));
            }
            lines.push(stage("received", &format!("as incident {}", printable(incident))));
            lines
        }
        Event::DeliveryReceived { folded, .. } | Event::DeliveryPartReceived { folded, .. } => {
            folded
                .iter()
                .map(|f| {
                    stage("received", &format!("{}; {}", fold(&f.how), printable(&f.incident)))
                })
                .collect()
        }
        Event::AlertRepeated { .. } => {
            vec![stage("received", &format!("again; folded into {}", printable(incident)))]
        }
        Event::AlertWorsened { alert, .. } => {
            let what = shortened(alert.message.as_str(), 80);
            vec![stage("worse", &format!("{}: “{what}”; decided anew", printable(incident)))]
        }
        Event::AlertEnded { .. } => {
            vec![stage("resolved", &format!("{} is closed", printable(incident)))]
        }
        Event::Triaged { severity, triage } => {
            let origin = match &severity.origin {
                SeverityOrigin::Sent => String::new(),
                SeverityOrigin::Mapped(word) => format!(" (sent as “{}”)", printable(word)),
                SeverityOrigin::Unmapped(word) => {
                    format!(" (“{}” is in no table and counts as critical)", printable(word))
                }
                SeverityOrigin::Absent => " (none was sent)".into(),
            };
            let severity = format!("severity {}{origin}", severity.severity);
            match triage {
                Triage::Search => vec![stage("triage", &format!("{severity}; look for a runbook"))],
                Triage::Away(why) => {
                    vec![stage("triage", &format!("{severity}; closed: {}", away(why)))]
                }
                Triage::Person(why) => vec![
                    stage("triage", &severity),
                    stage("decision", &paint(ASK, "ESCALATE")),
                    more(&needed(why)),
                ],
            }
        }
        Event::SearchCompleted { findings, excluded } => search(findings, excluded),
        Event::PersonCalled { why } => {
            vec![stage("decision", &paint(ASK, "ESCALATE")), more(&needed(why))]
        }
        Event::PlanProposed { plan, digest, difference, .. } => {
            let mut lines = plan_lines(plan, &digest.short());
            lines.extend(
                difference.iter().map(|line| more(&format!("changed: {}", printable(line)))),
            );
            lines
        }
        Event::PolicyDecided { verdict, .. } => policy(verdict),
        Event::ReviewRequested { request, clock } => {
            let mut lines = vec![stage(
                "review",
                &format!("{} must approve by {}", people(request), request.expires_at),
            )];
            if !request.approvers.is_everybody() {
                let who = printable(&request.approvers.to_string());
                lines.push(more(&format!("who may approve: {who}")));
            }
            if !request.ask.is_empty() {
                lines.push(more(&format!("asked first: {}", names(&request.ask))));
            }
            if let Some(clock) = clock {
                lines.push(more(&format!(
                    "silence for {} after a delivered warning counts as consent",
                    clock.wait
                )));
            }
            lines
        }
        Event::ReviewGiven { review } => {
            let reason = match review.reason.as_str() {
                "" => String::new(),
                reason => format!(": “{}”", shortened(reason, 80)),
            };
            let answer = format!("{:?}", review.answer).to_uppercase();
            vec![stage("review", &format!("{answer} by {}{reason}", person(&review.reviewer)))]
        }
        Event::ReviewRefused { by, refusal, .. } => {
            vec![stage(
                "review",
                &format!("{} by {}: {refusal}", paint(STOP, "not taken"), person(by)),
            )]
        }
        Event::PlanGranted { by, .. } => vec![stage("granted", &granted(by))],
        Event::PlanVoided { why: VoidReason::Modified { .. }, .. } => Vec::new(),
        Event::PlanVoided { why, .. } => vec![stage("void", &voided(why))],
        Event::PlanFinished { outcome: PlanOutcome::Rehearsed, .. } => vec![stage(
            "dry-run",
            &paint(GO, "every step was shown as it would run; nothing was started"),
        )],
        Event::PlanFinished { outcome, .. } => vec![stage("ended", &format!("{outcome:?}"))],
        _ => Vec::new(),
    }
}

/// One line for an event, for the audit trail.
#[must_use]
pub fn line(event: &Event) -> String {
    match event {
        Event::PolicyLoaded { digest, previous, .. } => {
            let previous = previous.map(|p| format!(" in place of {}", p.short()));
            format!("policy {} is in force{}", digest.short(), previous.unwrap_or_default())
        }
        Event::CatalogueLoaded { digest, runbooks, previous } => {
            let previous = previous.map(|p| format!(" in place of {}", p.short()));
            let previous = previous.unwrap_or_default();
            format!("{runbooks} runbooks ({}) are in force{previous}", digest.short())
        }
        Event::DeliveryReceived { delivery, format, alerts, flawed, folded: some, .. } => format!(
            "delivery {} ({format}): {alerts} alerts, {} flawed{}",
            delivery.short(),
            flawed.len(),
            folded(some)
        ),
        Event::DeliveryPartReceived {
            delivery,
            format,
            alerts,
            from,
            until,
            flawed,
            folded: some,
            ..
        } => format!(
            "part of delivery {} ({format}): alerts {} to {until} of {alerts}, {} flawed{}",
            delivery.short(),
            from + 1,
            flawed.len(),
            folded(some)
        ),
        Event::AlertsFolded { delivery, folded: some, .. } => {
            format!("of delivery {}{}", delivery.short(), folded(some))
        }
        Event::DeliveryQuarantined { delivery, source, why, .. } => format!(
            "delivery {} of {} cannot be read and is kept: {}",
            delivery.short(),
            printable(source),
            shortened(why.as_str(), 100)
        ),
        Event::QuarantineLifted { delivery, by } => {
            format!("delivery {} was dealt with by {}", delivery.short(), person(by))
        }
        Event::KillSwitchEngaged { by, reason } => {
            format!("kill switch engaged by {}: {}", person(by), printable(reason.as_str()))
        }
        Event::KillSwitchReleased { by, reason } => {
            format!("kill switch released by {}: {}", person(by), printable(reason.as_str()))
        }
        Event::FreezeDeclared { by, .. } => format!("change freeze declared by {}", person(by)),
        Event::FreezeLifted { by } => format!("change freeze lifted by {}", person(by)),
        Event::WindowOpened { id, window, by, reason, .. } => {
            let why = if reason.is_empty() {
                String::new()
            } else {
                format!(": {}", printable(reason.as_str()))
            };
            format!("{window:?} {} opened by {}{why}", printable(id), person(by))
        }
        Event::WindowClosed { id, by } => {
            format!("window {} closed by {}", printable(id), person(by))
        }
        Event::RunbookAdmitted { runbook, digest, by } => {
            format!("{runbook} ({}) admitted by {}", digest.short(), person(by))
        }
        Event::BypassOpened { id, runbook, tier, until, by, reason } => format!(
            "bypass {} opened by {} for {runbook} up to {tier} tier until {until}: {}",
            printable(id),
            person(by),
            printable(reason.as_str())
        ),
        Event::BypassClosed { id, by } => {
            format!("bypass {} closed by {}", printable(id), person(by))
        }
        Event::OversightFound { runbook, ceremonial: true } => {
            format!("plans of {runbook} are approved unread: no bypass, batch or clock for them")
        }
        Event::OversightFound { runbook, .. } => {
            format!("plans of {runbook} are no longer found to be approved unread")
        }
        Event::BudgetCharged { tier, actions, .. } => {
            format!("{actions} actions charged to the {tier} budget")
        }
        Event::AskRefused { by, act, incident, why } => {
            let of = incident.as_deref().map_or(String::new(), |id| format!(" {}", printable(id)));
            let why = match why {
                NotLet::Role(role) => format!("as {role}"),
                NotLet::Policy => "by the policy".into(),
                NotLet::Click => "by a click; such a plan is approved on its page".into(),
                NotLet::OwnDoing => "before somebody else has reviewed what they did alone".into(),
            };
            format!("{} may not {} {why}; not done{of}", person(by), act.name())
        }
        Event::AsksRefused { refused, since } => {
            let times: u64 = refused.iter().map(|one| one.times).sum();
            let who: BTreeSet<_> = refused.iter().map(|one| person(&one.by)).collect();
            let who: Vec<_> = who.into_iter().collect();
            format!("{times} further asks not let since {since}, of {}", who.join(", "))
        }
        Event::ClockJumped { by, forward } => {
            format!("the clock jumped {by} {}", if *forward { "forward" } else { "back" })
        }
        Event::RotaChanged { rota, people, stand_in } => {
            let people: Vec<_> = people.iter().map(person).collect();
            let why = if *stand_in { ", standing in" } else { "" };
            format!("on duty for {}: {}{why}", printable(rota), people.join(", "))
        }
        Event::NoticeDelivered { topic, channel, .. } => {
            format!("told {} of it: {topic}", printable(channel))
        }
        Event::NoticeGivenUp { topic, channel, attempts, why, .. } => format!(
            "{} could not be told of it ({topic}), after {attempts} attempts: {}",
            printable(channel),
            shortened(why.as_str(), 100)
        ),
        Event::PersonAdded { person: who, role, groups, by, .. } => {
            format!("{} is let in as {role}{}{}", person(who), speaking(groups), by_whom(by))
        }
        Event::PersonChanged { person: who, role, groups, by, .. } => {
            format!("{} is {role} from now on{}{}", person(who), speaking(groups), by_whom(by))
        }
        Event::PersonRemoved { person: who, by } => {
            format!("{} is let in no more, says {}", person(who), person(by))
        }
        Event::PasswordChanged { person: who, one_time, by } => {
            let what = if *one_time { "a one-time secret" } else { "another password" };
            format!("{} has {what}{}", person(who), by_whom(by))
        }
        Event::TokenIssued { id, person: who, role, expires_at, by, .. } => format!(
            "token {} speaks for {} as {role} until {expires_at}, issued by {}",
            printable(id),
            person(who),
            person(by)
        ),
        Event::TokenRevoked { id, by } => {
            format!("token {} revoked by {}", printable(id), person(by))
        }
        Event::SignedIn { person: who, proof, .. } => {
            format!("{} signed in by {}", person(who), proved(*proof))
        }
        Event::SignInRefused { person: who, why, more, .. } => {
            let more = if *more > 0 { format!(", and {more} more") } else { String::new() };
            format!("{} was not let in: {}{more}", person(who), refused(*why))
        }
        Event::StrangersRefused { since, counts } => {
            let counts: Vec<_> =
                counts.iter().map(|(what, n)| format!("{n} {}", printable(what))).collect();
            format!("nameless attempts refused since {since}: {}", counts.join(", "))
        }
        Event::IncidentOpened { alert, .. } => {
            format!("opened by {} on {}", printable(alert.name()), printable(alert.subject()))
        }
        Event::AlertRepeated { .. } => "the alert arrived again".into(),
        Event::AlertWorsened { .. } => "the alert came back with a higher severity".into(),
        Event::AlertEnded { .. } => "the alert ended".into(),
        Event::Triaged { severity, triage } => match triage {
            Triage::Search => format!("severity {}: look for a runbook", severity.severity),
            Triage::Away(why) => format!("closed: {}", away(why)),
            Triage::Person(why) => format!("ESCALATE: {}", needed(why)),
        },
        Event::SearchCompleted { findings, .. } => match findings.candidates.first() {
            Some(best) => format!("best candidate {} at {}", best.runbook, best.confidence),
            None => "no candidate".into(),
        },
        Event::PersonCalled { why } => format!("ESCALATE: {}", needed(why)),
        Event::PlanProposed { plan, digest, .. } => format!(
            "plan {} of {} on {} ({})",
            plan.number,
            plan.runbook,
            printable(&plan.target),
            digest.short()
        ),
        Event::PolicyDecided { verdict, .. } => {
            let rules: Vec<_> = verdict.reasons.iter().map(|r| r.detail.as_str()).collect();
            format!("{}: {}", verdict.decision, rules.join("; "))
        }
        Event::ReviewRequested { request, .. } => {
            format!("{} to approve by {}", people(request), request.expires_at)
        }
        Event::CandidateChosen { proposed, chosen, by, .. } => {
            format!("{} chosen in place of {proposed}, by {}", chosen, person(by))
        }
        Event::RequestEscalated { rung, to, .. } => {
            format!("nobody decided yet: {} asked too (rung {rung})", names(to))
        }
        Event::LapseWarned { .. } => "the request is about to lapse".into(),
        Event::GlassBroken { by, reason, .. } => format!(
            "the glass was broken by {}, who approves alone: {}",
            person(by),
            printable(reason.as_str())
        ),
        Event::RequestShown { to, .. } => format!("shown to {}", person(to)),
        Event::ReviewGiven { review } => {
            format!("{:?} by {}", review.answer, person(&review.reviewer))
        }
        Event::ReviewRefused { by, refusal, .. } => {
            format!("answer of {} not taken: {refusal}", person(by))
        }
        Event::ClockWarningDelivered { .. } => "the warning reached people".into(),
        Event::PlanGranted { mode, by, .. } => format!("granted for {mode}: {}", granted(by)),
        Event::PlanVoided { why, .. } => format!("void: {}", voided(why)),
        Event::HaltResumed { by, reason, .. } => {
            format!("to be decided again, by {}: {}", person(by), printable(reason.as_str()))
        }
        Event::StepRehearsed { step, .. } => format!("step {step} shown, not started"),
        Event::StepStarted { step, attempt, .. } => {
            format!("step {step} started (attempt {attempt})")
        }
        Event::StepFinished { step, outcome, .. } => format!("step {step} ended: {outcome:?}"),
        Event::StepLost { step, .. } => format!("step {step}: nobody knows what it did"),
        Event::StepResolved { step, by, finding, .. } => {
            format!("step {step}: {finding:?}, says {}", person(by))
        }
        Event::PlanFinished { outcome, .. } => format!("the plan ended: {outcome:?}"),
        Event::IncidentHandled { by, what } => handled(by, what),
        Event::SnoozeEnded {} => "the snooze is over".into(),
        Event::IncidentMerged { into, by, reason } => {
            format!("merged into {into} by {}: {}", person(by), printable(reason.as_str()))
        }
        Event::IncidentTookIn { from, by } => {
            format!("{from} was merged into this incident by {}", person(by))
        }
        Event::ReviewedAfterwards { by, hindsight, reason, .. } => {
            let found = match hindsight {
                Hindsight::Upheld => "it was right",
                Hindsight::Rejected => "it was not right",
            };
            format!(
                "reviewed afterwards by {}: {found}. {}",
                person(by),
                printable(reason.as_str())
            )
        }
        Event::IncidentClosed { by, reason } => {
            format!("closed by {}: {}", person(by), printable(reason.as_str()))
        }
    }
}

fn by_whom(by: &Option<tagout_core::approval::Person>) -> String {
    by.as_ref().map_or_else(String::new, |by| format!(", by {}", person(by)))
}

fn speaking(groups: &BTreeSet<String>) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let groups: Vec<_> = groups.iter().map(|group| printable(group)).collect();
    format!(" for {}", groups.join(", "))
}

const fn proved(proof: Proof) -> &'static str {
    match proof {
        Proof::Password => "password",
        Proof::OneTimeSecret => "one-time secret",
        Proof::Provider => "the identity provider",
    }
}

const fn refused(why: SignInRefusal) -> &'static str {
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
fn handled(by: &Person, what: &Handled) -> String {
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

/// The stage's name in a column of its own, then what happened.
fn stage(name: &str, text: &str) -> String {
    format!("  {}  {text}", paint(QUIET, format_args!("{name:<9}")))
}

/// What an alert was to the incident it went into.
const fn fold(how: &Fold) -> &'static str {
    match how {
        Fold::Repeated => "delivered before",
        Fold::Joined { .. } => "gathered with others",
        Fold::Ended(_) => "ended; others of the incident go on",
        Fold::Returned(_) => "fires again",
        Fold::Late => "over already when it came",
    }
}

/// How many people a request needs, those of groups named.
fn people(request: &ReviewRequest) -> String {
    let among: Vec<_> =
        request.groups.iter().map(|(group, n)| format!("{n} of {}", printable(group))).collect();
    let need = request.quorum.max(request.groups.values().sum());
    let people = if need == 1 { "person" } else { "people" };
    match among.is_empty() {
        true => format!("{need} {people}"),
        false => format!("{need} {people}, {} among them,", among.join(" and ")),
    }
}

fn names(all: &BTreeSet<String>) -> String {
    all.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
}

/// A further line of the stage above.
fn more(text: &str) -> String {
    format!("             {text}")
}

fn person(person: &Person) -> String {
    printable(person.name())
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

/// What was folded, in words: how many alerts, into which incidents.
fn folded(folded: &[FoldedAlert]) -> String {
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

fn granted(by: &GrantedBy) -> String {
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

fn search(findings: &Findings, excluded: &[(String, String)]) -> Vec<String> {
    let Some(best) = findings.candidates.first() else {
        return vec![stage("search", "nothing near")];
    };
    let mut why = match best.key {
        Some(key) => key.describe().to_owned(),
        None if best.matched_terms.is_empty() => "by meaning".into(),
        None => {
            let terms = best.matched_terms.iter().take(6).map(|t| printable(t));
            format!("shared words: {}", terms.collect::<Vec<_>>().join(", "))
        }
    };
    if let Some(next) = findings.candidates.get(1) {
        let _ = write!(why, "; then {} at {}", next.runbook, next.confidence);
    }
    let head = format!("{} at confidence {}", paint(STRONG, &best.runbook), best.confidence);
    let mut lines = vec![stage("search", &head), more(&paint(QUIET, why))];
    lines.extend(
        excluded.iter().map(|(id, why)| more(&format!("left out {id}: {}", printable(why)))),
    );
    lines
}

fn policy(verdict: &Verdict) -> Vec<String> {
    let head = format!(
        "{}  {} tier ({})",
        decision(verdict.decision),
        verdict.tier,
        printable(&verdict.tier_from)
    );
    let mut lines = vec![stage("policy", &head)];
    lines.extend(verdict.reasons.iter().map(|r| more(&printable(&r.detail))));
    lines
}

/// A plan with every step exactly as it would run.
#[must_use]
pub fn plan_lines(plan: &Plan, digest: &str) -> Vec<String> {
    let head = format!(
        "{} on {}, {} ({digest})",
        plan.runbook,
        paint(STRONG, printable(&plan.target)),
        plan.mode
    );
    let mut lines = vec![stage("plan", &head)];
    let mut number = 0;
    let mut list = |steps: &[tagout_core::plan::PlannedStep], when: &str| {
        for step in steps {
            number += 1;
            let kind = match step.kind {
                StepKind::Check => "check",
                StepKind::Action => "action",
                StepKind::Manual => "manual",
            };
            let what = match step.kind {
                StepKind::Manual => printable(&step.title),
                _ => command_line(&step.argv),
            };
            let when = if when.is_empty() { String::new() } else { paint(QUIET, when) };
            lines.push(more(&format!("{number:>2}. {kind:<6} {what}{when}")));
        }
    };
    list(&plan.preconditions, "  before anything else");
    list(&plan.steps, "");
    list(&plan.verification, "  to verify");
    lines
}
