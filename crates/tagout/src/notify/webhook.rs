//! Any receiver of Standard Webhooks: JSON with a signature that its libraries check.
//!
//! Format: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Value, json};
use sha2::Sha256;
use tagout_core::time::Time;

use super::client::{HttpClient, NotSent, send};
use super::config::ChannelConfig;
use super::message::Message;
use crate::source::Secret;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// The shortest and longest key that the specification allows, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A receiver.
#[derive(Debug)]
pub(crate) struct Webhook {
    client: HttpClient,
    url: Url,
    keys: Vec<Key>,
}

/// What a body is signed with.
#[derive(Debug)]
pub(crate) struct Key(SecretSlice<u8>);

impl Key {
    /// The key that a secret holds in Base64 after `whsec_`.
    pub(crate) fn of(secret: &Secret) -> Result<Self, String> {
        let text = std::str::from_utf8(secret.bytes()).ok();
        let coded = text.and_then(|text| text.strip_prefix(PREFIX));
        let coded = coded.ok_or("a secret does not begin with whsec_")?;
        let key = BASE64_STANDARD.decode(coded);
        let key = key.map_err(|_| "a secret is not Base64 after whsec_")?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(
                "a secret must hold 24 to 64 bytes; `openssl rand -base64 32` makes 32".into()
            );
        }
        Ok(Self(key.into()))
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The header `webhook-signature`: one signature for each key, with a space between them.
fn signatures(keys: &[Key], id: &str, seconds: i64, body: &[u8]) -> String {
    let seconds = seconds.to_string();
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    keys.iter().filter_map(|key| key.sign(&parts)).collect::<Vec<_>>().join(" ")
}

impl Webhook {
    pub(crate) const fn new(client: HttpClient, url: Url, keys: Vec<Key>) -> Self {
        Self { client, url, keys }
    }

    /// The receiver of a configured channel of kind `webhook`.
    ///
    /// # Errors
    /// If a secret or the address cannot be read or is none.
    pub(crate) fn load(
        config: &ChannelConfig,
        client: HttpClient,
        base_dir: &Path,
    ) -> Result<Self, String> {
        let secrets = config.load_secrets(base_dir)?;
        let keys = secrets.iter().map(Key::of).collect::<Result<_, _>>()?;
        Ok(Self::new(client, config.load_address(base_dir, None)?, keys))
    }

    pub(crate) async fn send(&self, message: &Message, now: Time) -> Result<(), NotSent> {
        self.post(&message.notice.id, body(message).to_string(), now).await
    }

    /// Sends a body under an id, signed as of now.
    ///
    /// # Errors
    /// If it was not taken.
    pub(crate) async fn post(&self, id: &str, body: String, now: Time) -> Result<(), NotSent> {
        let seconds = now.millis() / 1000;
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signatures(&self.keys, id, seconds, body.as_bytes()))
            .body(body);
        send(request).await.map(drop)
    }
}

/// What is sent. The same notice has the same body as long as what it tells of is the same.
fn body(message: &Message) -> Value {
    let notice = &message.notice;
    json!({
        "type": format!("tagout.{}", notice.topic),
        "timestamp": notice.at.to_string(),
        "data": {
            "notice": notice.id,
            "incident": Some(&notice.incident).filter(|id| !id.is_empty()),
            "plan": notice.plan,
            "entry": notice.entry,
            "audiences": notice.audiences,
            "severity": notice.severity,
            "settled": notice.settled,
            "by": notice.by,
            "title": message.title,
            "what": message.what,
            "text": message.text,
            "facts": message.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect::<serde_json::Map<_, _>>(),
            "steps": message.steps,
            "more_steps": message.more_steps,
            "link": message.link,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<Key, String> {
        Key::of(&Secret::new(text.as_bytes().to_vec()).unwrap())
    }

    /// The vector of the specification's own documentation.
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = b"{\"test\": 2432232314}";

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signatures(&[key], ID, 1_614_265_330, BODY);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_a_secret_is_changed_each_signs_once() {
        let keys = || {
            let old = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
            let new = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
            vec![old, new]
        };
        let signed = signatures(&keys(), ID, 1_614_265_330, BODY);
        let (old, new) = signed.split_once(' ').unwrap();
        assert_eq!(old, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(new.starts_with("v1,") && new != old);
    }

    #[test]
    fn a_secret_of_another_form_or_length_is_refused() {
        assert!(key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
        assert!(key("whsec_???").is_err());
        let coded = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
        assert!(key(&coded(23)).is_err() && key(&coded(65)).is_err());
        assert!(key(&coded(24)).is_ok() && key(&coded(64)).is_ok());
    }
}
