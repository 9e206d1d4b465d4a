//! Taking over: what a membership that is over has left behind, for how long it may go on, and
//! when another replica may say that nobody knows what it did.
//!
//! Its time is counted in moments of [`MOMENT`]: a minute of the wall clock is far too long here.

use tagout_core::limits;
use tagout_core::time::Span;

use crate::action::Action;
use crate::book::Book;
use crate::promise::{self, Violation, Witness};
use crate::setting::NEVER;
use crate::world::{Hand, Replica, World};

/// How long a moment is.
pub const MOMENT: Span = Span::from_secs(5);

/// What is true of a setting in which a membership may be over while its processes go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOver {
    /// After how many moments all that it had started has certainly ended: the supervisors wait
    /// for one, and what they kill is gone within two.
    pub ends: u8,
    /// How often a replica is stuck, or cut off, for so long that it is taken for dead.
    pub fences: u8,
}

/// What a membership that is over has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Former {
    /// For how many moments it has been over; no more than matter.
    pub age: u8,
    /// What its executor held. What ended and is told by nobody counts as ended badly.
    pub hand: Hand,
}

impl Former {
    /// Nothing.
    pub const NOTHING: Self = Self { age: 0, hand: Hand::Empty };
}

/// After how many moments of its own an observer may take what a former member had started for
/// lost, as the product has it.
#[must_use]
pub fn shipped() -> u8 {
    let moments = limits::TAKE_OVER.millis().div_ceil(MOMENT.millis());
    u8::try_from(moments).unwrap_or(NEVER - 1)
}

/// What may happen next to memberships and what they left.
pub fn actions(book: &Book<'_>, world: &World, all: &mut Vec<Action>) {
    let Some(rules) = book.setting.takeover else { return };
    let Former { age, hand } = world.former;
    for (place, r) in (0u8..).zip(&world.replicas) {
        let acts = r.up && !r.stuck;
        let busy = r.hand != Hand::Empty || r.pending.is_some();
        if acts && busy && hand == Hand::Empty && world.fences < rules.fences {
            all.push(Action::Fence(place));
        }
        if acts && hand != Hand::Empty && !r.tells && r.seen == NEVER {
            all.push(Action::See(place));
        }
        if acts && r.tells && r.hand == Hand::Empty && matches!(hand, Hand::Permit { .. }) {
            all.push(Action::Run(place));
        }
    }
    if let Hand::Running { .. } = hand {
        all.extend([true, false].map(|well| Action::Over { well }));
    }
    let lost_after = book.system.lost_after();
    let waits = world.replicas.iter().any(|r| r.seen < lost_after);
    let must_end = matches!(hand, Hand::Running { .. }) && age >= rules.ends;
    if hand != Hand::Empty && !must_end && (age < rules.ends || waits) {
        all.push(Action::Moment);
    }
}

/// A replica is taken for dead while it can do nothing: what it had decided will not be taken
/// by the log any more, and what it had started is now a former member's.
pub fn fence(w: &mut World, replica: u8) {
    let r = &mut w.replicas[usize::from(replica)];
    w.former = Former { age: 0, hand: r.hand };
    let tells = r.hand != Hand::Empty;
    *r = Replica { stuck: true, tells, unseen: r.unseen, seen: r.seen, ..Replica::FRESH };
    w.fences += 1;
}

/// It goes on, as a member anew. What it had not started by then it does not start.
pub fn wake(book: &Book<'_>, w: &mut World, replica: u8, witness: &mut impl FnMut(Witness)) {
    let r = &mut w.replicas[usize::from(replica)];
    r.stuck = false;
    if let (true, Hand::Permit { case, mark }) = (r.tells, w.former.hand)
        && book.system.fenced_starts_nothing()
    {
        w.former.hand = Hand::Ended { case, mark, well: false };
        witness(Witness::FencedStartedNothing);
    }
}

/// A replica dies; where memberships matter, its processes go on for a while. `None` if that is
/// more than the model can hold.
pub fn crash(w: &mut World, dead: Replica) -> Option<()> {
    match (dead.hand, w.former.hand) {
        (Hand::Empty, _) => {}
        (hand, Hand::Empty) => w.former = Former { age: 0, hand },
        _ => return None,
    }
    Some(())
}

/// A process starts whose replica is not a member any more.
///
/// # Errors
/// The promise that this breaks.
pub fn run(book: &Book<'_>, w: &mut World) -> Option<Result<(), Violation>> {
    let (case, mark) = w.former.hand.holds()?;
    let broken = promise::run(book, w, (case, mark), true, &mut |_| {});
    w.former.hand = Hand::Running { case, mark };
    Some(broken)
}

/// Five seconds pass, on every clock.
pub fn moment(book: &Book<'_>, w: &mut World) {
    let (ends, lost_after) =
        (book.setting.takeover.map_or(0, |rules| rules.ends), book.system.lost_after());
    w.former.age = (w.former.age + 1).min(ends);
    for r in w.replicas.iter_mut().filter(|r| r.seen != NEVER) {
        r.seen = (r.seen + 1).min(lost_after);
    }
}

/// The process that a former member left ends.
pub fn over(w: &mut World, well: bool) {
    if let Hand::Running { case, mark } = w.former.hand {
        w.former.hand = Hand::Ended { case, mark, well };
    }
}

/// Whether this replica is the one to tell how this start ended, which it made as a member
/// before.
#[must_use]
pub fn tells(w: &World, replica: usize, case: u8, mark: u8) -> bool {
    w.replicas[replica].tells && w.former.hand.holds() == Some((case, mark))
}

/// Forgets what no promise can tell apart any more.
pub fn settle(book: &Book<'_>, w: &mut World) {
    let Some(rules) = book.setting.takeover else { return };
    let told = w.replicas.iter().any(|r| r.tells);
    if !told {
        // With nobody to start it, a permit comes to nothing.
        if let Hand::Permit { case, mark } | Hand::Ended { case, mark, .. } = w.former.hand {
            let truth = &w.cases[usize::from(case)].truth;
            let open = truth.recorded & !(truth.failed | truth.succeeded | truth.lost);
            w.former = if open & mark == 0 {
                Former::NOTHING
            } else {
                Former { age: rules.ends, hand: Hand::Ended { case, mark, well: false } }
            };
        }
    }
    if w.former.hand == Hand::Empty {
        w.replicas.iter_mut().for_each(|r| (r.seen, r.tells) = (NEVER, false));
    }
}
