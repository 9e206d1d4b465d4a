//! Time-boxed bypasses: for a while, and for one runbook, doubt about the match does not hold a
//! low or medium plan back. Those that are open, and the form that opens one.

use axum::http::StatusCode;
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::bypass::{self, Bypass, BypassRules};
use tagout_core::limits;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};

use super::form::{self, Fields, Reason, lasts};
use super::refused::Refused;
use super::text::{said, when};
use super::{encoded, plan};
use crate::asks::SharedAsk;
use crate::engine::Engine;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::http::switches::end;
use crate::store::Store;

/// The form that opens one.
pub(super) const FORM: &str = "bypass";

/// How long one can be opened for, as far as the policy allows: what is sent, and how it is said.
const LASTS: [(&str, &str); 7] = [
    ("15m", "15 minutes"),
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
    ("24h", "24 hours"),
];

/// What is known of bypasses.
pub(super) struct Bypasses {
    open: Vec<(String, Bypass)>,
    rules: Option<BypassRules>,
    /// The runbooks that one can be for: those whose plans are not approved unread.
    runbooks: Vec<String>,
}

/// What the form asks for.
pub(super) fn ask(id: String, fields: &Fields) -> Result<SharedAsk, Problem> {
    let bad = |what: &str| Problem::new(StatusCode::BAD_REQUEST).detail(what);
    let field = |name| fields.get(name).unwrap_or_default().trim();
    let tier: Tier = field("tier").parse().map_err(|_| bad("choose the highest tier"))?;
    let lasts = Some(field("lasts")).filter(|lasts| !lasts.is_empty());
    let until = end(super::text::now(), None, lasts)?;
    let until = until.ok_or_else(|| bad("say how long; a bypass has an end"))?;
    let runbook = field("runbook").to_owned();
    if runbook.is_empty() {
        return Err(bad("choose the runbook"));
    }
    Ok(SharedAsk::OpenBypass { id, runbook, tier, until, reason: fields.reason() })
}

impl Bypasses {
    pub(super) fn of(engine: &Engine<Store>, now: Time) -> Self {
        let known = engine.journal().shared().bypasses();
        let open = known.open(now).map(|(id, bypass)| (id.to_owned(), bypass.clone()));
        let runbooks = engine.runbooks().iter().map(|runbook| &runbook.id);
        Self {
            open: open.collect(),
            rules: known.rules().cloned(),
            runbooks: runbooks.filter(|id| !known.is_ceremonial(id)).cloned().collect(),
        }
    }

    pub(super) fn section(&self, caller: &Caller, refused: Option<&Refused>, now: Time) -> Markup {
        html! {
            section.sheet aria-labelledby="bypasses" {
                h2 #bypasses { "Bypasses" }
                p { "A bypass lets plans of one runbook go on without people where only the match "
                    "was in doubt. It ends by itself, is held to every limit of the policy, and "
                    "its plans are reviewed afterwards." }
                @if self.open.is_empty() { p { "None is open." } }
                @else {
                    ul.rows role="list" { @for (id, bypass) in &self.open {
                        (row(id, bypass, caller, now))
                    } }
                }
                (self.form(caller, refused))
            }
        }
    }

    fn form(&self, caller: &Caller, refused: Option<&Refused>) -> Markup {
        let kept = Refused::kept(refused, FORM);
        let Some(rules) = &self.rules else {
            return html! { p.hush { "The policy has no " code { "[bypass]" }
            "; nobody may open one." } };
        };
        if !(caller.actor.may(Act::Bypass) && rules.who.includes(&caller.actor)) {
            return html! { p.hush { "You cannot open one. The policy entitles "
            (said(&rules.who.to_string())) ", in the role of an approver." } };
        }
        let fits = |span: &str| span.parse::<Span>().is_ok_and(|span| span <= rules.longest);
        let longest = rules.longest.to_string();
        let mut spans: Vec<_> = LASTS.into_iter().filter(|(span, _)| fits(span)).collect();
        if spans.is_empty() {
            spans.push((&longest, &longest));
        }
        html! {
            details open[kept.is_refused()] {
                summary { "Open a bypass" }
                form method="post" action="/stops/bypasses" {
                    (form::own(caller))
                    (self.runbook(kept.get("runbook")))
                    fieldset {
                        legend { "For plans up to" }
                        @for tier in [Tier::Low, Tier::Medium] {
                            @if tier <= bypass::HIGHEST {
                                label.choice {
                                    input type="radio" name="tier" value=(tier.name()) required
                                        checked[kept.or("tier", Tier::Low.name()) == tier.name()];
                                    span { (tier.name()) " tier" }
                                }
                            }
                        }
                    }
                    (lasts("bypass-lasts", "How long?", &spans, kept.get("lasts")))
                    (Reason {
                        id: "bypass-reason",
                        label: "Why is doubt not to hold them back?",
                        help: None,
                        required: true,
                        kept: kept.get("reason"),
                    })
                    button type="submit" { "Open the bypass" }
                }
            }
        }
    }

    /// A choice of runbooks; a field to write in where they are too many.
    fn runbook(&self, kept: &str) -> Markup {
        html! {
            div.field {
                label.above for="bypass-runbook" { "Which runbook?" }
                @if self.runbooks.len() > limits::RUNBOOK_ROWS {
                    input #bypass-runbook name="runbook" value=(kept) required maxlength="256"
                        autocomplete="off" autocapitalize="off" spellcheck="false";
                } @else {
                    select #bypass-runbook name="runbook" required {
                        option value="" { "(choose)" }
                        @for id in &self.runbooks {
                            option value=(id) selected[id == kept] { (id) }
                        }
                    }
                }
            }
        }
    }
}

fn row(id: &str, bypass: &Bypass, caller: &Caller, now: Time) -> Markup {
    html! {
        li.row {
            h3 { (said(&bypass.runbook)) }
            p.facts {
                span.fact { "up to " (plan::tier(bypass.tier)) }
                span.fact { "by " strong { (said(bypass.by.name())) } }
                span.fact { "ends " (when(bypass.until, now)) }
                span.fact.hush { (said(id)) }
            }
            p.what { "“" (said(bypass.reason.as_str())) "”" }
            @if caller.actor.may(Act::Stop) {
                form method="post" action={ "/stops/bypasses/" (encoded(id)) "/close" } {
                    (form::own(caller))
                    button type="submit" { "End it now"
                        span.vh { ": the bypass for " (said(&bypass.runbook)) } }
                }
            }
        }
    }
}
