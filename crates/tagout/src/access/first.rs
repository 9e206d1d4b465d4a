//! The first start: a service that knows nobody makes one admin, so that somebody can let
//! others in and nothing is open meanwhile.

use std::collections::BTreeSet;

use tagout_core::actor::Role;
use tagout_core::approval::Person;
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::time::Time;

use super::password::{self, Kept};
use crate::engine::{Engine, EngineError};
use crate::fault::Fault;
use crate::store::Store;

/// What the first admin is called.
pub const NAME: &str = "admin";

/// Makes the first admin if nobody is known, and returns the secret with which they sign in
/// once. Of replicas that start together one makes it. If the process ends in between,
/// `tagout users password admin` gives another secret.
///
/// # Errors
/// If that cannot be recorded.
pub fn admin(engine: &mut Engine<Store>, now: Time) -> Result<Option<String>, Fault> {
    if !engine.journal().shared().people.is_empty() {
        return Ok(None);
    }
    let person = Person::new(NAME).map_err(|e| Fault::new(e.to_string()))?;
    let secret = password::made_up()?;
    let (role, groups) = (Role::Admin, BTreeSet::new());
    let add = PeopleCommand::Add { person: person.clone(), role, groups, identity: None, by: None };
    match engine.ask_shared(SharedCommand::People(add)) {
        Ok(_) => {}
        // Another replica was first.
        Err(EngineError::Rejected(_)) => return Ok(None),
        Err(EngineError::Fault(fault)) => return Err(fault),
    }
    let journal = engine.journal();
    let kept = Kept::of(&journal.shared().people, &person, &secret)?.one_time(now);
    let put = kept.put(journal.log().storage().vault(), &person);
    put.map_err(|e| Fault::new(e.to_string()))?;
    Ok(Some(secret))
}
