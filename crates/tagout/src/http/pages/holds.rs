//! What holds for everything: the kill switch, a change freeze. It stands on every page, in a
//! place of its own that is there even when nothing holds.

use maud::{Markup, html};
use tagout_core::time::Time;

use super::text::{absolute, relative};
use crate::engine::Engine;
use crate::store::Store;

/// What holds at one moment.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    kill_switch: bool,
    freeze: Option<Option<Time>>,
    /// How many entries the log has.
    pub(super) entries: u64,
}

impl Holds {
    /// What holds by the recorded state.
    pub(super) fn of(engine: &Engine<Store>, now: Time) -> Self {
        let journal = engine.journal();
        let shared = journal.shared();
        Self {
            kill_switch: shared.kill_switch,
            freeze: shared.freeze(now),
            entries: journal.log().size(),
        }
    }

    /// The strip under the navigation: one line that never changes its height.
    pub(super) fn strip(&self, now: Time) -> Markup {
        let quiet = !self.kill_switch && self.freeze.is_none();
        html! {
            section #holds.holds.quiet[quiet] aria-label="What holds for everything" {
                @if self.kill_switch {
                    p.hold { strong { "Kill switch engaged." } " Nothing new starts." }
                }
                @if let Some(until) = self.freeze {
                    p.hold {
                        strong { "Change freeze" }
                        @match until {
                            Some(until) => { " until " (absolute(until, now)) " " (relative(until, now)) "." }
                            None => { " until it is lifted." }
                        }
                    }
                }
                @if quiet { p { "No kill switch, no freeze. Everything is dry-run." } }
            }
        }
    }
}
