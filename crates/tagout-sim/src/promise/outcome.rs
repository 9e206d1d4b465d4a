//! What came of a plan or a step: void, lost, or looked at afterwards.

use tagout_core::event::{Effectiveness, VoidReason};
use tagout_core::stale::Changed;

use super::{Promise, Violation, Witness, keep};
use crate::action::Ask;
use crate::setting::NEVER;
use crate::world::{Granted, Hand, Pending, Truth, World};

pub(super) fn voided(
    before: &World,
    p: &Pending,
    truth: &mut Truth,
    why: &VoidReason,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    let version = usize::from(truth.digest[1] != u32::MAX);
    match why {
        VoidReason::TimedOut => {
            keep!(p.ask == Ask::Tick, Timeout, "a lapse that is no time-out");
            truth.over |= 1 << version;
            witness(Witness::Lapsed);
        }
        VoidReason::Rejected { .. } => {
            let said_no = matches!(p.ask, Ask::Answer { approve: false, .. });
            keep!(said_no, Timeout, "a refusal that nobody gave");
            witness(Witness::Rejected);
        }
        VoidReason::Revoked { .. } => {
            if before.cases[usize::from(p.case)].truth.granted[version] != Granted::No {
                witness(Witness::GrantTakenBack);
            }
        }
        VoidReason::Stale { what } => {
            let alone = matches!(p.ask, Ask::BreakGlass { .. });
            let looked = p.ask == Ask::Start || alone || what.contains(&Changed::Preconditions);
            if what.contains(&Changed::Preconditions) {
                truth.over |= 1 << version;
                witness(Witness::PreconditionGone);
                return Ok(());
            }
            if what.contains(&Changed::Radius) {
                witness(Witness::ReachVoided);
            }
            keep!(looked, Granted, "a plan is stale although nothing was to come of it");
            truth.over |= 1 << version;
            witness(if alone { Witness::GlassSpared } else { Witness::StaleVoided });
        }
        VoidReason::Modified { .. } | VoidReason::AlertEnded | VoidReason::AlertWorsened => {}
    }
    Ok(())
}

/// People are told that nobody knows what a step did: nobody can be running it any more, or they
/// would be told of something that is still to come.
pub(super) fn lost(
    before: &World,
    p: &Pending,
    truth: &mut Truth,
    start: u8,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    let runs = |hand: Hand| matches!(hand, Hand::Running { case, mark } if (case, mark) == (p.case, start));
    let hands = before.replicas.iter().map(|r| r.hand).chain([before.former.hand]);
    keep!(!hands.into_iter().any(runs), Once, "a step is unknown while it runs");
    witness(match p.ask {
        Ask::Finish { .. } => Witness::ToldTooLate,
        Ask::GiveUp { .. } => Witness::TakenOver,
        _ => Witness::StartLost,
    });
    truth.lost |= start;
    Ok(())
}

/// Whether a plan has helped is said once, and as it was seen.
pub(super) fn looked(
    looks: u8,
    p: &Pending,
    truth: &Truth,
    effectiveness: Effectiveness,
    witness: &mut impl FnMut(Witness),
) -> Result<(), Violation> {
    keep!(looks != NEVER && truth.done != NEVER && !truth.looked, Timeout, "nobody waits for it");
    let over = p.at >= truth.done.saturating_add(looks);
    match effectiveness {
        Effectiveness::Resolved => {
            keep!(p.ask == Ask::End && !over, Timeout, "a plan helped whose alert did not end");
            witness(Witness::Helped);
        }
        Effectiveness::StillFiring => {
            keep!(p.ask == Ask::Tick && over, Timeout, "a plan is given up before its time");
            witness(Witness::DidNotHelp);
        }
        Effectiveness::NotKnown => {}
    }
    Ok(())
}
