//! Sessions: what a browser shows is a secret of 256 bits, and its digest stands beside the log.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tagout_core::actor::Actor;
use tagout_core::approval::Person;
use tagout_core::digest::{sha256, to_hex};
use tagout_core::people::People;
use tagout_core::time::{Span, Time};

use super::recent::Recent;
use crate::config::SessionConfig;
use crate::fault::Fault;
use crate::store::StoreError;
use crate::store::secrets::{Secret, SecretKind, Secrets};

/// How often it is written down that a session is in use.
const NOTED: Span = Span::from_secs(60);

/// A session as it stands beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) person: Person,
    /// The last change of the person when it began ([`tagout_core::people::Known::changed`]):
    /// another role, another password or a removal ends it, on every replica alike.
    changed: u64,
    began: Time,
    pub(super) seen: Time,
}

impl Kept {
    fn ends(&self, lifetimes: &SessionConfig) -> Time {
        self.seen.after(lifetimes.idle).min(self.began.after(lifetimes.lifetime))
    }

    /// Whether it goes on at `now`. A configuration that became stricter holds for sessions that
    /// began before.
    pub(super) fn goes_on(&self, people: &People, lifetimes: &SessionConfig, now: Time) -> bool {
        let current = people.get(&self.person).is_some_and(|known| known.changed == self.changed);
        current && now < self.ends(lifetimes)
    }

    fn secret(&self, id: String, lifetimes: &SessionConfig) -> Result<Secret, StoreError> {
        let value = serde_json::to_vec(self).map_err(|_| StoreError::Damaged("a session"))?;
        Ok(Secret { id, value, expires_at: Some(self.ends(lifetimes)) })
    }
}

/// What a browser is to show from now on. Always a new secret: one that somebody else has put
/// into the browser is worth nothing.
///
/// # Errors
/// If the machine gives no random bytes.
pub fn made_up() -> Result<String, Fault> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|e| Fault::new(format!("no random bytes: {e}")))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// What proves that a form came from a page of this session: made of the session's secret, so
/// that nobody else can know it.
#[must_use]
pub fn csrf(shown: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(sha256("tagout.csrf.v1", &[shown.as_bytes()]))
}

/// Whether this has the form of what [`made_up`] makes. Nothing else is worth a look into the store.
#[must_use]
pub fn is_one(shown: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(shown).is_ok_and(|secret| secret.len() == 32)
}

pub(super) fn id(shown: &str) -> String {
    to_hex(&sha256("tagout.session.v1", &[shown.as_bytes()]))
}

/// Begins a session of a known person, and forgets those that have ended. Says whether the
/// person is still known.
///
/// # Errors
/// If the store fails.
pub fn begin(
    vault: &dyn Secrets,
    people: &People,
    (person, shown): (&Person, &str),
    recent: &Recent,
    lifetimes: &SessionConfig,
    now: Time,
) -> Result<bool, StoreError> {
    vault.remove_expired_secrets(now)?;
    let Some(known) = people.get(person) else { return Ok(false) };
    let (person, changed) = (person.clone(), known.changed);
    let kept = Kept { person, changed, began: now, seen: now };
    vault.put_secret(SecretKind::Session, &kept.secret(id(shown), lifetimes)?)?;
    recent.remember(id(shown), kept);
    Ok(true)
}

/// Whose session it is, if it goes on. That is remembered, or forgotten, as the store says it.
///
/// # Errors
/// If the store fails.
pub fn find(
    vault: &dyn Secrets,
    people: &People,
    shown: &str,
    recent: &Recent,
    lifetimes: &SessionConfig,
    now: Time,
) -> Result<Option<Actor>, StoreError> {
    let id = id(shown);
    let Some(secret) = vault.secret(SecretKind::Session, &id)? else {
        recent.forget(&id);
        return Ok(None);
    };
    let kept: Kept =
        serde_json::from_slice(&secret.value).map_err(|_| StoreError::Damaged("a session"))?;
    if !kept.goes_on(people, lifetimes, now) {
        recent.forget(&id);
        vault.remove_secret(SecretKind::Session, &id)?;
        return Ok(None);
    }
    if now.since(kept.seen) >= NOTED.min(Span::from_millis(lifetimes.idle.millis() / 4)) {
        let used = Kept { seen: now, ..kept.clone() };
        // A session that was ended meanwhile stays ended, and a store that cannot be written
        // keeps nobody from stopping something.
        let _ = vault.swap_secret(
            SecretKind::Session,
            &used.secret(id.clone(), lifetimes)?,
            &secret.value,
        );
    }
    let actor = people.actor(&kept.person);
    recent.remember(id, Kept { seen: now, ..kept });
    Ok(actor)
}

