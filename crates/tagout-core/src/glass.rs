//! Breaking the glass: somebody entitled approves alone what needs more people. It is a quorum
//! of one under a recorded rule, rare by its limit, and reviewed by somebody else afterwards.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::entitlement::Entrusted;
use crate::limits;
use crate::time::{Span, Time};

/// Who may break the glass, and how often all of them together. Off unless the policy says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlassRules {
    /// Who.
    pub who: Entrusted,
    /// How often within the window.
    pub max_per_window: u32,
    /// The window.
    pub window: Span,
}

/// When the glass was broken, as far back as any limit can reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Broken(VecDeque<Time>);

impl Broken {
    pub(crate) fn note(&mut self, at: Time) {
        self.0.push_back(at);
        // No limit is higher than what is remembered.
        if self.0.len() > limits::GLASS_PER_WINDOW as usize {
            self.0.pop_front();
        }
    }

    /// How often within `window` before `now`. A jump of the clock never makes room early:
    /// what came before it counts for a full window after it.
    pub(crate) fn within(&self, window: Span, last_jump: Option<Time>, now: Time) -> u32 {
        let counts = |at: &&Time| now < last_jump.map_or(**at, |jump| jump.max(**at)).after(window);
        u32::try_from(self.0.iter().filter(counts).count()).unwrap_or(u32::MAX)
    }
}
