//! Commands about what spans incidents.

use super::{Rejection, people};
use crate::actor::Actor;
use crate::approval::Person;
use crate::bypass;
use crate::command::SharedCommand;
use crate::condition::Conditions;
use crate::event::{Event, NotLet};
use crate::limits;
use crate::shared::Shared;
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::Time;

/// Why the kill switch is engaged when live mode begins.
const FIRST_LIVE: &str = "the first start in live mode: look at what it allows with \
                          `tagout config check`, then let it go on with `tagout resume`";

pub(super) fn decide(
    shared: &Shared,
    command: SharedCommand,
    now: Time,
) -> Result<Vec<Event>, Rejection> {
    let event = match command {
        SharedCommand::LoadPolicy(policy) => {
            let digest = policy.digest();
            if shared.policy == Some(digest) {
                return Ok(Vec::new());
            }
            Event::PolicyLoaded { digest, policy, previous: shared.policy }
        }
        SharedCommand::LoadCatalogue { digest, runbooks } => {
            if shared.catalogue == Some(digest) {
                return Ok(Vec::new());
            }
            Event::CatalogueLoaded { digest, runbooks, previous: shared.catalogue }
        }
        SharedCommand::LoadMapping { source, digest } => {
            let previous = shared.mapping(&source);
            if previous == Some(digest) {
                return Ok(Vec::new());
            }
            Event::MappingLoaded { source, digest, previous }
        }
        SharedCommand::WithdrawMapping { source } => {
            let Some(previous) = shared.mapping(&source) else { return Ok(Vec::new()) };
            Event::MappingWithdrawn { source, previous }
        }
        SharedCommand::FoldAlerts { folded, .. } if folded.is_empty() => return Ok(Vec::new()),
        SharedCommand::FoldAlerts { delivery, folded, joined } => {
            Event::AlertsFolded { delivery, folded, joined }
        }
        SharedCommand::Quarantine { delivery, source, why, bytes, body, base64 } => {
            if shared.quarantined_of(&source) >= limits::QUARANTINED {
                return Err(Rejection::QuarantineFull(source));
            }
            Event::DeliveryQuarantined { delivery, source, why, bytes, body, base64 }
        }
        SharedCommand::LiftQuarantine { delivery, by } => {
            if !shared.is_quarantined(delivery) {
                return Err(Rejection::NotDue("no such delivery is quarantined"));
            }
            Event::QuarantineLifted { delivery, by }
        }
        SharedCommand::RecordDelivery {
            delivery,
            format,
            alerts,
            flawed,
            truncated,
            folded,
            joined,
        } => {
            Event::DeliveryReceived { delivery, format, alerts, flawed, truncated, folded, joined }
        }
        SharedCommand::RecordDeliveryPart {
            delivery,
            format,
            alerts,
            part,
            flawed,
            folded,
            joined,
        } => Event::DeliveryPartReceived {
            delivery,
            format,
            alerts,
            from: part.start,
            until: part.end,
            flawed,
            folded,
            joined,
        },
        SharedCommand::EngageKillSwitch { by, reason } => {
            // Engaging twice is harmless, and each attempt is somebody's wish to stop.
            Event::KillSwitchEngaged { by, reason: reasoned(reason)? }
        }
        SharedCommand::ReleaseKillSwitch { by, reason } => {
            if !shared.kill_switch {
                return Err(Rejection::NotDue("the kill switch is not engaged"));
            }
            Event::KillSwitchReleased { by, reason: reasoned(reason)? }
        }
        SharedCommand::DeclareFreeze { by, reason, until } => {
            if until.is_some_and(|until| until <= now) {
                return Err(Rejection::NotDue("the freeze would end before it begins"));
            }
            Event::FreezeDeclared { by, reason: reasoned(reason)?, until }
        }
        SharedCommand::LiftFreeze { by } => {
            if !shared.frozen(now) {
                return Err(Rejection::NotDue("no change freeze holds"));
            }
            Event::FreezeLifted { by }
        }
        SharedCommand::OpenWindow { id, window, matcher, conditions, from, until, by, reason } => {
            if until <= from || until <= now {
                return Err(Rejection::NotDue("the window would end before it begins"));
            }
            if shared.has_window(&id, now) {
                return Err(Rejection::NotDue("a window of this id is open; choose another id"));
            }
            if id.is_empty() || id.len() > limits::NAME_BYTES {
                return Err(Rejection::NotDue("a window's id has 1 to 256 bytes"));
            }
            if reason.as_str().len() > limits::REASON_BYTES {
                return Err(Rejection::ReasonNeeded);
            }
            room_for_a_window(shared, &by, now)?;
            Conditions::beside(&matcher, &conditions)?;
            Event::WindowOpened { id, window, matcher, conditions, from, until, by, reason }
        }
        SharedCommand::CloseWindow { id, by } => {
            if !shared.has_window(&id, now) {
                return Err(Rejection::NotDue("no window of this id is open"));
            }
            Event::WindowClosed { id, by }
        }
        SharedCommand::AdmitRunbook { runbook, digest, by, page, author } => {
            // Names are compared as people's names are: not by their capitals.
            match author.as_deref().map(Person::new) {
                Some(Ok(author)) if author == by => {
                    return Err(Rejection::own_doing("somebody else must admit what you wrote"));
                }
                Some(Err(_)) => {
                    return Err(Rejection::NotDue(
                        "the page's author is no person's name, so nobody can tell who wrote it",
                    ));
                }
                Some(Ok(_)) | None => {}
            }
            let previous = shared.admitted_version(&runbook);
            if previous == Some(digest) {
                return Err(Rejection::NotDue("this very version is admitted already"));
            }
            Event::RunbookAdmitted { runbook, digest, by, previous, page }
        }
        SharedCommand::BeginLiveMode { .. } if shared.live_begun => return Ok(Vec::new()),
        SharedCommand::BeginLiveMode { by } => {
            let reason = FreeText::from(FIRST_LIVE.to_owned());
            let begun = Event::LiveModeBegun { by: by.clone() };
            return Ok(vec![begun, Event::KillSwitchEngaged { by, reason }]);
        }
        SharedCommand::OpenBypass { id, runbook, tier, until, by, reason } => {
            may_open(shared, (&id, &runbook, tier), until, &by, now)?;
            let (by, reason) = (by.person, reasoned(reason)?);
            let mut events = lapsed(shared, now);
            events.push(Event::BypassOpened { id, runbook, tier, until, by, reason });
            return Ok(events);
        }
        SharedCommand::LapseBypasses => return Ok(lapsed(shared, now)),
        SharedCommand::CloseBypass { id, by } => {
            if !shared.bypasses().open(now).any(|(open, _)| open == id) {
                return Err(Rejection::NotDue("no bypass of this id is open"));
            }
            Event::BypassClosed { id, by }
        }
        SharedCommand::FindOversight { runbook, ceremonial } => {
            if shared.bypasses().is_ceremonial(&runbook) == ceremonial {
                return Ok(Vec::new());
            }
            Event::OversightFound { runbook, ceremonial }
        }
        SharedCommand::ChargeBudget { tier, scope, mode, actions, reason } => {
            Event::BudgetCharged { tier, scope, mode, actions, reason: reasoned(reason)? }
        }
        SharedCommand::ReportNotice(report) => report.into_event(),
        SharedCommand::RecordRota { rota, people, stand_in } => {
            let known = shared.rota(&rota);
            if known.is_some_and(|duty| duty.people == people && duty.stand_in == stand_in) {
                return Ok(Vec::new());
            }
            Event::RotaChanged { rota, people, stand_in }
        }
        SharedCommand::RecordRefusedAsk { by, act, incident, why } => {
            Event::AskRefused { by, act, incident, why }
        }
        SharedCommand::CountRefusedAsks { refused, .. } if refused.is_empty() => {
            return Ok(Vec::new());
        }
        SharedCommand::CountRefusedAsks { refused, since } => Event::AsksRefused { refused, since },
        SharedCommand::People(command) => return people::decide(&shared.people, command, now),
        SharedCommand::RecordClockJump { by, forward } => Event::ClockJumped { by, forward },
    };
    Ok(vec![event])
}

