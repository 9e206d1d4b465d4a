//! The transition relation: the world after an action.

use tagout_core::event::Event;
use tagout_core::incident::Incident;

use crate::action::{Action, Ask};
use crate::book::{Book, Came, SharedAsk};
use crate::promise::{self, Violation, Witness};
use crate::setting::NEVER;
use crate::takeover;
use crate::world::{Hand, Pending, Replica, World, mark};

/// The world after an action; `None` if it cannot happen.
type Next = Option<Result<World, Violation>>;

/// Everything that might happen next. Some of it will turn out not to be possible.
#[must_use]
pub fn actions(book: &Book<'_>, world: &World) -> Vec<Action> {
    let bounds = book.setting.bounds;
    let mut all = Vec::new();
    for replica in 0..bounds.replicas {
        let r = &world.replicas[usize::from(replica)];
        if !r.up {
            all.push(Action::Restart(replica));
            continue;
        }
        if world.crashes < bounds.crashes && !over(book, world) {
            all.push(Action::Crash(replica));
        }
        if r.stuck {
            all.push(Action::Wake(replica));
            continue;
        }
        if let Hand::Permit { .. } = r.hand {
            all.push(Action::Run(replica));
        }
        if r.pending.is_some() {
            all.push(Action::Commit(replica));
        } else if r.unseen {
            all.push(Action::RecordJump(replica));
        } else {
            for case in 0..u8::try_from(book.setting.alerts.len()).unwrap_or(0) {
                let asks =
                    if r.recovering == 0 { asks(book, world, r, case) } else { vec![Ask::Lost] };
                all.extend(asks.into_iter().map(|ask| Action::Ask { replica, case, ask }));
            }
        }
    }
    takeover::actions(book, world, &mut all);
    // Once every incident is closed and nothing is under way, time and switches change nothing.
    if over(book, world) {
        return all;
    }
    if world.real < bounds.horizon {
        all.push(Action::Pass);
    }
    if world.jumps < bounds.jumps {
        all.push(Action::Jump);
    }
    if world.toggles < bounds.toggles {
        all.push(Action::Toggle);
    }
    all
}

fn over(book: &Book<'_>, world: &World) -> bool {
    let cases = &world.cases[..book.setting.alerts.len()];
    let closed = cases.iter().all(
        |c| matches!(book.incident(c.incident), Incident::Closed(case, _) if !case.is_unsettled()),
    );
    closed
        && world.former.hand == Hand::Empty
        && world.replicas.iter().all(|r| r.pending.is_none() && r.hand == Hand::Empty)
}

