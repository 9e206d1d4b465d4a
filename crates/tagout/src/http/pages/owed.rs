//! Reviews that are owed: what ran without people, or by one person alone, is looked at by
//! somebody when it is over.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::afterwards::{Hindsight, Owed};
use tagout_core::digest::PlanDigest;
use tagout_core::shared::Shared;
use tagout_core::time::Time;

use super::error::PageError;
use super::form::{self, Fields, Posted, Reason};
use super::refused::Refused;
use super::text::{said, when};
use super::{handling, plan, review};
use crate::asks::IncidentAsk;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;

/// The form of an incident that settles one.
const FORM: &str = "afterwards";

/// A review that is owed of a plan.
pub(super) struct Debt {
    plan: PlanDigest,
    owed: Owed,
}

/// Those that an incident owes.
pub(super) fn of(shared: &Shared, incident: &str) -> Vec<Debt> {
    let all = shared.debts().owed().iter().filter(|(_, owed)| owed.incident == incident);
    all.map(|(plan, owed)| Debt { plan: *plan, owed: owed.clone() }).collect()
}

/// Takes what somebody says afterwards.
pub(super) async fn settle(
    State(app): State<Arc<App>>,
    Path((id, plan)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let plan = review::digest(&plan)?;
    let ask = |fields: &Fields| {
        let hindsight = match fields.get("hindsight") {
            Some("upheld") => Hindsight::Upheld,
            Some("rejected") => Hindsight::Rejected,
            _ => {
                let detail = "say whether it was right: choose one of the two";
                return Err(Problem::new(StatusCode::BAD_REQUEST).detail(detail));
            }
        };
        Ok(IncidentAsk::ReviewAfterwards { plan, hindsight, reason: fields.reason() })
    };
    handling::send(&app, id, posted, FORM, ask).await
}

impl Debt {
    /// The form that settles it.
    pub(super) fn form(&self, caller: &Caller, refused: Option<&Refused>, now: Time) -> Markup {
        let Self { plan, owed } = self;
        let address = review::address(&owed.incident, *plan);
        let kept = Refused::kept(refused, FORM).of("plan", &plan.to_string());
        let id = |what: &str| format!("{what}-{}", plan.short());
        html! {
            section.sheet.ask aria-labelledby=(id("owed")) {
                h2 id=(id("owed")) { "A review afterwards is owed" }
                p {
                    (plan::mode(owed.mode)) " "
                    @match &owed.not_by {
                        Some(person) => { strong { (said(person.name())) }
                            " broke the glass and approved it alone. It was over at " }
                        None => "It went on without people. It was over at ",
                    }
                    (when(owed.since, now)) ". "
                    a href=(address) { "Read the plan as it was" }
                }
                @if owed.not_by.as_ref() == Some(&caller.actor.person) {
                    p { "You did this alone, so somebody else must review it." }
                } @else if !caller.actor.may(Act::Review) {
                    p { "Your role (" (caller.actor.role) ") reads; an approver reviews it." }
                } @else {
                    form method="post" action={ (address) "/afterwards" } {
                        (form::own(caller))
                        input type="hidden" name="plan" value=(plan);
                        fieldset {
                            legend { "Was it right to do this?" }
                            (choice("upheld", "Yes. I would have approved it.", kept.has("hindsight", "upheld")))
                            (choice("rejected", "No. What can be taken back is offered as a new plan.",
                                kept.has("hindsight", "rejected")))
                        }
                        (Reason {
                            id: &id("owed-reason"),
                            label: "Why?",
                            help: Some("A “No” needs a reason. It is recorded in your name."),
                            required: false,
                            kept: kept.get("reason"),
                        })
                        button type="submit" { "Record this review" }
                    }
                }
            }
        }
    }
}

fn choice(value: &str, words: &str, checked: bool) -> Markup {
    html! {
        label.choice {
            input type="radio" name="hindsight" value=(value) required checked[checked];
            span { (words) }
        }
    }
}
