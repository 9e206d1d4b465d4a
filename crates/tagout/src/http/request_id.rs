//! The id of a request: the sender's own if it is a sane one, else one that we make.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tagout_core::digest::to_hex;
use tagout_core::limits;

/// The header that carries it, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids that no other process makes: a random beginning and a number.
#[derive(Debug)]
pub(super) struct RequestIds {
    beginning: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let mut random = [0; 8];
        // An id is a help for people and no secret: without randomness the time does.
        if getrandom::fill(&mut random).is_err() {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            random = now.map_or(0, |now| now.as_secs()).to_be_bytes();
        }
        Self { beginning: to_hex(&random), next: AtomicU64::new(0) }
    }

    /// The id of a request with these headers.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(sent) = headers.get(HEADER).filter(|sent| is_sane(sent.as_bytes())) {
            return sent.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{}-{number}", self.beginning))
            .unwrap_or(HeaderValue::from_static("none"))
    }
}

/// Short, and of characters that mean nothing to a log, a page or a shell.
fn is_sane(id: &[u8]) -> bool {
    let plain = |c: &u8| c.is_ascii_alphanumeric() || b"-_.:/+=".contains(c);
    !id.is_empty() && id.len() <= limits::REQUEST_ID_BYTES && id.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(id: &str) -> HeaderMap {
        HeaderMap::from_iter([(HEADER, HeaderValue::from_str(id).unwrap())])
    }

    #[test]
    fn a_sane_id_is_kept_up_to_its_limit_and_any_other_is_replaced() {
        let ids = RequestIds::new();
        let longest = "a".repeat(limits::REQUEST_ID_BYTES);
        for kept in ["7", "a-b_c.d:e/f+g=", &longest] {
            assert_eq!(ids.of(&with(kept)), kept);
        }
        let too_long = "a".repeat(limits::REQUEST_ID_BYTES + 1);
        for replaced in ["", "a b", "<script>", "a\"b", "a;b", &too_long] {
            assert_ne!(ids.of(&with(replaced)), replaced, "{replaced}");
        }
    }

    #[test]
    fn no_two_requests_get_the_same_id() {
        let ids = RequestIds::new();
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
        assert_ne!(ids.of(&HeaderMap::new()), RequestIds::new().of(&HeaderMap::new()));
    }
}
