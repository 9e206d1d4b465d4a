//! The promises hold in every reachable state of the explored worlds.

use std::collections::BTreeSet;

use tagout_sim::explore::{Outcome, explore};
use tagout_sim::promise::Witness;
use tagout_sim::setting::Setting;
use tagout_sim::system::Real;

/// About five sixths of what the settings have today: fewer would need a reason.
const QUORUM_STATES: usize = 2_386_000;
const CLOCK_STATES: usize = 2_056_000;
const BUDGET_STATES: usize = 2_458_000;
const GROUPS_STATES: usize = 110_000;
const MOVES_STATES: usize = 1_900;
const OWNER_STATES: usize = 4_400;
const BYPASS_STATES: usize = 323_000;
const LOOKS_STATES: usize = 1_023_000;
const RADIUS_STATES: usize = 79_000;
const COOL_DOWN_STATES: usize = 4_400;
const PAUSE_STATES: usize = 7_500;
const REHEARSAL_STATES: usize = 267_000;
const TAKEOVER_STATES: usize = 111_000;
const WAY_BACK_STATES: usize = 113_000;

/// Explores, prints, and holds the outcome against what must be reachable. The least number
/// of states is there so that the model cannot become trivial unseen.
fn holds(setting: &Setting, least: usize, seen: &[Witness]) -> Outcome {
    let outcome = explore(&Real, setting);
    println!(
        "{}: {} states, {} transitions, depth {}",
        setting.name, outcome.states, outcome.transitions, outcome.depth
    );
    if let Some((violation, way)) = &outcome.broken {
        panic!("{}: {violation}, by way of {way:#?}", setting.name);
    }
    assert_eq!(outcome.refused, 0, "the core decided something that it then refused to apply");
    assert!(outcome.states >= least, "only {} states; at least {least} expected", outcome.states);
    let reached: BTreeSet<_> = outcome.witnesses.keys().copied().collect();
    let wanted: BTreeSet<_> = seen.iter().copied().collect();
    let missing: Vec<_> = wanted.difference(&reached).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
    outcome
}

#[test]
fn promises_hold_for_one_incident_with_two_steps_three_people_and_two_plan_versions() {
    let outcome = holds(
        &Setting::quorum(),
        QUORUM_STATES,
        &[
            Witness::LiveStart,
            Witness::QuorumOfTwo,
            Witness::SecondVersionGranted,
            Witness::SecondVersionRan,
            Witness::SecondAttempt,
            Witness::SecondStep,
            Witness::StartLost,
            Witness::UnknownResolved,
            Witness::Lapsed,
            Witness::Rejected,
            Witness::GrantTakenBack,
            Witness::Halted,
        ],
    );
    // Nothing but people can start what is critical.
    for never in [Witness::PolicyGrant, Witness::ClockGrant] {
        assert!(!outcome.witnesses.contains_key(&never), "{never:?} at critical tier");
    }
}

#[test]
fn promises_hold_for_a_grant_by_the_clock_with_two_replicas_jumps_and_gaps() {
    holds(
        &Setting::clock(),
        CLOCK_STATES,
        &[
            Witness::LiveStart,
            Witness::ClockGrant,
            Witness::StartLost,
            Witness::UnknownResolved,
            Witness::Lapsed,
            Witness::Rejected,
            Witness::GrantTakenBack,
            Witness::StaleAppend,
        ],
    );
}

#[test]
fn promises_hold_for_two_incidents_and_two_replicas_on_one_target_with_one_unit_left() {
    let outcome = holds(
        &Setting::budget(),
        BUDGET_STATES,
        &[
            Witness::LiveStart,
            Witness::PolicyGrant,
            Witness::BudgetAsked,
            Witness::Halted,
            Witness::StartLost,
            Witness::UnknownResolved,
            Witness::Lapsed,
            Witness::StaleAppend,
        ],
    );
    assert!(!outcome.witnesses.contains_key(&Witness::ClockGrant), "the clock has no say here");
}

#[test]
fn promises_hold_for_two_groups_a_change_that_only_leaves_out_and_the_glass() {
    holds(
        &Setting::groups(),
        GROUPS_STATES,
        &[
            Witness::LiveStart,
            Witness::QuorumOfTwo,
            Witness::GlassGrant,
            Witness::SecondVersionGranted,
            Witness::Halted,
            Witness::Lapsed,
            Witness::Rejected,
        ],
    );
}

