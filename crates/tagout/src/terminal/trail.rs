//! One line for each event, as the audit trail, the pages and messages tell it.

use std::collections::BTreeSet;

use tagout_core::afterwards::Hindsight;
use tagout_core::event::{Event, LookOutcome, NotLet, StepFinding, Triage};

use super::words::{
    answered, away, by_whom, folded, granted, handled, helped, how, names, needed, people, person,
    plan_ended, proved, refused, saw, speaking, step_ended, voided,
};
use super::{printable, shortened};

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
        Event::MappingLoaded { source, digest, previous } => {
            let previous = previous.map(|p| format!(" in place of {}", p.short()));
            let (source, previous) = (printable(source), previous.unwrap_or_default());
            format!("what {source} sends is read by mapping {}{previous}", digest.short())
        }
        Event::MappingWithdrawn { source, previous } => {
            let source = printable(source);
            format!("what {source} sent is not read by mapping {} any more", previous.short())
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
        Event::LiveModeBegun { by } => format!("live mode begun by {}", person(by)),
        Event::RunbookAdmitted { runbook, digest, by, .. } => {
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
        Event::BypassLapsed { id } => format!("bypass {} has run out", printable(id)),
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
                NotLet::OwnDoing => "before somebody else has reviewed what they did alone".into(),
                NotLet::Click => "by a click; such a plan is approved on its page".into(),
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
        Event::AlertEnded { way_back: None, .. } => "the alert ended".into(),
        Event::AlertEnded { way_back: Some(_), .. } => {
            "the alert ended; open until what ran is taken back".into()
        }
        Event::Triaged { severity, triage } => match triage {
            Triage::Search => format!("severity {}: look for a runbook", severity.severity),
            Triage::Away(why) => format!("closed: {}", away(why)),
            Triage::Person(why) => format!("ESCALATE: {}", needed(why)),
        },
        Event::SearchCompleted { findings, .. } => match findings.candidates.first() {
            Some(best) => format!("best candidate {} at {}", best.runbook, best.confidence),
            None => "no candidate".into(),
        },
        Event::InspectionOpened { inspection, digest } => {
            let due = inspection.looks.iter().filter(|look| look.refused.is_none()).count();
            let mut words = format!(
                "inspection {} of {} ({}): {due} of {} checks to be looked at",
                inspection.number,
                printable(&inspection.target),
                digest.short(),
                inspection.looks.len()
            );
            for look in &inspection.looks {
                if let Some(why) = look.refused {
                    words.push_str(&format!("; not {}, since {why}", printable(&look.step)));
                }
            }
            words
        }
        Event::LookStarted { step, target, .. } => {
            format!("look {} at {} started", printable(step), printable(target))
        }
        Event::LookEnded { step, outcome, output, ended, .. } => {
            let why = match outcome {
                LookOutcome::NotStarted | LookOutcome::Cut => {
                    format!(": {}", shortened(output.as_str(), 100))
                }
                _ => String::new(),
            };
            format!("look {} {}{why}{}", printable(step), saw(*outcome), how(ended.as_ref()))
        }
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
            format!("{} by {}", answered(review.answer), person(&review.reviewer))
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
        Event::StepRehearsed { step, unforeseen, .. } => match unforeseen {
            None => format!("step {step} shown, not started"),
            Some(why) => format!("step {step} {}", why.words()),
        },
        Event::RehearsalStarted { step, .. } => {
            format!("dry-run: step {step} is tried without changing anything")
        }
        Event::RehearsalEnded { step, outcome, ended, .. } => {
            format!("dry-run: step {step} {}{}", step_ended(*outcome), how(ended.as_ref()))
        }
        Event::RehearsalCut { step, ended, .. } => {
            let how = how(ended.as_ref());
            format!("dry-run: step {step} was cut, nobody saw its end; it changes nothing{how}")
        }
        Event::StepStarted { step, attempt, .. } => {
            format!("step {step} started (attempt {attempt})")
        }
        Event::StepFinished { step, outcome, ended, .. } => {
            format!("step {step} {}{}", step_ended(*outcome), how(ended.as_ref()))
        }
        Event::StepLost { step, ended, .. } => {
            format!("step {step}: nobody knows what it did{}", how(ended.as_ref()))
        }
        Event::StepResolved { step, by, finding, reason, .. } => {
            let found = match finding {
                StepFinding::Ran => "it ran",
                StepFinding::DidNotRun => "it did not run",
                StepFinding::Investigating => "being looked into",
            };
            format!("step {step}: {found}, says {}: {}", person(by), printable(reason.as_str()))
        }
        Event::PlanFinished { outcome, stops_at: Some(step), .. } => {
            let ended = plan_ended(*outcome);
            format!("the plan ended: {ended}; a live plan would have stopped at {step}")
        }
        Event::PlanFinished { outcome, .. } => format!("the plan ended: {}", plan_ended(*outcome)),
        Event::PreconditionsBegunAgain { round, .. } => {
            format!("the plan had paused: what was to hold is looked at again (time {round})")
        }
        Event::EffectivenessRecorded { effectiveness, .. } => helped(*effectiveness).into(),
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
        Event::IncidentReopened { plan } => {
            format!("opened again to take back plan {}", plan.short())
        }
        Event::IncidentClosed { by, reason } => {
            format!("closed by {}: {}", person(by), printable(reason.as_str()))
        }
    }
}
