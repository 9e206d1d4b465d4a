//! What is known of each alert that fires or lately fired: which incident it belongs to, and
//! since when. This is how the same alert, sent ten thousand times by two senders, stays one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::Severity;
use crate::digest::AlertIdentity;
use crate::limits;
use crate::time::{Span, Time};

/// What is known of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The incident it belongs to, which may be closed.
    pub incident: Arc<str>,
    /// Whether it fires, as far as was heard.
    pub firing: bool,
    /// What its severity counts as.
    pub severity: Severity,
    /// When it began, by the sender's clock.
    pub began: Option<Time>,
    /// When it last ended, by the sender's clock.
    pub ended: Option<Time>,
    /// When it was heard of last.
    pub last: Time,
    /// How often it was delivered again.
    pub repeats: u32,
    /// Why nothing is done about it, if that is so.
    pub rest: Rest,
    /// When it began again and again, oldest first; empty until the second time.
    pub starts: Vec<Time>,
    /// When it was first heard of under this identity.
    pub first: Time,
}

/// Why nothing is done about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Something is: its incident is open.
    No,
    /// Its incident was closed then.
    Closed(Time),
    /// It was triaged away then, for what its sender says of it or what it is. Only its sender
    /// can change that.
    Away(Time),
    /// It was held back then by a window or an inhibition, and is looked at again when that is
    /// over.
    Held(Time),
}

impl Rest {
    /// Since when.
    #[must_use]
    pub const fn since(self) -> Option<Time> {
        match self {
            Self::No => None,
            Self::Closed(at) | Self::Away(at) | Self::Held(at) => Some(at),
        }
    }
}

impl Sighting {
    /// How often it began within `window` before `now`.
    #[must_use]
    pub fn starts_within(&self, window: Span, now: Time) -> u32 {
        if self.starts.is_empty() {
            return u32::from(now.since(self.first) < window);
        }
        let recent = self.starts.iter().filter(|at| now.since(**at) < window);
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    /// Whether it fires and is held back.
    const fn is_held(&self) -> bool {
        self.firing && matches!(self.rest, Rest::Held(_))
    }

    /// Notes that it began again.
    pub(crate) fn begins_again(&mut self, at: Time) {
        if self.starts.is_empty() {
            self.starts.push(self.first);
        }
        if self.starts.len() >= limits::REMEMBERED_STARTS as usize {
            self.starts.remove(0);
        }
        self.starts.push(at);
    }
}

/// All of them, with a way back: what was changed since a mark can be taken back when it turns
/// out that the change is not durable.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    all: BTreeMap<AlertIdentity, Sighting>,
    /// Those that fire and are held back.
    held: BTreeSet<AlertIdentity>,
    /// When those that are too old were last looked for.
    pruned: Option<Time>,
    before: Option<Before>,
}

/// How things stood at the mark.
#[derive(Debug, Clone)]
struct Before {
    /// What stood where something was changed since, oldest first.
    changed: Vec<(AlertIdentity, Option<Sighting>)>,
    pruned: Option<Time>,
}

impl PartialEq for Sightings {
    /// The way back is no part of what is known.
    fn eq(&self, other: &Self) -> bool {
        (&self.all, &self.held, self.pruned) == (&other.all, &other.held, other.pruned)
    }
}

impl Eq for Sightings {}

/// How often what is too old is looked for.
const PRUNING: Span = Span::from_secs(3600);

impl Sightings {
    /// What is known of an alert.
    #[must_use]
    pub fn get(&self, identity: AlertIdentity) -> Option<&Sighting> {
        self.all.get(&identity)
    }

    /// How many alerts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The alerts that fire and are held back by a window, an inhibition or their sender.
    #[must_use]
    pub const fn held(&self) -> &BTreeSet<AlertIdentity> {
        &self.held
    }

    /// Writes down whether an alert is held back, after a change.
    fn note_held(&mut self, identity: AlertIdentity, held: bool) {
        if held {
            self.held.insert(identity);
        } else {
            self.held.remove(&identity);
        }
    }

    /// Changes what is known of an alert, if anything is.
    pub(crate) fn change(&mut self, identity: AlertIdentity, change: impl FnOnce(&mut Sighting)) {
        if let Some(sighting) = self.all.get_mut(&identity) {
            if let Some(before) = &mut self.before {
                before.changed.push((identity, Some(sighting.clone())));
            }
            change(sighting);
            let held = sighting.is_held();
            self.note_held(identity, held);
        }
    }

    /// Gives all alerts of one incident to another. How many of them fire.
    pub(crate) fn move_all(&mut self, from: &str, to: &Arc<str>, at: Time) -> u32 {
        let of = self.all.iter().filter(|(_, seen)| *seen.incident == *from);
        let moved: Vec<AlertIdentity> = of.map(|(identity, _)| *identity).collect();
        let mut firing = 0;
        for identity in moved {
            self.change(identity, |seen| {
                (seen.incident, seen.last) = (Arc::clone(to), at);
                firing += u32::from(seen.firing);
            });
        }
        firing
    }

    /// Takes in an alert that was not known, or anew. One too many is not remembered.
    pub(crate) fn put(&mut self, identity: AlertIdentity, sighting: Sighting) {
        if self.all.len() >= limits::SIGHTINGS && !self.all.contains_key(&identity) {
            return;
        }
        let held = sighting.is_held();
        let old = self.all.insert(identity, sighting);
        if let Some(before) = &mut self.before {
            before.changed.push((identity, old));
        }
        self.note_held(identity, held);
    }

