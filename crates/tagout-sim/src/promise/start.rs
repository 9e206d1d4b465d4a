//! The start of a step: recorded, and then a real process.

use super::{Promise, Violation, Witness, keep};
use crate::book::Book;
use crate::setting::NEVER;
use crate::world::{Granted, Hand, Pending, Truth, World, mark, unmark};

/// A start needs a grant, its turn, and a free target, and nobody who stopped it.
pub(super) fn started(
    book: &Book<'_>,
    before: &World,
    p: &Pending,
    truth: &Truth,
    start: u8,
) -> Result<(), Violation> {
    let (version, step, attempt) = unmark(start);
    let case = usize::from(p.case);
    keep!(truth.granted[version] != Granted::No, Granted, "a start without a grant");
    keep!(truth.over & 1 << version == 0, Granted, "a start of a plan that was taken back");
    keep!(!before.stopped, Stopped, "a start under the kill switch");
    keep!(truth.recorded & start == 0, Once, "the same start twice");
    let failed = |attempt| truth.failed & mark(version, step, attempt) != 0;
    let given = book.setting.truth;
    let again = given.pause.is_some() && step == 0 && attempt == 2;
    let next = again || attempt == 1 || failed(attempt - 1);
    keep!(next, Once, "another attempt without a recorded failure");
    // A check looks for itself; what follows one that was made before a pause does not know.
    let rested = given.pause.is_some_and(|pause| p.at >= truth.touched.saturating_add(pause));
    let looks = given.pause.is_some() && step == 0;
    keep!(looks || !rested, Granted, "a step after a pause, and nobody has looked again");
    let known = !again && truth.recorded & mark(version, 0, 2) != 0 && given.pause.is_some();
    keep!(
        !known || truth.succeeded & mark(version, 0, 2) != 0,
        Granted,
        "a step although what was to hold holds no more"
    );
    if given.targets != NEVER && truth.recorded == 0 {
        let told = truth.granted[version] == Granted::People && truth.far & 1 << version != 0;
        let far = others(before, case).count() >= usize::from(given.targets);
        keep!(told || !far, Policy, "one target more than may be acted on, and nobody was told");
    }
    let done = |step| (1..=2).any(|n| truth.succeeded & mark(version, step, n) != 0);
    // A dry-run goes on whatever came of what it has started.
    let begun_before = |step| truth.recorded & mark(version, step, 1) != 0;
    let done = |step| if book.setting.truth.dry { begun_before(step) } else { done(step) };
    // What takes back stands in a plan of its own, after what it takes back.
    let done = |at| if given.undo { truth.succeeded & mark(0, at, 1) != 0 } else { done(at) };
    keep!((0..step).all(done), Granted, "a step before the one before it has succeeded");
    let own = !given.undo || step == version;
    keep!(own, Granted, "what takes back is started in the plan that it takes back");
    let lapsed = p.real >= truth.opened[version].saturating_add(book.setting.truth.timeout);
    let begun = truth.recorded & (0b1111 << (version * 4)) != 0;
    keep!(begun || !lapsed, Timeout, "a first start after the grant had lapsed");
    let same = given.targets == NEVER;
    let worked = same && worked_since(before, case, truth.made[version]);
    keep!(!worked, Granted, "a start on a target that another plan has worked on since");
    let ended = |t: &Truth| t.recorded & !(t.failed | t.succeeded) == 0;
    let free = before.cases.iter().enumerate().all(|(other, c)| other == case || ended(&c.truth));
    keep!(
        free || !same,
        Once,
        "a start on a target where another plan's start has no recorded end"
    );
    Ok(())
}

/// The incidents but this one of which something was really recorded as started.
pub(super) fn others(before: &World, case: usize) -> impl Iterator<Item = &Truth> {
    let all = before.cases.iter().enumerate().filter(move |(other, _)| *other != case);
    all.map(|(_, c)| &c.truth).filter(|truth| truth.recorded != 0)
}

/// Whether a plan of another incident has worked on the target since `made`.
pub(super) fn worked_since(before: &World, case: usize, made: u8) -> bool {
    before
        .cases
        .iter()
        .enumerate()
        .any(|(other, c)| other != case && c.truth.recorded != 0 && c.truth.touched > made)
}

/// Holds the real start of a process against the promises.
///
/// # Errors
/// The first promise that it breaks.
pub fn run(
    book: &Book<'_>,
    world: &World,
    (case, start): (u8, u8),
    fenced: bool,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    keep!(!fenced, Once, "a process of a replica that others took for dead");
    let truth = &world.cases[usize::from(case)].truth;
    let (version, step, attempt) = unmark(start);
    keep!(truth.recorded & start != 0, Granted, "a process whose start is not durable");
    keep!(truth.granted[version] != Granted::No, Granted, "a process without a grant");
    keep!(truth.ran & start == 0, Once, "the same process twice");
    let people = truth.granted[version] == Granted::People;
    keep!(people || !book.setting.truth.critical, Critical, "a critical process without people");
    let hands = world.replicas.iter().map(|r| r.hand).chain([world.former.hand]);
    let running = hands.filter(|hand| matches!(hand, Hand::Running { .. })).count();
    let same = book.setting.truth.targets == NEVER;
    keep!(running == 0 || !same, Once, "two processes on one target at once");
    if book.setting.truth.dry {
        witness(if step == 1 { Witness::FormRun } else { Witness::CheckRun });
        return Ok(());
    }
    witness(Witness::LiveStart);
    if version == 1 {
        witness(Witness::SecondVersionRan);
    }
    if attempt == 2 && book.setting.truth.pause.is_none() {
        witness(Witness::SecondAttempt);
    }
    if step == 1 {
        witness(Witness::SecondStep);
    }
    Ok(())
}
