//! What a form sends: named fields, some of them more than once, from an address or a body.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use maud::{Markup, Render, html};
use tagout_core::limits;
use tagout_core::text::FreeText;

use super::error::PageError;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::guard::CSRF_FIELD;

/// The fields of a form, in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what a form sends.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let fields = form_urlencoded::parse(bytes).into_owned();
        Self(fields.take(limits::FORM_FIELDS).collect())
    }

    /// The first of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All of this name.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Those whose name begins so, with the rest of the name.
    pub(super) fn beginning<'f>(
        &'f self,
        beginning: &'f str,
    ) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.0
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(beginning)?, &**value)))
    }

    /// What somebody wrote for a reason.
    pub(super) fn reason(&self) -> FreeText {
        // Browsers send a line break as two characters.
        self.get("reason").unwrap_or("").replace("\r\n", "\n").trim().into()
    }
}

/// What a known person sent by one of our own forms.
pub(super) struct Posted {
    pub(super) caller: Caller,
    pub(super) fields: Fields,
}

impl FromRequest<Arc<App>> for Posted {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, app).await;
        let caller = caller.map_err(PageError::Stranger)?;
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, app).await;
        let body = body.map_err(|e| PageError::Bad(e.body_text()))?;
        if body.len() > limits::FORM_BYTES {
            return Err(PageError::Bad("the form holds too much".into()));
        }
        Ok(Self { caller, fields: Fields::read(&body) })
    }
}

/// What every form carries besides its own fields: that it comes from a page of this session.
/// It is held against that before anything else is looked at (see [`crate::http::guard`]).
pub(super) fn own(caller: &Caller) -> Markup {
    html! {
        @if let Some(csrf) = caller.csrf() { input type="hidden" name=(CSRF_FIELD) value=(csrf); }
    }
}

/// A field for a reason in some lines. `name` is `reason` unless a form has two.
pub(super) struct Reason<'a> {
    pub(super) id: &'a str,
    pub(super) label: &'a str,
    /// What it is for, if the label does not say it all.
    pub(super) help: Option<&'a str>,
    pub(super) required: bool,
    /// What was typed before.
    pub(super) kept: &'a str,
}

impl Render for Reason<'_> {
    fn render(&self) -> Markup {
        let help = self.help.map(|_| format!("{}-help", self.id));
        html! {
            div.field {
                label for=(self.id) { (self.label) }
                @if let (Some(id), Some(words)) = (&help, self.help) { p.help id=(id) { (words) } }
                textarea id=(self.id) name="reason" required[self.required] maxlength="4096"
                    aria-describedby=[help.as_ref()] { "\n" (self.kept) }
            }
        }
    }
}

/// A choice of how long something lasts: what is sent, and how it is said.
pub(super) fn lasts(id: &str, label: &str, spans: &[(&str, &str)], kept: &str) -> Markup {
    html! {
        div.field {
            label.above for=(id) { (label) }
            select id=(id) name="lasts" {
                @for (span, words) in spans {
                    option value=(span) selected[*span == kept] { (words) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_order_and_beyond_the_limit_no_more() {
        let fields = Fields::read(b"drop=a&drop=b+c&set.keep=%F0%9F%94%92&reason=one%0D%0Atwo+");
        assert_eq!(fields.all("drop").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(fields.beginning("set.").collect::<Vec<_>>(), [("keep", "🔒")]);
        assert_eq!(fields.reason().as_str(), "one\ntwo");
        assert_eq!(fields.get("absent"), None);
        let many = |count: usize| "a=1&".repeat(count);
        let read = |count: usize| Fields::read(many(count).as_bytes()).all("a").count();
        assert_eq!(read(limits::FORM_FIELDS), limits::FORM_FIELDS);
        assert_eq!(read(limits::FORM_FIELDS + 1), limits::FORM_FIELDS);
    }
}
