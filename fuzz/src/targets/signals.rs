//! The bounded JSON reader, and the recognition of formats.

pub fn fuzz(body: &[u8]) {
    crate::rules::is_within_limits(tagout::signals::read(body));
    // A stream gives the same as its bytes.
    assert_eq!(tagout::signals::read_bounded(body).as_deref(), Ok(body));
}
