//! A click in Slack: a form with JSON in it, and our own value in that.
#![no_main]

use tagout::notify::slack::click::Click;
use tagout_core::limits;

libfuzzer_sys::fuzz_target!(|body: &[u8]| match Click::read(body) {
    Ok(Some(click)) => {
        let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(plain(&click.user) && plain(&click.conversation));
        assert!((1..=limits::NAME_BYTES).contains(&click.incident.len()));
    }
    Ok(None) => {}
    Err(error) => tagout_fuzz::is_printable(&error.to_string()),
});
