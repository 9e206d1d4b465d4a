//! The only URLs that a message may make us fetch: those of Amazon SNS itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use tagout_core::limits;

/// A URL on a host of Amazon SNS, in the one spelling in which it is fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedUrl(Url);

impl PinnedUrl {
    /// The URL of a signing certificate.
    ///
    /// # Errors
    /// If it is anywhere but on SNS, or is no certificate's.
    pub fn certificate(url: &str) -> Result<Self, String> {
        let url = on_sns(url)?;
        if url.query().is_some() || !url.path().ends_with(".pem") {
            return Err("is not the URL of a .pem file".to_owned());
        }
        Ok(Self(url))
    }

    /// The URL that confirms a subscription to `topic`.
    ///
    /// # Errors
    /// If it is anywhere but on SNS, or would do anything else.
    pub fn confirmation(url: &str, topic: &str) -> Result<Self, String> {
        let url = on_sns(url)?;
        if url.path() != "/" {
            return Err("has a path; a confirmation has none".to_owned());
        }
        let (mut action, mut named, mut token) = (None, None, None);
        for (name, value) in url.query_pairs() {
            let place = match &*name {
                "Action" => &mut action,
                "TopicArn" => &mut named,
                "Token" => &mut token,
                _ => return Err("has a parameter that a confirmation has not".to_owned()),
            };
            if place.replace(value.into_owned()).is_some() {
                return Err("has a parameter twice".to_owned());
            }
        }
        if action.as_deref() != Some("ConfirmSubscription") {
            return Err("asks for an action other than ConfirmSubscription".to_owned());
        }
        if named.as_deref() != Some(topic) {
            return Err("names another topic than the message".to_owned());
        }
        if token.is_none_or(|token| token.is_empty()) {
            return Err("has no token".to_owned());
        }
        Ok(Self(url))
    }

    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for PinnedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A URL on `sns.<region>.amazonaws.com` or `.amazonaws.com.cn`, over HTTPS, with nothing by
/// which two readers could take it for two places.
fn on_sns(text: &str) -> Result<Url, String> {
    const LONGEST: usize = 2_048;
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    // A parser mends what it can (spaces, backslashes, letters' case); we take no mended URL.
    let awkward = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || !c.is_ascii();
    if text.contains(awkward) || !text.starts_with("https://") {
        return Err("is not a plain https URL".to_owned());
    }
    let url = Url::parse(text).map_err(|_| "is no URL".to_owned())?;
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err("names a user".to_owned());
    }
    if url.port().is_some() || url.fragment().is_some() {
        return Err("has a port or a fragment".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let region = host
        .strip_prefix("sns.")
        .and_then(|rest| {
            rest.strip_suffix(".amazonaws.com").or(rest.strip_suffix(".amazonaws.com.cn"))
        })
        .unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.len() < 3 || !region.chars().all(plain) {
        return Err("is not on sns.<region>.amazonaws.com".to_owned());
    }
    // The host as it was sent is the host as it was read, and the path follows at once: nothing
    // was mended away, not even the standard port.
    let rest = text.strip_prefix("https://").and_then(|rest| rest.strip_prefix(host));
    if !rest.is_some_and(|rest| rest.starts_with('/')) {
        return Err("is not in its plain spelling".to_owned());
    }
    Ok(url)
}

/// What a fetch comes to: the bytes, or why there are none.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// Fetches from Amazon SNS.
pub trait Fetch: Send + Sync + fmt::Debug {
    /// The body of a successful answer, at most [`limits::FETCHED_BYTES`] of it.
    fn get<'a>(&'a self, url: &'a PinnedUrl) -> Fetching<'a>;
}

/// Fetches over the network: HTTPS only, no redirects, bounded in time and size. A proxy of the
/// environment (`HTTPS_PROXY`) is used.
#[derive(Debug)]
pub struct Https(Client);

impl Https {
    /// A client.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, String> {
        // An error says that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .https_only(true)
            .redirect(Policy::none())
            .timeout(Duration::from_millis(limits::FETCH_TIMEOUT.millis()))
            .build()
            .map_err(|e| format!("TLS cannot be set up: {e}"))?;
        Ok(Self(client))
    }
}

impl Fetch for Https {
    fn get<'a>(&'a self, url: &'a PinnedUrl) -> Fetching<'a> {
        Box::pin(async move {
            let failed = |e: reqwest::Error| e.without_url().to_string();
            let mut answer = self.0.get(url.0.clone()).send().await.map_err(failed)?;
            if answer.status() != StatusCode::OK {
                return Err(format!("the answer was {}", answer.status()));
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > limits::FETCHED_BYTES {
                    return Err(format!("the answer is over {} bytes", limits::FETCHED_BYTES));
                }
            }
            Ok(bytes)
        })
    }
}
