//! What was folded into an incident: each alert of it, as the log and the present state tell it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tagout_core::digest::AlertIdentity;
use tagout_core::event::{Event, Fold};
use tagout_core::shared::Shared;
use tagout_log::storage::Storage;
use utoipa::ToSchema;

use crate::fault::Fault;
use crate::journal::Journal;

/// How many alerts an incident stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertCounts {
    /// How many of them fire, as far as was heard.
    pub firing: u64,
    /// How many there have been.
    pub total: u64,
}

/// An alert that belongs, or belonged, to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatheredAlert {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub subject: String,
    /// The digest of its name and labels.
    pub identity: String,
    /// `opened`: the incident was opened for it. `joined`: it came when that was open already.
    #[schema(value_type = String)]
    pub how: Cow<'static, str>,
    /// The entry of the log that says so.
    pub entry: u64,
    /// When that was recorded (RFC 3339).
    pub at: String,
    /// `firing`, `ended`, `elsewhere` (it belongs to a later incident by now) or `forgotten`
    /// (nothing was heard of it for so long that only the log knows it).
    #[schema(value_type = String)]
    pub state: Cow<'static, str>,
    /// When it was heard of first and last (RFC 3339), unless it is elsewhere or forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_heard: Option<String>,
    /// See `first_heard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<String>,
    /// How often it was delivered again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
}

/// Some of an incident's alerts, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gathered {
    /// How many there are.
    pub counts: AlertCounts,
    /// The alerts.
    pub alerts: Vec<GatheredAlert>,
    /// How many of those asked for are too long ago to be listed: the log has them
    /// (`tagout audit show`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// The `from` of the next page, if there is more.
    pub next: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// How many alerts an incident stands for; `None` if it is about one alert only.
#[must_use]
pub fn counts<S: Storage>(journal: &Journal<S>, id: &str) -> Option<AlertCounts> {
    let open = journal.shared().open(id);
    let joined = journal.joins().joined(id);
    let gathers = joined > 0 || open.is_some_and(|open| open.gathers.is_some());
    let firing = open.map_or(0, |open| u64::from(open.firing));
    gathers.then_some(AlertCounts { firing, total: joined + 1 })
}

/// At most `limit` alerts of an incident, from the one with the number `from` on, counted from
/// 0; `None` if there is no such incident.
///
/// # Errors
/// If the log is damaged or the storage fails.
pub fn gathered<S: Storage>(
    journal: &Journal<S>,
    id: &str,
    from: u64,
    limit: usize,
) -> Result<Option<Gathered>, Fault> {
    let opening = journal.history_from(id, 0, 1)?;
    let Some(opening) = opening.first() else { return Ok(None) };
    let Event::IncidentOpened { alert, identity, .. } = opening.event() else { return Ok(None) };
    let shared = journal.shared();
    let firing = shared.open(id).map_or(0, |open| u64::from(open.firing));
    let total = journal.joins().joined(id) + 1;
    let mut page = Gathered {
        counts: AlertCounts { firing, total },
        alerts: Vec::new(),
        unlisted: 0,
        next: None,
    };
    if from == 0 {
        let known = (alert.name(), alert.subject());
        let place = (opening.index(), opening.at().to_string());
        page.alerts.push(one(shared, id, *identity, known, ("opened", place)));
    }
    let places = journal.joins().of(id);
    // Number 0 opened it; the first that joined is number 1.
    let mut next = from.max(1);
    let forgotten = places.map_or(0, |places| places.forgotten);
    if next <= forgotten {
        page.unlisted = forgotten + 1 - next;
        next = forgotten + 1;
    }
    let entries = places.map_or(&[][..], |places| &places.entries);
    let first = entries.partition_point(|(_, upto)| *upto < next);
    for (place, (entry, _)) in entries.iter().enumerate().skip(first) {
        let room = limit.saturating_sub(page.alerts.len());
        if room == 0 {
            break;
        }
        let before = place.checked_sub(1).and_then(|place| entries.get(place));
        let before = before.map_or(forgotten, |(_, upto)| *upto);
        let skip = usize::try_from(next.saturating_sub(before + 1)).unwrap_or(usize::MAX);
        let Some(recorded) = journal.event(*entry)? else { continue };
        let (Event::DeliveryReceived { folded, joined, .. }
        | Event::DeliveryPartReceived { folded, joined, .. }
        | Event::AlertsFolded { folded, joined, .. }) = recorded.event()
        else {
            continue;
        };
        let at = recorded.at().to_string();
        let mut lines = joined.as_str().split('\n');
        let joined = folded.iter().filter(|one| matches!(one.how, Fold::Joined { .. }));
        // Each that joined has a line, also those that joined another incident.
        let named = joined.map(|one| (one, lines.next().unwrap_or_default()));
        for (fold, line) in named.filter(|(fold, _)| fold.incident == id).skip(skip).take(room) {
            let known = line.split_once('\t').unwrap_or((line, ""));
            let how = ("joined", (*entry, at.clone()));
            page.alerts.push(one(shared, id, fold.identity, known, how));
            next += 1;
        }
    }
    // An empty page is the last one, or a reader would ask for it again and again.
    page.next = (next < total && !page.alerts.is_empty()).then_some(next);
    Ok(Some(page))
}

fn one(
    shared: &Shared,
    id: &str,
    identity: AlertIdentity,
    (name, subject): (&str, &str),
    (how, (entry, at)): (&'static str, (u64, String)),
) -> GatheredAlert {
    let seen = shared.sightings().get(identity);
    let here = seen.filter(|seen| *seen.incident == *id);
    GatheredAlert {
        name: name.to_owned(),
        subject: subject.to_owned(),
        identity: identity.to_string(),
        how: how.into(),
        entry,
        at,
        state: Cow::Borrowed(match (seen, here) {
            (None, _) => "forgotten",
            (Some(_), None) => "elsewhere",
            (_, Some(seen)) => {
                if seen.firing {
                    "firing"
                } else {
                    "ended"
                }
            }
        }),
        first_heard: here.map(|seen| seen.first.to_string()),
        last_heard: here.map(|seen| seen.last.to_string()),
        repeats: here.map(|seen| seen.repeats),
    }
}
