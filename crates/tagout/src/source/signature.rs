//! Signatures with a shared secret: HMAC-SHA256 in hexadecimal, each provider with its own
//! headers.
//!
//! | Provider | Header | What is signed |
//! |---|---|---|
//! | Grafana | `X-Grafana-Alerting-Signature`, or as configured | the body; with a time header, the time, `:` and the body |
//! | PagerDuty | `X-PagerDuty-Signature: v1=…,v1=…` | the body |
//! | Sentry | `Sentry-Hook-Signature` | the body |
//!
//! Sources: <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>,
//! <https://docs.pagerduty.com/developer/verifying-webhook-signatures>,
//! <https://docs.sentry.io/organization/integrations/integration-platform/webhooks/>.
//! Sentry also sends `Sentry-Hook-Timestamp`; its signature does not cover it, so it proves
//! nothing and is not looked at.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use tagout_core::limits;
use tagout_core::time::{Span, Time};

use super::config::SourceConfig;
use super::secret::Secret;
use super::unauthenticated::Unauthenticated;
use crate::signals::Format;

/// The names that Grafana's signature header has where none is configured: the one that is
/// documented and the one that its code sets.
const GRAFANA: [&str; 2] = ["x-grafana-alerting-signature", "x-grafana-alert-signature"];
const PAGERDUTY: &str = "x-pagerduty-signature";
const SENTRY: &str = "sentry-hook-signature";

/// The bytes of one signature.
type Tag = [u8; 32];

/// How one provider signs.
#[derive(Debug)]
pub(super) enum Scheme {
    Grafana {
        /// The header's name, if it is configured.
        header: Option<String>,
        /// The header with the time and the tolerance, if there is one.
        time: Option<(String, Span)>,
    },
    PagerDuty,
    Sentry,
}

impl Scheme {
    /// The scheme of a format.
    pub(super) fn of(config: &SourceConfig, format: Format) -> Result<Self, String> {
        match format {
            Format::Grafana => {
                let tolerance = config.tolerance()?.unwrap_or(limits::SIGNATURE_TOLERANCE);
                let header = config.signature_header.clone();
                let time = config.timestamp_header.clone().map(|header| (header, tolerance));
                Ok(Self::Grafana { header, time })
            }
            Format::PagerDuty => Ok(Self::PagerDuty),
            Format::Sentry => Ok(Self::Sentry),
            other => Err(format!("{other} has no signature with a secret")),
        }
    }

    /// Whether one of the secrets made the signature in the headers.
    pub(super) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[Secret],
        now: Time,
    ) -> Result<(), Unauthenticated> {
        match self {
            Self::Grafana { header, time } => {
                let name = match header {
                    Some(header) => header.as_str(),
                    None => GRAFANA
                        .into_iter()
                        .find(|name| headers.contains_key(*name))
                        .unwrap_or(GRAFANA[0]),
                };
                let tag = hexadecimal(name, one(headers, name)?)?;
                let Some((time_header, tolerance)) = time else {
                    return compare(&[tag], &[body], secrets);
                };
                let time = one(headers, time_header)?;
                compare(&[tag], &[time, b":", body], secrets)?;
                within(seconds(time_header, time)?, now, *tolerance)
            }
            Self::PagerDuty => compare(&versioned(one(headers, PAGERDUTY)?)?, &[body], secrets),
            Self::Sentry => {
                let tag = hexadecimal(SENTRY, one(headers, SENTRY)?)?;
                compare(&[tag], &[body], secrets)
            }
        }
    }
}

/// The one value of a header.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], Unauthenticated> {
    let mut values = headers.get_all(name).iter();
    let first =
        values.next().ok_or_else(|| Unauthenticated::Missing { header: name.to_owned() })?;
    if values.next().is_some() {
        return Err(Unauthenticated::Repeated { header: name.to_owned() });
    }
    Ok(first.as_bytes())
}

/// Whether one of `tags` is what one of the secrets makes of `parts`. All are tried.
fn compare(tags: &[Tag], parts: &[&[u8]], secrets: &[Secret]) -> Result<(), Unauthenticated> {
    let mut fits = Choice::from(0);
    for secret in secrets {
        // A key of any length is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else { continue };
        parts.iter().for_each(|part| mac.update(part));
        let expected = mac.finalize().into_bytes();
        for tag in tags {
            fits |= expected.as_slice().ct_eq(tag);
        }
    }
    if fits.into() { Ok(()) } else { Err(Unauthenticated::Mismatch { proof: "signature" }) }
}

/// Whether `signed` is no further from now than the tolerance.
pub(super) fn within(signed: Time, now: Time, tolerance: Span) -> Result<(), Unauthenticated> {
    let apart = now.since(signed).max(signed.since(now));
    if apart > tolerance {
        return Err(Unauthenticated::Expired { apart, tolerance });
    }
    Ok(())
}

/// The signatures of version 1 in PagerDuty's list; those of other versions are passed over.
fn versioned(list: &[u8]) -> Result<Vec<Tag>, Unauthenticated> {
    let mut tags = Vec::new();
    for (index, entry) in list.split(|byte| *byte == b',').enumerate() {
        if index == limits::SIGNATURES {
            let what = format!("has more than {} signatures", limits::SIGNATURES);
            return Err(malformed(PAGERDUTY, what));
        }
        if let Some(digits) = entry.trim_ascii().strip_prefix(b"v1=") {
            tags.push(hexadecimal(PAGERDUTY, digits)?);
        }
    }
    if tags.is_empty() {
        return Err(malformed(PAGERDUTY, "has no signature of version v1".to_owned()));
    }
    Ok(tags)
}

/// The bytes of 64 hexadecimal digits.
fn hexadecimal(header: &str, digits: &[u8]) -> Result<Tag, Unauthenticated> {
    let bad = || malformed(header, "is not 64 hexadecimal digits".to_owned());
    let mut tag = Tag::default();
    if digits.len() != 2 * tag.len() {
        return Err(bad());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return Err(bad()) };
        let (Some(high), Some(low)) = (digit(high), digit(low)) else { return Err(bad()) };
        *byte = high << 4 | low;
    }
    Ok(tag)
}

/// A time in whole seconds since 1970.
fn seconds(header: &str, digits: &[u8]) -> Result<Time, Unauthenticated> {
    let bad = || malformed(header, "is not a time in seconds since 1970".to_owned());
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(bad());
    }
    let text = std::str::from_utf8(digits).map_err(|_| bad())?;
    let seconds: i64 = text.parse().map_err(|_| bad())?;
    Ok(Time::from_millis(seconds.saturating_mul(1000)))
}

fn malformed(header: &str, what: String) -> Unauthenticated {
    Unauthenticated::Malformed { place: header.to_owned(), what }
}
