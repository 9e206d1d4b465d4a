//! Breadth-first exploration: every reachable state, or the shortest way to a broken promise.

use std::collections::{BTreeMap, HashSet};

use crate::action::Action;
use crate::book::Book;
use crate::next::{actions, next};
use crate::promise::{Violation, Witness};
use crate::setting::Setting;
use crate::system::System;
use crate::world::World;

/// What an exploration came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Different states reached.
    pub states: usize,
    /// Transitions between them.
    pub transitions: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// Different incidents, shared states and batches of events behind the states.
    pub met: [usize; 3],
    /// Appends that `evolve` refused.
    pub refused: usize,
    /// What was seen to happen, and on how many transitions.
    pub witnesses: BTreeMap<Witness, usize>,
    /// The first broken promise and the shortest way to it.
    pub broken: Option<(Violation, Vec<Action>)>,
}

/// Explores every state of `setting` under `system`, or stops at the first broken promise.
#[must_use]
pub fn explore(system: &dyn System, setting: &Setting) -> Outcome {
    let mut book = Book::new(system, setting);
    let start = book.beginning();
    let mut witnesses = BTreeMap::new();
    let mut seen = HashSet::from([start]);
    // Where each state came from, in the order of discovery: the queue is the tail of it.
    let mut trail: Vec<(World, usize, Option<Action>)> = vec![(start, 0, None)];
    let (mut transitions, mut at, mut broken) = (0, 0, None);
    while broken.is_none() && at < trail.len() {
        let world = trail[at].0;
        for action in actions(&book, &world) {
            let mut witness = |w| *witnesses.entry(w).or_default() += 1;
            let Some(outcome) = next(&mut book, &world, action, &mut witness) else { continue };
            transitions += 1;
            match outcome {
                Ok(to) => {
                    if seen.insert(to) {
                        trail.push((to, at, Some(action)));
                    }
                }
                Err(violation) => {
                    let mut way = way(&trail, at);
                    way.push(action);
                    broken = Some((violation, way));
                    break;
                }
            }
        }
        at += 1;
    }
    Outcome {
        states: seen.len(),
        transitions,
        depth: way(&trail, trail.len() - 1).len(),
        met: book.met(),
        refused: book.refused,
        witnesses,
        broken,
    }
}

fn way(trail: &[(World, usize, Option<Action>)], mut at: usize) -> Vec<Action> {
    let mut way = Vec::new();
    while let (_, from, Some(action)) = trail[at] {
        way.push(action);
        at = from;
    }
    way.reverse();
    way
}
