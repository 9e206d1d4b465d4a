//! Messages of Amazon SNS: is the signature Amazon's, and is the topic ours?
//!
//! What is checked, and why: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.
//! Every customer of AWS can have a topic whose messages carry a good signature, so the topic is
//! checked as well as the signature, and first: no stranger's message makes us fetch anything
//! unless it names a topic that is configured. What it can then make us fetch is a file on a host
//! of SNS, at most [`limits::FETCHES`] at a time, and only a certificate that has verified a
//! message is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tagout_core::limits;
use tagout_core::time::{Span, Time};
use tokio::sync::Semaphore;

use super::certificate::{Hash, SigningKey};
use super::pinned::{Fetch, PinnedUrl};
use super::signature::within;
use super::unauthenticated::{NotConfirmed, Unauthenticated};
use crate::signals::sns::Envelope;

/// The longest signature: an RSA key of 8192 bits makes one of 1,024 bytes.
const SIGNATURE_BYTES: usize = 1_024;

/// A receiver of some topics.
#[derive(Debug)]
pub(super) struct Subscriber {
    topics: Vec<String>,
    tolerance: Span,
    fetch: Arc<dyn Fetch>,
    fetches: Semaphore,
    /// Keys by the URL of their certificate. Only such as have verified a message.
    keys: Mutex<BTreeMap<PinnedUrl, Arc<SigningKey>>>,
}

impl Subscriber {
    pub(super) fn new(topics: Vec<String>, tolerance: Span, fetch: Arc<dyn Fetch>) -> Self {
        let fetches = Semaphore::new(limits::FETCHES);
        Self { topics, tolerance, fetch, fetches, keys: Mutex::default() }
    }

    pub(super) fn fetch_through(&mut self, fetch: Arc<dyn Fetch>) {
        self.fetch = fetch;
    }

    /// Whether a message is genuine, recent and of one of our topics.
    pub(super) async fn verify(&self, body: &[u8], now: Time) -> Result<(), Unauthenticated> {
        let malformed = |place: &str, what: String| Unauthenticated::Malformed {
            place: place.to_owned(),
            what,
        };
        let envelope =
            Envelope::of(body).map_err(|error| malformed("the body", error.to_string()))?;
        if !self.topics.contains(&envelope.topic) {
            let short: String = envelope.topic.chars().take(256).collect();
            return Err(Unauthenticated::Topic { topic: format!("{short:?}") });
        }
        let signed: Time = envelope
            .timestamp
            .parse()
            .map_err(|_| malformed("Timestamp", "is not an RFC 3339 time".to_owned()))?;
        within(signed, now, self.tolerance)?;
        let hash = match envelope.signature_version.as_str() {
            "1" => Hash::Sha1,
            "2" => Hash::Sha256,
            _ => return Err(malformed("SignatureVersion", "is neither 1 nor 2".to_owned())),
        };
        let signature = STANDARD
            .decode(&envelope.signature)
            .map_err(|_| malformed("Signature", "is not base64".to_owned()))?;
        if signature.len() > SIGNATURE_BYTES {
            return Err(malformed("Signature", format!("is over {SIGNATURE_BYTES} bytes")));
        }
        let url = PinnedUrl::certificate(&envelope.signing_cert_url)
            .map_err(|what| malformed("SigningCertURL", what))?;

        let kept = self.kept(&url);
        let key = match &kept {
            Some(key) => Arc::clone(key),
            None => Arc::new(self.fetched(&url).await?),
        };
        key.check(now).map_err(|what| Unauthenticated::Certificate { what })?;
        if !key.verifies(hash, envelope.signed_text().as_bytes(), &signature) {
            return Err(Unauthenticated::Mismatch { proof: "signature" });
        }
        if kept.is_none() {
            self.keep(url, key, now);
        }
        Ok(())
    }

    fn kept(&self, url: &PinnedUrl) -> Option<Arc<SigningKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
    }

    fn keep(&self, url: PinnedUrl, key: Arc<SigningKey>, now: Time) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, key| key.check(now).is_ok());
        if keys.len() >= limits::CERTIFICATES {
            // Whichever goes, it can be fetched again.
            keys.pop_first();
        }
        keys.insert(url, key);
    }

    async fn fetched(&self, url: &PinnedUrl) -> Result<SigningKey, Unauthenticated> {
        let unavailable = |why: String| Unauthenticated::Unavailable { why };
        let _turn = self
            .fetches
            .try_acquire()
            .map_err(|_| unavailable("too many are being fetched".to_owned()))?;
        let pem = self.fetch.get(url).await.map_err(unavailable)?;
        SigningKey::read(&pem).map_err(|what| Unauthenticated::Certificate { what })
    }

    /// Confirms a subscription to one of our topics.
    pub(super) async fn confirm(&self, topic: &str, url: &str) -> Result<(), NotConfirmed> {
        if !self.topics.iter().any(|ours| ours == topic) {
            return Err(NotConfirmed::Refused(format!("{topic:?} is not among its topics")));
        }
        let url = PinnedUrl::confirmation(url, topic)
            .map_err(|what| NotConfirmed::Refused(format!("SubscribeURL {what}")))?;
        let _turn = self
            .fetches
            .try_acquire()
            .map_err(|_| NotConfirmed::Unreachable("too many fetches".to_owned()))?;
        self.fetch.get(&url).await.map(drop).map_err(NotConfirmed::Unreachable)
    }
}