/// Ends a session. Says whether there was one.
///
/// # Errors
/// If the store fails. By then nothing is stopped by it here any more.
pub fn end(vault: &dyn Secrets, shown: &str, recent: &Recent) -> Result<bool, StoreError> {
    recent.forget(&id(shown));
    vault.remove_secret(SecretKind::Session, &id(shown))
}

/// How many sessions are read at once.
const PAGE: u64 = 256;

/// Ends every session of a person.
///
/// # Errors
/// If the store fails; then some of them may go on.
pub fn end_all(vault: &dyn Secrets, person: &Person, recent: &Recent) -> Result<(), StoreError> {
    recent.forget_all(person);
    let mut after = String::new();
    loop {
        let page = vault.secrets(SecretKind::Session, &after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for secret in page {
            let theirs = serde_json::from_slice::<Kept>(&secret.value);
            if theirs.is_ok_and(|kept| kept.person == *person) {
                vault.remove_secret(SecretKind::Session, &secret.id)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tagout_core::actor::Role;
    use tagout_core::event::Event;
    use tagout_core::limits;
    use tagout_core::shared::Shared;

    use super::*;
    use crate::store::SqliteStore;

    struct House {
        store: SqliteStore,
        shared: Shared,
        recent: Recent,
        _dir: tempfile::TempDir,
    }

    const LIFETIMES: SessionConfig =
        SessionConfig { idle: Span::from_secs(600), lifetime: Span::from_secs(3600) };

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn ana() -> Person {
        Person::new("ana").unwrap()
    }

    impl House {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&dir.path().join("tagout.db")).unwrap();
            let mut house =
                Self { store, shared: Shared::default(), recent: Recent::default(), _dir: dir };
            for name in ["ana", "ben"] {
                house.record(Event::PersonAdded {
                    person: Person::new(name).unwrap(),
                    role: Role::Approver,
                    groups: BTreeSet::new(),
                    identity: None,
                    by: None,
                });
            }
            house
        }

        fn record(&mut self, event: Event) {
            self.shared = std::mem::take(&mut self.shared).after(&event, "", at(0));
        }

        fn begin(&self, now: Time) -> String {
            let shown = made_up().unwrap();
            let who = (&ana(), shown.as_str());
            assert!(self.begin_of(who, now));
            shown
        }

        fn begin_of(&self, who: (&Person, &str), now: Time) -> bool {
            let people = &self.shared.people;
            begin(&self.store, people, who, &self.recent, &LIFETIMES, now).unwrap()
        }

        fn find(&self, shown: &str, now: Time) -> bool {
            let people = &self.shared.people;
            let found = find(&self.store, people, shown, &self.recent, &LIFETIMES, now).unwrap();
            found.is_some_and(|actor| actor.person == ana())
        }

        /// Whether something can be stopped by it while the store does not answer.
        fn stops(&self, shown: &str, now: Time) -> bool {
            self.recent.actor(&id(shown), &self.shared.people, &LIFETIMES, now).is_some()
        }
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_for_long_enough() {
        let house = House::new();
        let shown = house.begin(at(0));
        assert!(house.find(&shown, at(599)));
        assert!(house.find(&shown, at(1198)), "use keeps it");
        assert!(!house.find(&shown, at(1798)), "600 s after it was last used");
        assert!(!house.find(&shown, at(1199)), "and for good");
    }

    #[test]
    fn a_session_ends_in_the_end_however_much_it_is_used() {
        let house = House::new();
        let shown = house.begin(at(0));
        for minute in 0..60 {
            assert!(house.find(&shown, at(minute * 60)), "{minute}");
        }
        assert!(!house.find(&shown, at(3600)));
    }

    #[test]
    fn nothing_that_was_not_given_out_is_a_session() {
        let house = House::new();
        let shown = house.begin(at(0));
        let stored = house.store.secrets(SecretKind::Session, "", 9).unwrap();
        let stolen = [stored[0].id.clone(), csrf(&shown), shown.to_uppercase(), String::new()];
        for wrong in stolen {
            assert!(!house.find(&wrong, at(1)), "{wrong}");
        }
        assert_ne!(house.begin(at(0)), shown);
    }

    #[test]
    fn whatever_changes_a_person_ends_their_sessions_and_no_others() {
        let removed = Event::PersonRemoved { person: ana(), by: ana() };
        let password = Event::PasswordChanged { person: ana(), one_time: false, by: None };
        let role = Event::PersonChanged {
            person: ana(),
            role: Role::Viewer,
            groups: BTreeSet::new(),
            identity: None,
            by: None,
        };
        for event in [removed, password, role] {
            let mut house = House::new();
            let shown = house.begin(at(0));
            let ben = Person::new("ben").unwrap();
            house.record(Event::PasswordChanged { person: ben, one_time: true, by: None });
            assert!(house.find(&shown, at(1)));
            house.record(event.clone());
            assert!(!house.find(&shown, at(2)), "{event:?}");
            assert_eq!(house.store.secrets(SecretKind::Session, "", 9).unwrap(), []);
        }
    }

    #[test]
    fn all_sessions_of_a_person_end_at_once_and_nobody_elses() {
        let house = House::new();
        let shown: Vec<_> = (0..=PAGE).map(|_| house.begin(at(0))).collect();
        let ben = Person::new("ben").unwrap();
        assert!(house.begin_of((&ben, "what ben shows"), at(0)));
        end_all(&house.store, &ana(), &house.recent).unwrap();
        assert!(shown.iter().all(|shown| !house.stops(shown, at(1))));
        assert!(shown.iter().all(|shown| !house.find(shown, at(1))));
        assert!(house.stops("what ben shows", at(1)));
        assert_eq!(house.store.secrets(SecretKind::Session, "", 9).unwrap().len(), 1);
    }

    #[test]
    fn whoever_leaves_is_out_and_nobody_else() {
        let house = House::new();
        let (one, two) = (house.begin(at(0)), house.begin(at(0)));
        assert!(end(&house.store, &one, &house.recent).unwrap());
        assert!(!end(&house.store, &one, &house.recent).unwrap());
        assert_eq!((house.find(&one, at(1)), house.find(&two, at(1))), (false, true));
    }
    #[test]
    fn what_is_remembered_of_a_session_holds_no_longer_than_the_session() {
        let mut house = House::new();
        let (used, ended) = (house.begin(at(0)), house.begin(at(0)));
        assert!(house.find(&used, at(500)));
        assert!(house.stops(&used, at(1099)) && !house.stops(&used, at(1100)), "600 s unused");
        assert!(house.stops(&ended, at(1)));
        end(&house.store, &ended, &house.recent).unwrap();
        assert!(!house.stops(&ended, at(1)));
        // One that another replica has ended is forgotten when the store says so.
        let elsewhere = house.begin(at(0));
        end(&house.store, &elsewhere, &Recent::default()).unwrap();
        assert!(!house.find(&elsewhere, at(1)) && !house.stops(&elsewhere, at(1)));
        // Nobody has to look into the store for a change of the person.
        assert!(house.stops(&used, at(501)));
        house.record(Event::PasswordChanged { person: ana(), one_time: false, by: None });
        assert!(!house.stops(&used, at(501)));
    }

    #[test]
    fn so_many_sessions_are_remembered_and_those_that_were_used_last_stay() {
        let house = House::new();
        let first = house.begin(at(0));
        for _ in 1..limits::SESSIONS_REMEMBERED {
            house.begin(at(1));
        }
        assert!(house.stops(&first, at(1)));
        let last = house.begin(at(2));
        assert_eq!(house.recent.len(), limits::SESSIONS_REMEMBERED);
        assert!(house.stops(&last, at(2)) && !house.stops(&first, at(2)));
    }

    #[test]
    fn what_has_another_form_is_no_session() {
        assert!(is_one(&made_up().unwrap()));
        for other in ["", "x", "made-up", &"A".repeat(42), &"A".repeat(44), &"+".repeat(43)] {
            assert!(!is_one(other), "{other:?}");
        }
    }
}