/// What a replica may be asked about an incident. Whether it is due is for the system to say.
fn asks(book: &Book<'_>, world: &World, replica: &Replica, case: u8) -> Vec<Ask> {
    let (bounds, given) = (book.setting.bounds, book.setting.truth);
    let truth = &world.cases[usize::from(case)].truth;
    // A sender that has its 2xx does not send again.
    if !truth.answered {
        return vec![Ask::Receive];
    }
    if truth.digest[0] == u32::MAX {
        let mut all = vec![Ask::Search];
        if given.look.is_some() {
            all.extend([Ask::Look, Ask::CutLook, Ask::Tick]);
            all.extend([true, false].map(|held| Ask::Saw { held }));
            if bounds.stops {
                all.push(Ask::End);
            }
        }
        return all;
    }
    let mut all = vec![Ask::Tick];
    let second = truth.digest[1] != u32::MAX;
    for person in 0..bounds.people {
        for version in 0..=u8::from(second) {
            for (right_mode, approve) in [(true, true), (false, true), (true, false)] {
                let mistake = !right_mode || (second && version == 0);
                if !mistake || bounds.mistakes {
                    all.push(Ask::Answer { person, version, right_mode, approve });
                }
            }
        }
    }
    // People differ in name only, so the first of them stands for whoever changes the plan.
    if bounds.modify && !second {
        all.push(Ask::Modify { person: 0 });
    }
    if given.undo && !second {
        all.push(Ask::Regret { person: 0 });
    }
    if bounds.glass {
        all.extend((0..bounds.people).map(|person| Ask::BreakGlass { person }));
    }
    if given.wait != NEVER {
        all.push(Ask::Warned);
    }
    if bounds.stops {
        all.extend([Ask::Revoke, Ask::End]);
    }
    if given.dry {
        all.push(Ask::Show);
    }
    for bit in (0..8).map(|bit| 1 << bit).filter(|bit| truth.recorded & bit != 0 && !given.dry) {
        all.extend([true, false].map(|ran| Ask::Resolve { mark: bit, ran }));
    }
    match replica.hand {
        Hand::Empty => all.push(Ask::Start),
        Hand::Running { case: of, mark } if of == case => {
            all.extend([true, false].map(|well| Ask::Finish { mark, well }));
        }
        Hand::Ended { case: of, mark, well } if of == case => all.push(Ask::Finish { mark, well }),
        _ => {}
    }
    match world.former.hand {
        Hand::Ended { case: of, mark, well } if of == case && replica.tells => {
            all.push(Ask::Finish { mark, well });
        }
        hand if replica.seen != NEVER && replica.seen >= book.system.lost_after() => {
            let theirs = hand.holds().filter(|(of, _)| *of == case && !replica.tells);
            all.extend(theirs.map(|(_, mark)| Ask::GiveUp { mark }));
        }
        _ => {}
    }
    all
}

/// The world after `action`.
pub fn next(
    book: &mut Book<'_>,
    world: &World,
    action: Action,
    witness: &mut impl FnMut(Witness),
) -> Next {
    let mut w = *world;
    match action {
        Action::Ask { replica, case, ask } => return asked(book, world, replica, case, ask),
        Action::Commit(replica) => return committed(book, world, replica, witness),
        Action::Run(replica) => {
            let r = &mut w.replicas[usize::from(replica)];
            let Some((case, mark)) = r.hand.holds() else {
                return takeover::run(book, &mut w).map(|ran| ran.and_then(|()| settled(book, w)));
            };
            r.hand = Hand::Running { case, mark };
            if let Err(broken) = promise::run(book, world, (case, mark), false, witness) {
                return Some(Err(broken));
            }
            w.cases[usize::from(case)].truth.ran |= mark;
        }
        Action::Crash(replica) => {
            if book.setting.takeover.is_some() {
                takeover::crash(&mut w, world.replicas[usize::from(replica)])?;
            }
            let dead = Replica { up: false, ..Replica::FRESH };
            w.replicas[usize::from(replica)] = dead;
            w.crashes += 1;
        }
        Action::Restart(replica) => {
            let unseen = w.unrecorded && book.system.records_gaps();
            // Over a shared store what was lost is seen by whoever looks, and reported later.
            let shares = book.setting.takeover.is_some();
            let recovering = if shares { 0 } else { (1u8 << book.setting.alerts.len()) - 1 };
            w.replicas[usize::from(replica)] = Replica { unseen, recovering, ..Replica::FRESH };
        }
        Action::Fence(replica) => takeover::fence(&mut w, replica),
        Action::Wake(replica) => takeover::wake(book, &mut w, replica, witness),
        Action::See(replica) => w.replicas[usize::from(replica)].seen = 0,
        Action::Over { well } => takeover::over(&mut w, well),
        Action::Moment => takeover::moment(book, &mut w),
        Action::RecordJump(replica) => {
            w.shared = book.advance_shared(w.shared, SharedAsk::Jump, w.wall);
            w.replicas[usize::from(replica)].unseen = false;
            w.unrecorded = false;
            appended(book, &mut w, Some(replica), None, true, world.wall, witness);
        }
        Action::Pass => {
            w.wall += 1;
            w.real += 1;
            if !w.replicas.iter().any(|r| r.up) {
                w.broken_at = w.real;
                w.unrecorded = true;
            }
        }
        Action::Jump => {
            w.wall += book.setting.bounds.leap;
            w.jumps += 1;
            w.broken_at = w.real;
            w.unrecorded = true;
            let notices = book.system.records_jumps();
            w.replicas.iter_mut().for_each(|r| r.unseen = r.up && notices);
        }
        Action::Toggle => {
            w.shared = book.advance_shared(w.shared, SharedAsk::Toggle, w.wall);
            w.stopped = !w.stopped;
            w.toggles += 1;
            appended(book, &mut w, None, None, true, world.wall, witness);
        }
    }
    Some(settled(book, w))
}

