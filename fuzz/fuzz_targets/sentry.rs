//! Sentry's integration webhooks.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    tagout_fuzz::reads_as(tagout::signals::Format::Sentry, body);
});
