//! PagerDuty's webhook, version 3.

pub fn fuzz(body: &[u8]) {
    crate::rules::reads_as(tagout::signals::Format::PagerDuty, body);
}
