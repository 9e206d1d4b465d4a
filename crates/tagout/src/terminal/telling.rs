//! A story that is told incident by incident: what is recorded in one turn is about many, and
//! a reader wants one after the other.

use std::sync::{Arc, Mutex, PoisonError};

use tagout_core::event::Event;

use crate::journal::Recorded;

use super::{print_lines, story};

/// Tells each incident when it has come as far as it goes without people. Clones share what
/// they have heard.
#[derive(Debug, Clone, Default)]
pub struct Telling(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    untold: Vec<Recorded>,
    /// The incident whose search was heard last: what follows it in the same turn is its end.
    searched: Option<String>,
}

impl Telling {
    /// Takes in an event: the engine's observer.
    pub fn hear(&self, recorded: &Recorded) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = heard.searched.take_if(|id| id != recorded.incident()) {
            heard.tell(|other| other.incident() == id);
        }
        if let Event::SearchCompleted { .. } = recorded.event() {
            heard.searched = Some(recorded.incident().to_owned());
        }
        heard.untold.push(recorded.clone());
    }

    /// Tells what is left, each incident by itself and what spans incidents last.
    pub fn tell(&self) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(id) = heard.untold.iter().map(Recorded::incident).find(|id| !id.is_empty()) {
            let id = id.to_owned();
            heard.tell(|other| other.incident() == id);
        }
        heard.tell(|_| true);
    }
}

impl Heard {
    fn tell(&mut self, which: impl Fn(&Recorded) -> bool) {
        let (told, untold) = std::mem::take(&mut self.untold).into_iter().partition(which);
        self.untold = untold;
        let told: Vec<Recorded> = told;
        for recorded in &told {
            if begins(recorded.event()) {
                anstream::println!();
            }
            print_lines(&story::tell(recorded));
        }
    }
}

/// Whether a new paragraph begins.
fn begins(event: &Event) -> bool {
    match event {
        Event::IncidentOpened { .. } | Event::AlertRepeated { .. } | Event::AlertEnded { .. } => {
            true
        }
        Event::DeliveryReceived { folded, .. } | Event::DeliveryPartReceived { folded, .. } => {
            !folded.is_empty()
        }
        _ => false,
    }
}