fn asked(book: &mut Book<'_>, world: &World, replica: u8, case: u8, ask: Ask) -> Next {
    let (mut w, place) = (*world, usize::from(replica));
    if ask == Ask::Lost {
        if w.replicas[place].recovering & 1 << case == 0 {
            return None;
        }
        w.replicas[place].recovering &= !(1 << case);
        if book.system.spares_the_living() && world.held(case) {
            return Some(settled(book, w));
        }
    }
    // The warning is before people even if the record of it is lost.
    if ask == Ask::Warned && w.cases[usize::from(case)].truth.warned == NEVER {
        w.cases[usize::from(case)].truth.warned = w.real;
    }
    let truth = w.cases[usize::from(case)].truth;
    match book.decide(world, case, ask) {
        // The exploration ends with the second version of a plan.
        Came::Batch(batch) if third(book.events(batch)) => None,
        Came::Batch(batch) => {
            if let Ask::Finish { mark, well } = ask
                && !takeover::tells(&w, place, case, mark)
            {
                w.replicas[place].hand = Hand::Ended { case, mark, well };
            }
            if ask == Ask::Start && !book.system.starts_after_commit() {
                w.replicas[place].hand = permit(book, &w, case, batch);
            }
            if ask == Ask::Receive && !book.system.answers_after_commit() {
                w.cases[usize::from(case)].truth.answered = true;
            }
            let from = truth.warned.max(w.broken_at);
            let waited =
                truth.warned != NEVER && w.real >= from.saturating_add(book.setting.truth.wait);
            let (at, real, stale) = (w.wall, w.real, Default::default());
            let pending = Pending { case, ask, batch, at, stale, real, waited };
            w.replicas[place].pending = Some(pending);
            Some(settled(book, w))
        }
        Came::Nothing if ask == Ask::Lost => Some(settled(book, w)),
        // The end of a process that nobody may record any more leaves the executor free.
        Came::Rejected if let Ask::Finish { mark, .. } = ask => {
            told(&mut w, place, case, mark);
            Some(settled(book, w))
        }
        Came::Rejected if ask == Ask::Lost => Some(settled(book, w)),
        Came::Nothing | Came::Rejected => None,
    }
}

fn third(events: &[Event]) -> bool {
    let number = |event: &Event| match event {
        Event::PlanProposed { plan, .. } => plan.number,
        _ => 0,
    };
    // Or with the third time that a check is begun.
    let again = |event: &Event| matches!(event, Event::PreconditionsBegunAgain { round: 3.., .. });
    events.iter().any(|event| number(event) > 2 || again(event))
}

