//! The promises about noise hold in every sequence of a few deliveries, and the model bites.

use std::collections::BTreeSet;

use tagout_sim::noise::{Real, Witness, explore};
use tagout_sim::noise_bug::NoiseBug;

/// After how many beginnings an alert flaps, and how many acts in a row are explored.
const WORLDS: [(u32, usize); 2] = [(2, 4), (4, 5)];
/// About five sixths of what is reached today.
const STATES: usize = 210_000;

#[test]
fn promises_hold_for_three_alerts_of_one_name_with_storms_flapping_and_late_deliveries() {
    let mut seen = BTreeSet::new();
    let mut states = 0;
    for (starts, depth) in WORLDS {
        let outcome = explore(&Real, starts, depth);
        println!("{starts}: {} states, {} transitions", outcome.states, outcome.transitions);
        if let Some((violation, way)) = outcome.broken {
            panic!("{violation}, by way of {way:#?}");
        }
        states += outcome.states;
        seen.extend(outcome.witnesses.into_keys());
    }
    assert!(states >= STATES, "only {states} states");
    let all = [
        Witness::Joined,
        Witness::Storm,
        Witness::Flapping,
        Witness::Returned,
        Witness::FoundLate,
        Witness::EndedAmongOthers,
        Witness::Cooled,
        Witness::Worsened,
        Witness::Emptied,
    ];
    let missing: Vec<_> = all.iter().filter(|w| !seen.contains(w)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}

#[test]
fn every_bug_in_where_alerts_are_placed_is_found_as_the_promise_that_it_breaks() {
    let mut unfound = Vec::new();
    for bug in NoiseBug::ALL {
        let outcome = explore(&bug, 4, 5);
        match outcome.broken {
            Some((violation, ref way)) if bug.breaks().contains(&violation.promise) => {
                println!("{bug:?}: after {} acts: {violation}", way.len());
            }
            other => {
                unfound.push((bug, other.map(|(violation, way)| (violation.to_string(), way))))
            }
        }
    }
    assert!(unfound.is_empty(), "not found, or as something else: {unfound:#?}");
}
