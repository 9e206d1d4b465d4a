//! The forms of a review: what the reader can do with the plan before them, and why not where
//! they cannot.

use maud::{Markup, html};
use tagout_core::actor::Act;
use tagout_core::approval::ApprovalGate;
use tagout_core::incident::{Incident, Stage};
use tagout_core::time::Time;

use super::answers::{ANSWER, GLASS, RESUME};
use super::form::{self, Reason};
use super::incident::answered;
use super::quorum::{self, Mine};
use super::refused::Refused;
use super::review::Reviewed;
use super::text::{said, when};
use crate::http::caller::Caller;

impl Reviewed {
    /// What the reader can do.
    pub(super) fn ask(&self, caller: &Caller, refused: Option<&Refused>, now: Time) -> Markup {
        let current = self.incident.proposal().is_some_and(|p| p.digest == self.digest);
        match &self.incident {
            Incident::Open(_, Stage::Waiting(_, gate, _)) if current => html! {
                (self.answer(gate, caller, refused, now))
                (self.break_glass(gate, caller, refused, now))
                // Whoever answers rejects; whoever does not may stop it all the same.
                @if !caller.actor.may(Act::Review) { (self.revoke(caller)) }
            },
            Incident::Open(_, Stage::Halted(_)) if current => html! {
                (self.resume(caller, refused))
                (self.revoke(caller))
            },
            Incident::Open(_, Stage::Granted(..)) if current => self.revoke(caller),
            _ => html! {},
        }
    }

    fn answer(
        &self,
        gate: &ApprovalGate,
        caller: &Caller,
        refused: Option<&Refused>,
        now: Time,
    ) -> Markup {
        let actor = &caller.actor;
        let mode = self.plan.mode;
        let mine = Mine::of(gate, actor, now);
        let kept = Refused::kept(refused, ANSWER).get("reason");
        let given = gate.reviews().find(|(review, _)| review.reviewer == actor.person);
        html! {
            section.sheet.ask aria-labelledby="answer" {
                h2 #answer { "Your answer" }
                @match mine {
                    Mine::Answered(answer) => p {
                        "You " (answered(answer)) " this plan"
                        @if let Some((_, at)) = given { " at " (when(at, now)) }
                        ". One person, one answer."
                    },
                    Mine::Not => p { "Your role (" (actor.role) ") reads plans; an approver answers "
                        "them." },
                    Mine::Over => p { "It is decided or has lapsed; nothing is to answer." },
                    Mine::Own | Mine::Others | Mine::Open => {
                        @if mine == Mine::Own {
                            p { "You asked for this plan, so somebody else must approve it. "
                                "You can reject it." }
                        }
                        @if mine == Mine::Others {
                            p { "The policy lets others approve this plan: "
                                strong { (said(&gate.request().approvers.to_string())) }
                                ". You can reject it." }
                        }
                        form method="post" action={ (self.address()) "/approve" } data-decides="yes" {
                            (form::own(caller))
                            input type="hidden" name="mode" value=(mode);
                            (Reason {
                                id: "reason",
                                label: "Why?",
                                help: Some("Recorded with your name, for whoever reads the log \
                                    later. A rejection without a reason helps nobody."),
                                required: false,
                                kept,
                            })
                            div.buttons {
                                @if mine == Mine::Open {
                                    button.primary type="submit" { "Approve for " (mode) }
                                }
                                button.danger type="submit"
                                    formaction={ (self.address()) "/reject" } { "Reject" }
                                a.button href={ (self.address()) "/change" } { "Change the plan…" }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Approving alone what the reader's own approval would not grant: because it needs more
    /// people, because they asked for it themselves, or because the policy lets others approve.
    fn break_glass(
        &self,
        gate: &ApprovalGate,
        caller: &Caller,
        refused: Option<&Refused>,
        now: Time,
    ) -> Markup {
        let actor = &caller.actor;
        let entitled = self.glass.as_ref().is_some_and(|rules| rules.who.includes(actor));
        let kept = Refused::kept(refused, GLASS);
        if !(entitled && actor.may(Act::BreakGlass)) || quorum::suffices(gate, actor, now) {
            return html! {};
        }
        html! {
            section.sheet.stop aria-labelledby="glass" {
                h2 #glass { "Nobody else is there?" }
                details open[kept.is_refused()] {
                    summary { "Break the glass: approve alone" }
                    p { "Everybody who could approve is told, every page says so, and somebody "
                        "else must review it afterwards. It is rare by a limit of the policy." }
                    form method="post" action={ (self.address()) "/break-glass" } data-decides="yes" {
                        (form::own(caller))
                        input type="hidden" name="mode" value=(self.plan.mode);
                        (Reason {
                            id: "glass-reason",
                            label: "Why can it not wait for a second person?",
                            help: None,
                            required: true,
                            kept: kept.get("reason"),
                        })
                        button.danger type="submit" {
                            "Break the glass and approve for " (self.plan.mode) }
                    }
                }
            }
        }
    }

    fn resume(&self, caller: &Caller, refused: Option<&Refused>) -> Markup {
        html! {
            section.sheet aria-labelledby="answer" {
                h2 #answer { "Have it decided again" }
                @if caller.actor.may(Act::Resume) {
                    p { "The policy is asked again. At best, people are then asked; somebody else "
                        "than you must approve." }
                    form method="post" action={ (self.address()) "/resume" } data-decides="yes" {
                        (form::own(caller))
                        (Reason {
                            id: "reason",
                            label: "Why may it go on?",
                            help: None,
                            required: true,
                            kept: Refused::kept(refused, RESUME).get("reason"),
                        })
                        div.buttons { button type="submit" { "Decide again for " (self.plan.mode) } }
                    }
                } @else {
                    p { "Your role (" (caller.actor.role) ") cannot do that; an approver can." }
                }
            }
        }
    }

    /// Stopping it for good, before the next step or before anybody grants it.
    fn revoke(&self, caller: &Caller) -> Markup {
        let granted = matches!(&self.incident, Incident::Open(_, Stage::Granted(..)));
        let (title, button) = match granted {
            true => ("Take it back", "Take back the grant"),
            false => ("Stop this plan", "Stop this plan for good"),
        };
        html! {
            section.sheet aria-labelledby="revoke" {
                h2 #revoke { (title) }
                @if caller.actor.may(Act::Stop) {
                    @if granted { p { "What runs of it is ended at once, and nothing more of it starts. "
                        "What a step that was cut short has done, nobody saw: look at the system." } }
                    @else { p { "The plan becomes void, and the incident is for people alone." } }
                    form method="post" action={ (self.address()) "/revoke" } data-decides="yes" {
                        (form::own(caller))
                        label.choice { input type="checkbox" name="sure" value="yes" required;
                            "Yes, this plan must not go on" }
                        div.buttons { button.danger type="submit" { (button) } }
                    }
                } @else {
                    p { "Your role (" (caller.actor.role) ") reads; a responder can stop it." }
                }
            }
        }
    }
}
