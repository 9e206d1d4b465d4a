//! Our own JSON: a list of alerts, or JSON Lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|alerts: &[u8]| {
    let list = [b"[", alerts, b"]"].concat();
    tagout_fuzz::is_within_limits(tagout::signals::read(&list));
    let lines = [alerts, b"\n", alerts].concat();
    tagout_fuzz::is_within_limits(tagout::signals::read(&lines));
});