fn committed(
    book: &mut Book<'_>,
    world: &World,
    replica: u8,
    witness: &mut impl FnMut(Witness),
) -> Next {
    let (mut w, place) = (*world, usize::from(replica));
    let p = w.replicas[place].pending.take()?;
    let incident = w.cases[usize::from(p.case)].incident;
    let Some(after) = book.advance(incident, w.shared, p.batch, p.case, p.at) else {
        // The second lock: nothing of it is recorded.
        book.refused += 1;
        return Some(settled(book, w));
    };
    (w.cases[usize::from(p.case)].incident, w.shared) = after;
    if let Err(broken) = promise::append(book, world, &mut w, &p, witness) {
        return Some(Err(broken));
    }
    match p.ask {
        Ask::Start if book.system.starts_after_commit() => {
            w.replicas[place].hand = permit(book, &w, p.case, p.batch);
        }
        Ask::Finish { mark, .. } => told(&mut w, place, p.case, mark),
        _ => {}
    }
    let shared = book.events(p.batch).iter().any(Event::touches_shared);
    appended(book, &mut w, Some(replica), Some(p.case), shared, p.at, witness);
    Some(settled(book, w))
}

/// How a process ended is told, and whoever ran it has nothing more to say of it.
fn told(w: &mut World, place: usize, case: u8, mark: u8) {
    if takeover::tells(w, place, case, mark) {
        w.replicas[place].tells = false;
    } else {
        w.replicas[place].hand = Hand::Empty;
    }
}

/// Leave to start what the batch says is started.
fn permit(book: &mut Book<'_>, world: &World, case: u8, batch: u32) -> Hand {
    let events = book.events(batch).to_vec();
    let started = events.iter().find_map(|event| match event {
        Event::StepStarted { plan, step, attempt, .. } => Some((*plan, step.clone(), *attempt)),
        Event::RehearsalStarted { plan, step } => Some((*plan, step.clone(), 1)),
        _ => None,
    });
    let Some((plan, step, attempt)) = started else { return Hand::Empty };
    let digest = book.digest(plan);
    let truth = &world.cases[usize::from(case)].truth;
    let version = truth.digest.iter().position(|d| *d == digest).unwrap_or_default();
    let (step, attempt) = promise::place(&book.setting.truth, &step, attempt).unwrap_or((0, 1));
    Hand::Permit { case, mark: mark(version, step, attempt) }
}

/// Marks what others have decided as old; what the log would refuse is given up at once, as
/// the engine then reads and decides anew.
fn appended(
    book: &Book<'_>,
    w: &mut World,
    by: Option<u8>,
    case: Option<u8>,
    shared: bool,
    at: u8,
    witness: &mut impl FnMut(Witness),
) {
    for (place, r) in w.replicas.iter_mut().enumerate() {
        if by.map(usize::from) == Some(place) {
            continue;
        }
        if let Some(p) = &mut r.pending {
            p.stale.incident |= case == Some(p.case) || p.at < at;
            p.stale.shared |= shared;
            if !book.system.takes(p.stale) {
                r.pending = None;
                witness(Witness::StaleAppend);
            }
        }
    }
}

/// The state without what no promise of this setting can tell apart any more.
fn settled(book: &Book<'_>, mut w: World) -> Result<World, Violation> {
    let given = book.setting.truth;
    if given.wait == NEVER {
        // Only a wait can be broken.
        w.broken_at = 0;
    }
    let alone = book.setting.alerts.len() == 1;
    for truth in w.cases.iter_mut().map(|c| &mut c.truth) {
        if truth.looked || given.looks == NEVER {
            truth.done = NEVER;
        }
        if alone || given.targets != NEVER {
            // Only another incident can try the runbook on the target again.
            truth.ended = NEVER;
        }
        if alone && given.pause.is_none() {
            // Only another incident could work on the target.
            (truth.made, truth.touched) = ([0; 2], 0);
        }
        for version in 0..2 {
            // Whatever is granted of a plan that is over is a violation in itself.
            if truth.over & 1 << version != 0 {
                truth.denied &= !(1 << version);
                (truth.approved[version], truth.opened[version]) = (0, 0);
            }
        }
    }
    takeover::settle(book, &mut w);
    // Replicas differ in name only, so their order is no part of the state.
    if book.setting.bounds.replicas == 2 {
        w.replicas.sort_unstable();
    }
    promise::state(book, &w)?;
    Ok(w)
}
