//! What holds for everything: the kill switch, a change freeze, a broken glass that nobody has
//! reviewed, a bypass, runbooks that are approved unread. It stands on every page, in a
//! place of its own that is there even when nothing holds.

use maud::{Markup, html};
use tagout_core::afterwards::BrokenGlass;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;

use super::encoded;
use super::text::{absolute, cut, relative, said, said_lines, when};
use crate::engine::Engine;
use crate::journal::Declared;
use crate::store::Store;

/// How many of a kind the strip names.
const NAMED: usize = 3;

/// What holds at one moment.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    pub(super) kill_switch: bool,
    switched: Option<Declared>,
    pub(super) freeze: Option<Option<Time>>,
    frozen: Option<Declared>,
    /// Broken glass that nobody has reviewed yet.
    broken: Vec<BrokenGlass>,
    /// The runbooks whose plans are approved unread, as far as the theater check can tell.
    ceremonial: Vec<String>,
    /// The runbooks that a bypass is open for, and when it ends.
    bypassed: Vec<(String, Time)>,
    /// Whether the service may run steps at all.
    live: bool,
    /// How many entries the log has.
    pub(super) entries: u64,
}

impl Holds {
    /// What holds by the recorded state.
    pub(super) fn of(engine: &Engine<Store>, now: Time) -> Self {
        let journal = engine.journal();
        let (shared, overview) = (journal.shared(), journal.overview());
        Self {
            kill_switch: shared.kill_switch,
            switched: overview.kill_switch.clone(),
            freeze: shared.freeze(now),
            frozen: overview.freeze.clone(),
            broken: shared.debts().broken_glass().take(NAMED).cloned().collect(),
            ceremonial: engine
                .runbooks()
                .iter()
                .filter(|runbook| shared.bypasses().is_ceremonial(&runbook.id))
                .take(NAMED)
                .map(|runbook| runbook.id.clone())
                .collect(),
            bypassed: shared
                .bypasses()
                .open(now)
                .take(NAMED)
                .map(|(_, bypass)| (bypass.runbook.clone(), bypass.until))
                .collect(),
            live: engine.mode() == Mode::Live,
            entries: journal.log().size(),
        }
    }

    /// The strip under the navigation. It never changes its height, so that what comes to hold
    /// while a page is read moves nothing on it.
    pub(super) fn strip(&self, now: Time) -> Markup {
        let stopped = self.kill_switch || self.freeze.is_some();
        let quiet = !stopped
            && self.broken.is_empty()
            && self.ceremonial.is_empty()
            && self.bypassed.is_empty();
        html! {
            section #holds.holds.quiet[quiet] aria-label="What holds for everything" {
                p aria-live="polite" {
                    // The mode is read first where there is room for little.
                    @if quiet { (self.mode()) " Nothing is stopped." }
                    @if self.kill_switch {
                        strong { "Kill switch engaged" }
                        @if let Some(by) = &self.switched { " by " (said(by.by.name())) " at " (absolute(by.at, now)) }
                        ". Nothing starts. "
                    }
                    @if let Some(until) = self.freeze {
                        strong { "Change freeze" }
                        @if let Some(by) = &self.frozen { " by " (said(by.by.name())) }
                        @match until {
                            Some(until) => { " until " (absolute(until, now)) ", " (relative(until, now)) "." }
                            None => " until it is lifted.",
                        }
                        " "
                    }
                    @for BrokenGlass { incident, by, .. } in &self.broken {
                        strong { "Glass broken" } " by " (said(by.name())) " in "
                        a href={ "/incidents/" (encoded(incident)) } { (said(incident)) }
                        "; somebody else must review it. "
                    }
                    @for (runbook, until) in &self.bypassed {
                        strong { "Bypass" } " for " a href="/stops#bypasses" { (said(runbook)) }
                        " until " (absolute(*until, now)) ". "
                    }
                    @if !self.ceremonial.is_empty() {
                        strong { "Approved unread" } ", it seems: "
                        a href="/oversight" { (said(&self.ceremonial.join(", "))) } ". "
                    }
                    // Otherwise the last, so that it takes no room from what holds.
                    @if !quiet { (self.mode()) }
                }
                a href="/stops" { @if stopped { "Why, and let go on…" } @else { "Stop everything…" } }
            }
        }
    }

    const fn mode(&self) -> &'static str {
        if self.live { "Live mode: admitted pages really run." } else { "All is dry-run." }
    }

    pub(super) fn kill_switch_in_words(&self, now: Time) -> Markup {
        in_words("Engaged", self.switched.as_ref(), now)
    }

    pub(super) fn freeze_in_words(&self, now: Time) -> Markup {
        html! {
            (in_words("Declared", self.frozen.as_ref(), now))
            p {
                @match self.freeze.flatten() {
                    Some(until) => { "It ends at " (when(until, now)) "." }
                    None => "It holds until it is lifted.",
                }
            }
        }
    }
}

fn in_words(what: &str, declared: Option<&Declared>, now: Time) -> Markup {
    html! {
        @if let Some(declared) = declared {
            p { (what) " by " strong { (said(declared.by.name())) } " at " (when(declared.at, now))
                " (" a href={ "/audit?from=" (declared.entry) } { "entry " (declared.entry) } ")." }
            @if !declared.reason.is_empty() {
                blockquote { (said_lines(&cut(declared.reason.as_str(), 2_000))) }
            }
        }
    }
}
