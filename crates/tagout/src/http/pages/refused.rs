//! What somebody sent and what was not taken of it. It is told on the page that they sent it
//! from, with all that they typed still in its place.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::form::Fields;
use super::review::{difference, sentence};
use super::text::said;
use crate::http::problem::Problem;

/// A form that was not taken.
pub(super) struct Refused {
    /// Which of the page's forms it was.
    form: &'static str,
    fields: Fields,
    problem: Problem,
}

/// What stood in the fields of a form when it was refused; nothing in those of all others.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a>(Option<&'a Fields>);

impl Refused {
    pub(super) const fn new(form: &'static str, fields: Fields, problem: Problem) -> Self {
        Self { form, fields, problem }
    }

    /// The status that its page is answered with: the one that a program would get.
    pub(super) fn status(refused: Option<&Self>) -> StatusCode {
        refused.map_or(StatusCode::OK, |refused| refused.problem.status())
    }

    /// What was typed into a form of this name, if that is the one.
    pub(super) fn kept<'a>(refused: Option<&'a Self>, form: &str) -> Kept<'a> {
        Kept(refused.filter(|refused| refused.form == form).map(|refused| &refused.fields))
    }

    /// Why nothing came of it, and what to do.
    pub(super) fn told(&self) -> Markup {
        html! {
            section.sheet.stop role="alert" {
                h2 { "Not taken: nothing was decided" }
                p { (said(&sentence(self.problem.words()))) }
                @if !self.problem.difference().is_empty() { (difference(self.problem.difference())) }
            }
        }
    }
}

impl<'a> Kept<'a> {
    /// Whether this is the form that was refused.
    pub(super) const fn is_refused(self) -> bool {
        self.0.is_some()
    }

    /// Only if a field says that it was about this one, where a page has the form many times.
    pub(super) fn of(self, name: &str, value: &str) -> Self {
        Self(self.0.filter(|_| self.get(name) == value))
    }

    /// What stood in a field.
    pub(super) fn get(self, name: &str) -> &'a str {
        self.0.and_then(|fields| fields.get(name)).unwrap_or_default()
    }

    /// What stood in a field of a form that was refused, or what it begins with.
    pub(super) fn or(self, name: &str, first: &'a str) -> &'a str {
        self.0.map_or(first, |fields| fields.get(name).unwrap_or_default())
    }

    /// Whether this was among the values of a field.
    pub(super) fn has(self, name: &str, value: &str) -> bool {
        self.0.is_some_and(|fields| fields.all(name).any(|one| one == value))
    }
}
