//! A click in Slack: a form with JSON in it, and our own value in that.

use tagout::notify::slack::click::Click;
use tagout_core::limits;

pub fn fuzz(body: &[u8]) {
    match Click::read(body) {
        Ok(Some(click)) => {
            let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(plain(&click.user) && plain(&click.conversation));
            assert!((1..=limits::NAME_BYTES).contains(&click.incident.len()));
        }
        Ok(None) => {}
        Err(error) => crate::rules::is_printable(&error.to_string()),
    }
}
