//! One alert of Alertmanager's webhook.
#![no_main]

libfuzzer_sys::fuzz_target!(|alert: &[u8]| {
    let body = [br#"{"version":"4","alerts":["#, alert, b"]}"].concat();
    tagout_fuzz::is_within_limits(tagout::signals::read(&body));
});
