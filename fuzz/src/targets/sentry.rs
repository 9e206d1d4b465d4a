//! Sentry's integration webhooks.

pub fn fuzz(body: &[u8]) {
    crate::rules::reads_as(tagout::signals::Format::Sentry, body);
}
