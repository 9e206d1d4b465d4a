//! Grafana's webhook.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    tagout_fuzz::reads_as(tagout::signals::Format::Grafana, body);
});
