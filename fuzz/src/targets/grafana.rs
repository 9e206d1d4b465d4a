//! Grafana's webhook.

pub fn fuzz(body: &[u8]) {
    crate::rules::reads_as(tagout::signals::Format::Grafana, body);
}