    /// Forgets alerts of which nothing was heard for [`limits::REMEMBERED`], once an hour.
    /// Those that an incident `needs` are kept, and those that are held back: a sender that
    /// reports changes only will not say again what a long window hid. Whether it was time.
    pub(crate) fn prune(&mut self, now: Time, needs: impl Fn(&Sighting) -> bool) -> bool {
        if self.pruned.is_some_and(|last| now.since(last) < PRUNING) {
            return false;
        }
        self.pruned = Some(now);
        let old = |s: &Sighting| now.since(s.last) >= limits::REMEMBERED;
        let gone: Vec<_> = self
            .all
            .iter()
            .filter(|(identity, s)| old(s) && !needs(s) && !self.held.contains(identity))
            .map(|(identity, _)| *identity)
            .collect();
        for identity in gone {
            let old = self.all.remove(&identity);
            if let Some(before) = &mut self.before {
                before.changed.push((identity, old));
            }
        }
        true
    }

    /// From here on, what is changed can be taken back.
    pub fn mark(&mut self) {
        self.before = Some(Before { changed: Vec::new(), pruned: self.pruned });
    }

    /// What was changed since the mark holds for good.
    pub fn keep(&mut self) {
        self.before = None;
    }

    /// What was changed since the mark is as it was then.
    pub fn take_back(&mut self) {
        let Some(Before { changed, pruned }) = self.before.take() else { return };
        self.pruned = pruned;
        for (identity, old) in changed.into_iter().rev() {
            let held = old.as_ref().is_some_and(Sighting::is_held);
            match old {
                Some(sighting) => self.all.insert(identity, sighting),
                None => self.all.remove(&identity),
            };
            self.note_held(identity, held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: u8) -> AlertIdentity {
        AlertIdentity::of_bytes(&[n])
    }

    fn sighting(at: Time) -> Sighting {
        Sighting {
            incident: "one".into(),
            firing: true,
            severity: Severity::Warning,
            began: None,
            ended: None,
            last: at,
            repeats: 0,
            rest: Rest::No,
            starts: Vec::new(),
            first: at,
        }
    }

    #[test]
    fn what_was_changed_since_the_mark_can_be_taken_back() {
        let at = Time::from_millis(0);
        let mut sightings = Sightings::default();
        sightings.put(identity(1), sighting(at));
        let before = sightings.clone();
        sightings.mark();
        sightings.change(identity(1), |s| s.repeats = 7);
        sightings.change(identity(1), |s| s.firing = false);
        sightings.put(identity(2), sighting(at));
        sightings.put(identity(2), sighting(Time::from_millis(5)));
        assert_ne!(sightings, before);
        sightings.take_back();
        assert_eq!(sightings, before);
        sightings.mark();
        sightings.change(identity(1), |s| s.repeats = 7);
        sightings.keep();
        sightings.take_back();
        assert_ne!(sightings, before);
    }

    #[test]
    fn an_alert_unheard_of_for_a_day_is_forgotten_unless_an_incident_needs_it_or_it_is_held() {
        let at = Time::from_millis(0);
        let later = at.after(limits::REMEMBERED);
        let mut sightings = Sightings::default();
        sightings.put(identity(1), sighting(at));
        sightings.put(identity(2), Sighting { firing: false, ..sighting(at) });
        sightings.put(identity(3), Sighting { last: later, ..sighting(at) });
        sightings.put(identity(4), Sighting { incident: "closed".into(), ..sighting(at) });
        let held = Sighting { incident: "closed".into(), rest: Rest::Held(at), ..sighting(at) };
        sightings.put(identity(5), held);
        let before = sightings.clone();
        sightings.mark();
        sightings.prune(later, |s| s.firing && *s.incident == *"one");
        let kept: Vec<bool> = (1..=5).map(|n| sightings.get(identity(n)).is_some()).collect();
        assert_eq!(kept, [true, false, true, false, true]);
        sightings.take_back();
        assert_eq!(sightings, before);
    }

    #[test]
    fn no_more_alerts_are_remembered_than_the_limit_and_known_ones_still_change() {
        let at = Time::from_millis(0);
        let mut sightings = Sightings::default();
        let all = u32::try_from(limits::SIGHTINGS).unwrap();
        for n in 0..=all {
            sightings.put(AlertIdentity::of_bytes(&n.to_be_bytes()), sighting(at));
        }
        assert_eq!(sightings.len(), limits::SIGHTINGS);
        let first = AlertIdentity::of_bytes(&0u32.to_be_bytes());
        sightings.put(first, Sighting { repeats: 3, ..sighting(at) });
        assert_eq!(sightings.get(first).unwrap().repeats, 3);
        let one_more = AlertIdentity::of_bytes(&all.to_be_bytes());
        assert_eq!(sightings.get(one_more), None);
    }

    #[test]
    fn the_beginnings_of_an_alert_are_counted_within_a_window() {
        let at = |s: i64| Time::from_millis(s * 1000);
        let mut one = sighting(at(0));
        let minute = Span::from_secs(60);
        assert_eq!(one.starts_within(minute, at(59)), 1);
        assert_eq!(one.starts_within(minute, at(60)), 0);
        one.begins_again(at(30));
        assert_eq!(one.starts_within(minute, at(59)), 2);
        assert_eq!(one.starts_within(minute, at(60)), 1);
        for n in 0..100 {
            one.begins_again(at(100 + n));
        }
        assert_eq!(one.starts.len(), limits::REMEMBERED_STARTS as usize);
    }
}
