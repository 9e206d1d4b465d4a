//! What a notice is to a paging service. Each call has an alert of its own there: what is
//! acknowledged, by us or by somebody over there, rings no more whatever comes under the same
//! key, so what calls later must not come under the key of what called before.

use std::collections::BTreeSet;

use tagout_core::digest::PlanDigest;
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
    /// Opens an alert in the place of those of the plan's request.
    Replace,
    /// One of these, with every alert of the plan's request.
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
/// plan, and after the entry that it tells of, so that no two have one name. Broken glass is
/// nothing of ours to acknowledge, and has one for each plan. Plain characters only.
pub(crate) fn key(notice: &Notice) -> String {
    let Notice { incident, entry, .. } = notice;
    if incident.is_empty() {
        return "tagout-kill-switch".to_owned();
    }
    match (notice.plan, notice.topic) {
        (Some(plan), Topic::GlassBroken) => format!("{incident}-{}-glass", plan.short()),
        (Some(plan), _) => format!("{incident}-{}-{entry}", plan.short()),
        (None, _) => format!("{incident}-{entry}"),
    }
}

/// What is to be done there, in this order. Doing it again changes nothing.
pub(crate) fn acts(message: &Message, channel: &str) -> Vec<(Act, String)> {
    let notice = &message.notice;
    match page(notice) {
        None => Vec::new(),
        Some(Page::Open) => vec![(Act::Open, key(notice))],
        // In this order somebody is called at every moment.
        Some(Page::Replace) => {
            let open = (Act::Open, key(notice));
            std::iter::once(open).chain(with(Act::End, of_request(message, channel))).collect()
        }
        Some(Page::Request(act)) => with(act, of_request(message, channel)).collect(),
        Some(Page::All(act)) if notice.incident.is_empty() => vec![(act, key(notice))],
        Some(Page::All(act)) => with(act, opened(message, channel, |_, _| true)).collect(),
    }
}

fn with(act: Act, keys: BTreeSet<String>) -> impl Iterator<Item = (Act, String)> {
    keys.into_iter().map(move |key| (act, key))
}

/// What may be open there about the plan: whoever was asked about it, and whoever was told that
/// it is halted.
fn of_request(message: &Message, channel: &str) -> BTreeSet<String> {
    let plan = message.notice.plan;
    opened(message, channel, |topic, about| {
        about == plan && (topic.asks() || topic == Topic::Halted)
    })
}

/// The alerts of these calls that may be open there. One that nobody answered for may be open
/// all the same, so it counts as well; and one of an earlier release is called as its receipt says.
fn opened(
    message: &Message,
    channel: &str,
    these: impl Fn(Topic, Option<PlanDigest>) -> bool,
) -> BTreeSet<String> {
    let calls = message.calls.iter().filter(|call| these(call.topic, call.plan)).map(key);
    let ours = message.earlier.iter().filter(|one| one.channel == channel);
    let ours = ours.filter(|one| these(one.topic, one.plan));
    calls.chain(ours.map(|one| one.receipt.clone())).collect()
}
