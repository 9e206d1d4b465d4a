//! The model bites: every seeded bug is found, as the broken promise that it is.

use tagout_sim::bug::{Bug, Place};
use tagout_sim::explore::{Outcome, explore};
use tagout_sim::seeded::Seeded;
use tagout_sim::system::Real;

fn seeded(bug: Bug, place: Place) -> Outcome {
    let outcome = explore(&Seeded { bug, place }, &bug.setting());
    let end = match &outcome.broken {
        Some((violation, way)) => format!("found after {} actions: {violation}", way.len()),
        None => format!("nothing broken; {} appends refused", outcome.refused),
    };
    println!("{bug:?} in {place:?}: {} states, {end}", outcome.states);
    outcome
}

#[test]
fn every_seeded_bug_is_found_as_the_promise_that_it_breaks() {
    let mut unfound = Vec::new();
    for bug in Bug::ALL {
        let worst = bug.places().last().expect("it sits somewhere");
        match seeded(bug, *worst).broken {
            Some((violation, _)) if violation.promise == bug.breaks() => {}
            other => unfound.push((bug, other.map(|(violation, _)| violation.to_string()))),
        }
    }
    assert!(unfound.is_empty(), "not found, or as something else: {unfound:#?}");
}

#[test]
fn without_a_bug_the_same_settings_break_nothing() {
    let settings: Vec<_> = Bug::ALL.iter().map(|bug| bug.setting()).collect();
    for (place, setting) in settings.iter().enumerate() {
        // Many bugs share a setting; each is explored once.
        let same = |other: &tagout_sim::setting::Setting| {
            other.name == setting.name && other.bounds == setting.bounds
        };
        if !settings[..place].iter().any(same) {
            let outcome = explore(&Real, setting);
            println!("{} under {:?}: {} states", setting.name, setting.bounds, outcome.states);
            assert_eq!(outcome.broken, None, "{}", setting.name);
        }
    }
}

/// What the second lock holds by itself today: the decision is wrong, its events are refused.
#[test]
fn where_only_the_decision_is_wrong_evolve_refuses_what_it_can_know() {
    for bug in [
        Bug::AnyDigest,
        Bug::AnyMode,
        Bug::SelfApproval,
        Bug::RestartAfterCrash,
        Bug::TimeoutApproves,
        Bug::LapsePutOff,
        Bug::CriticalProceeds,
        Bug::CriticalByClock,
        Bug::RevokeIgnored,
        Bug::NoWarning,
        Bug::PersonForTwoGroups,
        Bug::GlassPastHalt,
        Bug::WideningCounts,
        Bug::LooseningCounts,
        Bug::OwnerForgotten,
        Bug::BypassAtHighTier,
        Bug::EvidenceForgotten,
        Bug::ActionInDryRun,
    ] {
        let outcome = seeded(bug, Place::Decide);
        assert_eq!(outcome.broken, None, "{bug:?}");
        assert!(outcome.refused > 0, "{bug:?}: the fault never happened");
    }
}

/// The first lock by itself: state that would accept too much is never given the chance.
#[test]
fn where_only_evolve_is_wrong_decide_never_offers_it_the_event() {
    for bug in [Bug::AnyDigest, Bug::AnyMode, Bug::TimeoutApproves, Bug::CriticalProceeds] {
        assert_eq!(seeded(bug, Place::Evolve).broken, None, "{bug:?}");
    }
}
