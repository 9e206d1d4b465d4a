//! A grant: by the policy, by people or by the clock, and what it takes from the budget.

use tagout_core::event::GrantedBy;

use super::{Promise, Violation, Witness, keep};
use crate::action::Ask;
use crate::book::Book;
use crate::setting::{NEVER, person};
use crate::world::{Granted, Pending, Truth, World};

/// A grant has three forms and no fourth.
pub(super) fn grant(
    book: &Book<'_>,
    before: &World,
    p: &Pending,
    truth: &Truth,
    version: usize,
    by: &GrantedBy,
    proceeds: bool,
) -> Result<Granted, Violation> {
    let given = book.setting.truth;
    let in_time = p.real < truth.opened[version].saturating_add(given.timeout);
    match by {
        GrantedBy::Policy => {
            keep!(!given.critical, Critical, "a critical plan was granted by the policy");
            let back = given.undo && version == 1;
            keep!(!back, Policy, "what a person asked to take back was granted by the policy");
            keep!(proceeds, Granted, "a grant by a policy that did not say PROCEED");
            let ended = before.cases.iter().map(|c| c.truth.ended).filter(|at| *at != NEVER);
            let cools = |ended: u8| p.at < ended.saturating_add(given.cool_down);
            let soon = given.targets == NEVER && ended.into_iter().any(cools);
            keep!(!soon, Policy, "a runbook is tried on a target again by itself too soon");
            if let Some((until, cases)) = given.bypass {
                let open = p.at < until && cases & 1 << p.case != 0;
                keep!(open, Policy, "a plan in doubt went on without a bypass for it");
            }
            Ok(Granted::Policy)
        }
        GrantedBy::Quorum(people) => {
            keep!(p.ask != Ask::Tick, Timeout, "a time-out approved");
            keep!(in_time, Timeout, "an approval after the request had lapsed");
            keep!(truth.denied & 1 << version == 0, Granted, "a grant over somebody's rejection");
            let own = version == 1 && truth.author != NEVER;
            let author = if own && !given.trims { 1 << truth.author } else { 0 };
            let alone = truth.broken[version];
            let broken = if alone == NEVER { 0 } else { truth.approved[version] & 1 << alone };
            let sound = truth.approved[version] & !author | broken;
            keep!(
                broken != 0 || sound.count_ones() >= given.quorum,
                Granted,
                "fewer people than the quorum approved this plan in this mode"
            );
            keep!(
                broken != 0 || given.groups.is_none_or(|groups| both(groups, sound)),
                Granted,
                "not one of each group approved, each for one group only"
            );
            let owners = given.owners[version];
            keep!(
                broken != 0 || owners == 0 || sound & owners != 0,
                Granted,
                "a first use without its owner, or who stands in for them"
            );
            let named =
                people.iter().all(|name| (0..8).any(|i| sound & 1 << i != 0 && person(i) == *name));
            keep!(named, Granted, "a grant in the name of somebody who did not give it");
            Ok(Granted::People)
        }
        GrantedBy::Clock { .. } => {
            keep!(!given.critical, Critical, "a critical plan was granted by the clock");
            keep!(given.wait != NEVER, Granted, "a grant by a clock that has no say");
            keep!(truth.warned != NEVER, Granted, "a grant by the clock without a warning");
            keep!(p.waited, Granted, "a grant by the clock after a wait with a gap");
            keep!(in_time, Timeout, "a grant by the clock after the request had lapsed");
            keep!(truth.denied & 1 << version == 0, Granted, "a grant over somebody's rejection");
            keep!(!before.stopped, Stopped, "a grant by the clock under the kill switch");
            Ok(Granted::Clock)
        }
    }
}

/// Whether two different people among these stand for the two groups.
fn both(groups: [u8; 3], people: u8) -> bool {
    let is = |who: usize, group: u8| people & 1 << who != 0 && groups[who] & group != 0;
    (0..3).any(|one| is(one, 0b01) && (0..3).any(|other| other != one && is(other, 0b10)))
}

pub(super) fn granted_witness(
    version: usize,
    (granted, broken): (Granted, bool),
    by: &GrantedBy,
    witness: &mut impl FnMut(Witness),
) {
    match granted {
        Granted::Policy => witness(Witness::PolicyGrant),
        Granted::Clock => witness(Witness::ClockGrant),
        Granted::People if broken => witness(Witness::GlassGrant),
        Granted::People if matches!(by, GrantedBy::Quorum(p) if p.len() == 2) => {
            witness(Witness::QuorumOfTwo);
        }
        Granted::People | Granted::No => {}
    }
    if version == 1 {
        witness(Witness::SecondVersionGranted);
    }
}

/// What starts without a person must fit into what is really left of the budget.
pub(super) fn spend(book: &Book<'_>, after: &mut World, p: &Pending) -> Result<(), Violation> {
    let given = book.setting.truth;
    let counts = |at: u8| at != NEVER && p.real < at.saturating_add(given.window);
    for _ in 0..given.actions {
        let counted = after.spent.iter().filter(|at| counts(**at)).count();
        keep!(counted < usize::from(given.budget), Policy, "more actions than the budget holds");
        // What no longer counts makes room; later times never count less than earlier ones.
        let slot = after.spent.iter().position(|at| !counts(*at));
        after.spent[slot.unwrap_or_default()] = p.real;
    }
    after.spent.sort_unstable();
    Ok(())
}
