//! A structured or batched CloudEvent.

pub fn fuzz(body: &[u8]) {
    crate::rules::reads_as(tagout::signals::Format::CloudEvents, body);
}
