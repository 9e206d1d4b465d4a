//! What a notice is to a paging service. Each matter has an alert of its own there: what is
//! acknowledged rings no more whatever comes under the same key, so a second request must not
//! come under the key of the first.

use std::collections::BTreeSet;

use tagout_core::notice::{Notice, Settled, Topic};

use super::message::Message;

/// What is done with an alert there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Somebody is woken.
    Open,
    /// Somebody is at it: nobody else needs to be woken.
    Take,
    /// It is over.
    End,
}

/// What a notice does with the alerts of its own incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Opens an alert.
    Open,
    /// Opens an alert in the place of the plan's request.
    Replace,
    /// One of these, with the alert of the plan's request.
    Request(Act),
    /// One of these, with all of the incident but those of broken glass.
    All(Act),
}

/// What a notice asks for; nothing if it is not for those who are woken.
const fn page(notice: &Notice) -> Option<Page> {
    Some(match notice.topic {
        Topic::ReviewRequested
        | Topic::ClockWarning
        | Topic::Warned
        | Topic::Escalated
        | Topic::Halted
        | Topic::PersonNeeded
        | Topic::DidNotHelp
        | Topic::KillSwitchEngaged
        | Topic::GlassBroken => Page::Open,
        Topic::Lapsed => Page::Replace,
        Topic::Decided => match notice.settled {
            Some(Settled::Approved | Settled::ByTheClock) => Page::Request(Act::Take),
            // Whatever comes next is told by a notice of its own.
            Some(Settled::Modified | Settled::Overtaken) => Page::Request(Act::End),
            // It is with people now, and nobody has said yet that they are at it.
            Some(Settled::Rejected | Settled::Revoked) | None => return None,
        },
        Topic::Taken => Page::All(Act::Take),
        Topic::Closed | Topic::KillSwitchReleased => Page::All(Act::End),
        // Nobody is woken to learn that.
        Topic::BypassGranted | Topic::BypassEnded => return None,
    })
}

/// Whether a paging service has anything to do with a notice.
pub(crate) const fn concerns(notice: &Notice) -> bool {
    page(notice).is_some()
}

/// What the alert of a notice is called there: after the incident and, where there is one, the
/// plan. Plain characters only.
pub(crate) fn key(notice: &Notice) -> String {
    if notice.incident.is_empty() {
        return "tagout-kill-switch".to_owned();
    }
    let Some(plan) = notice.plan else { return notice.incident.clone() };
    let kind = match notice.topic {
        Topic::GlassBroken => "-glass",
        Topic::Lapsed => "-lapsed",
        Topic::DidNotHelp => "-did-not-help",
        _ => "",
    };
    format!("{}-{}{kind}", notice.incident, plan.short())
}

/// What is to be done there, in this order. Doing it again changes nothing.
pub(crate) fn acts(message: &Message, channel: &str) -> Vec<(Act, String)> {
    let notice = &message.notice;
    let request = || key(&Notice { topic: Topic::ReviewRequested, ..notice.clone() });
    match page(notice) {
        None => Vec::new(),
        Some(Page::Open) => vec![(Act::Open, key(notice))],
        // In this order somebody is called at every moment.
        Some(Page::Replace) => vec![(Act::Open, key(notice)), (Act::End, request())],
        Some(Page::Request(act)) => vec![(act, request())],
        Some(Page::All(act)) => {
            let mut keys = BTreeSet::from([key(&Notice { plan: None, ..notice.clone() })]);
            let ours = message.earlier.iter().filter(|one| one.channel == channel);
            keys.extend(ours.map(|one| one.receipt.clone()));
            keys.into_iter().map(|key| (act, key)).collect()
        }
    }
}