/// Every alert is held against every open window, so there are only so many.
fn room_for_a_window(shared: &Shared, by: &Person, now: Time) -> Result<(), Rejection> {
    let (mut all, mut own) = (0, 0);
    for (_, window) in shared.windows(now) {
        all += 1;
        own += usize::from(window.by == *by);
    }
    if own >= limits::WINDOWS_OF_ONE {
        return Err(Rejection::NotDue(
            "you have as many windows open as one may have; close some, or let one with a wider \
             matcher stand for many",
        ));
    }
    if all >= limits::WINDOWS {
        return Err(Rejection::NotDue("as many windows are open as there may be; close some"));
    }
    Ok(())
}

/// The ends of bypasses whose time is over, so that people are told.
fn lapsed(shared: &Shared, now: Time) -> Vec<Event> {
    shared.bypasses().lapsed(now).map(|id| Event::BypassLapsed { id: id.to_owned() }).collect()
}

/// Whether somebody may open such a bypass now.
fn may_open(
    shared: &Shared,
    (id, runbook, tier): (&str, &str, Tier),
    until: Time,
    by: &Actor,
    now: Time,
) -> Result<(), Rejection> {
    let bypasses = shared.bypasses();
    let Some(rules) = bypasses.rules() else {
        return Err(Rejection::NotDue("the policy has no [bypass]; nobody may open one"));
    };
    if !rules.who.includes(by) {
        let words = "the policy's [bypass] lets others open one, not you";
        return Err(Rejection::NotLet { why: NotLet::Policy, words });
    }
    let flaw = if tier > bypass::HIGHEST {
        "a bypass is for plans of low or medium tier"
    } else if until <= now {
        "the bypass would end before it begins"
    } else if until > now.after(rules.longest) {
        "the bypass would last longer than the policy's [bypass] allows"
    } else if id.is_empty() || id.len() > limits::NAME_BYTES {
        "a bypass's id has 1 to 256 bytes"
    } else if bypasses.open(now).any(|(open, _)| open == id) {
        "a bypass of this id is open; choose another id"
    } else if bypasses.open(now).count() >= limits::BYPASSES {
        "as many bypasses are open as there may be; close one"
    } else if bypasses.is_ceremonial(runbook) {
        "plans of this runbook are approved unread; until that changes there is no bypass for it"
    } else {
        return Ok(());
    };
    Err(Rejection::NotDue(flaw))
}

fn reasoned(reason: FreeText) -> Result<FreeText, Rejection> {
    if reason.is_empty() || reason.as_str().len() > limits::REASON_BYTES {
        return Err(Rejection::ReasonNeeded);
    }
    Ok(reason)
}
