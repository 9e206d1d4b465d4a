//! The bounded JSON reader, and the recognition of formats.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    tagout_fuzz::is_within_limits(tagout::signals::read(body));
    // A stream gives the same as its bytes.
    assert_eq!(tagout::signals::read_bounded(body).as_deref(), Ok(body));
});