#[test]
fn promises_hold_for_a_value_that_is_moved_to_its_safer_side_and_to_the_other() {
    let seen =
        [Witness::LiveStart, Witness::SecondVersionGranted, Witness::Lapsed, Witness::Rejected];
    holds(&Setting::tightens(), MOVES_STATES, &seen);
    holds(&Setting::loosens(), MOVES_STATES, &seen);
}

#[test]
fn promises_hold_for_a_first_use_that_needs_its_owner_or_an_admin_in_their_place() {
    let seen =
        [Witness::LiveStart, Witness::SecondVersionGranted, Witness::Lapsed, Witness::Rejected];
    holds(&Setting::owner(), OWNER_STATES, &seen);
    holds(&Setting::strange_owner(), OWNER_STATES, &seen);
}

#[test]
fn promises_hold_for_a_look_before_the_decision_and_bind_what_it_saw() {
    holds(
        &Setting::looks(),
        LOOKS_STATES,
        &[
            Witness::LookHeld,
            Witness::LookDidNotHold,
            Witness::NotSeen,
            Witness::PolicyGrant,
            Witness::LiveStart,
            Witness::SecondStep,
            Witness::Halted,
            Witness::Lapsed,
        ],
    );
    let outcome = explore(&Real, &Setting::unlisted());
    assert_eq!(outcome.broken, None);
    assert!(!outcome.witnesses.contains_key(&Witness::LookHeld), "it is not listed");
}

#[test]
fn promises_hold_for_two_incidents_in_doubt_and_a_bypass_that_ends() {
    holds(
        &Setting::bypass(),
        BYPASS_STATES,
        &[
            Witness::LiveStart,
            Witness::PolicyGrant,
            Witness::StaleVoided,
            Witness::GlassGrant,
            Witness::GlassSpared,
            Witness::Halted,
        ],
    );
}

#[test]
fn promises_hold_for_two_targets_of_which_one_may_be_acted_on_and_for_whether_it_helped() {
    holds(
        &Setting::radius(),
        RADIUS_STATES,
        &[
            Witness::LiveStart,
            Witness::PolicyGrant,
            Witness::ReachAsked,
            Witness::ReachVoided,
            Witness::Helped,
            Witness::DidNotHelp,
        ],
    );
}

#[test]
fn promises_hold_for_two_incidents_of_which_the_first_was_tried_just_now() {
    let wanted = [Witness::PolicyGrant, Witness::CooledDown, Witness::StaleVoided];
    holds(&Setting::cool_down(), COOL_DOWN_STATES, &wanted);
}

#[test]
fn promises_hold_for_a_check_that_is_begun_again_after_a_pause() {
    holds(
        &Setting::pause(),
        PAUSE_STATES,
        &[
            Witness::LiveStart,
            Witness::SecondStep,
            Witness::LookedAgain,
            Witness::PreconditionGone,
            Witness::StartLost,
            Witness::UnknownResolved,
        ],
    );
}

#[test]
fn promises_hold_for_a_dry_run_that_runs_what_changes_nothing_and_no_action() {
    let outcome = holds(
        &Setting::rehearsal(),
        REHEARSAL_STATES,
        &[
            Witness::CheckRun,
            Witness::FormRun,
            Witness::RehearsalCut,
            Witness::Rehearsed,
            Witness::GrantTakenBack,
            Witness::Halted,
            Witness::Lapsed,
        ],
    );
    for never in [Witness::LiveStart, Witness::StartLost] {
        assert!(!outcome.witnesses.contains_key(&never), "{never:?} in a dry-run");
    }
}

#[test]
fn promises_hold_for_a_replica_that_is_taken_for_dead_while_its_step_runs() {
    holds(
        &Setting::takeover(),
        TAKEOVER_STATES,
        &[
            Witness::LiveStart,
            Witness::SecondStep,
            Witness::SecondAttempt,
            Witness::TakenOver,
            Witness::ToldInTime,
            Witness::ToldTooLate,
            Witness::FencedStartedNothing,
            Witness::UnknownResolved,
            Witness::StaleAppend,
        ],
    );
}

#[test]
fn promises_hold_for_what_is_rejected_afterwards_and_taken_back() {
    holds(
        &Setting::way_back(),
        WAY_BACK_STATES,
        &[
            Witness::LiveStart,
            Witness::PolicyGrant,
            Witness::OpenedAgain,
            Witness::OutlivedItsAlert,
            Witness::SecondVersionGranted,
            Witness::SecondVersionRan,
            Witness::GrantTakenBack,
            Witness::StartLost,
            Witness::UnknownResolved,
            Witness::Lapsed,
            Witness::Rejected,
        ],
    );
}
