//! How Slack proves that a click comes from it: HMAC-SHA256 over `v0:`, the time, `:` and the
//! body, no older than five minutes.
//!
//! Format: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tagout_core::digest::from_hex;
use tagout_core::limits;
use tagout_core::time::Time;

use crate::source::Secret;

/// The header with the time, in seconds since 1970.
pub const TIMESTAMP: &str = "x-slack-request-timestamp";
/// The header with the signature.
pub const SIGNATURE: &str = "x-slack-signature";

/// A request as it was signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The header [`TIMESTAMP`].
    pub timestamp: &'a str,
    /// The header [`SIGNATURE`].
    pub signature: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Why a request does not count as Slack's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSlack {
    /// The time is none.
    #[error("the time of the request is none")]
    BadTime,
    /// The time is too far from ours.
    #[error("the request is more than five minutes from now")]
    Late,
    /// The signature is none of version v0.
    #[error("the signature is not v0 and 64 hexadecimal digits")]
    BadSignature,
    /// None of the secrets made the signature.
    #[error("the signature is not Slack's")]
    Mismatch,
}

impl Signed<'_> {
    /// Whether one of the secrets made the signature, and lately.
    ///
    /// # Errors
    /// If not.
    pub fn by_one_of(&self, secrets: &[Secret], now: Time) -> Result<(), NotSlack> {
        let digits = self.timestamp;
        if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotSlack::BadTime);
        }
        let seconds: i64 = digits.parse().map_err(|_| NotSlack::BadTime)?;
        let signed = Time::from_millis(seconds.saturating_mul(1000));
        if now.since(signed).max(signed.since(now)) > limits::SIGNATURE_TOLERANCE {
            return Err(NotSlack::Late);
        }
        let tag = self.signature.strip_prefix("v0=").and_then(from_hex::<32>);
        let tag = tag.ok_or(NotSlack::BadSignature)?;
        let mut fits = false;
        for secret in secrets {
            // A key of any length is one.
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else { continue };
            for part in [b"v0:", digits.as_bytes(), b":", self.body] {
                mac.update(part);
            }
            // Compared in constant time; all are tried.
            fits |= mac.verify_slice(&tag).is_ok();
        }
        if fits { Ok(()) } else { Err(NotSlack::Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's own documentation.
    const SECRET: &[u8] = b"8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn ask(signature: &str, body: &[u8], secret: &[u8], at: i64) -> Result<(), NotSlack> {
        let signed = Signed { timestamp: "1531420618", signature, body };
        let other = Secret::new(b"another".to_vec()).unwrap();
        let secrets = [other, Secret::new(secret.to_vec()).unwrap()];
        signed.by_one_of(&secrets, Time::from_millis(at * 1000))
    }

    #[test]
    fn the_published_example_is_believed_for_five_minutes() {
        assert_eq!(ask(SIGNATURE, BODY, SECRET, 1_531_420_618), Ok(()));
        assert_eq!(ask(SIGNATURE, BODY, SECRET, 1_531_420_618 + 300), Ok(()));
        assert_eq!(ask(SIGNATURE, BODY, SECRET, 1_531_420_618 + 301), Err(NotSlack::Late));
        assert_eq!(ask(SIGNATURE, BODY, SECRET, 1_531_420_618 - 301), Err(NotSlack::Late));
    }

    #[test]
    fn another_body_secret_time_or_form_is_not_believed() {
        let at = 1_531_420_618;
        assert_eq!(ask(SIGNATURE, b"token=other", SECRET, at), Err(NotSlack::Mismatch));
        assert_eq!(ask(SIGNATURE, BODY, b"forged", at), Err(NotSlack::Mismatch));
        assert_eq!(ask(&SIGNATURE[3..], BODY, SECRET, at), Err(NotSlack::BadSignature));
        assert_eq!(ask("v0=00", BODY, SECRET, at), Err(NotSlack::BadSignature));
        assert_eq!(
            ask(&SIGNATURE.replace("v0", "v1"), BODY, SECRET, at),
            Err(NotSlack::BadSignature)
        );
        for timestamp in ["", "-1531420618", " 1531420618", "1531420618.0", "9999999999999999"] {
            let signed = Signed { timestamp, signature: SIGNATURE, body: BODY };
            let secrets = [Secret::new(SECRET.to_vec()).unwrap()];
            let now = Time::from_millis(at * 1000);
            assert_eq!(signed.by_one_of(&secrets, now), Err(NotSlack::BadTime), "{timestamp:?}");
        }
    }
}
