//! `[server]` and `[api]`: where the service listens, what it takes at once, who may read.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;
use tagout_core::limits;
use tagout_core::time::Span;

use super::{BadInput, span};
use crate::source::SecretRef;

/// How the service listens and what it takes at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The address: this machine alone, unless told otherwise.
    pub listen: SocketAddr,
    /// Where people reach it, such as `https://tagout.example.org`: what stands in links, and
    /// whether what goes there and back is encrypted.
    pub public_url: Option<PublicUrl>,
    /// The addresses of proxies before it: what they say of whom they forward is believed.
    pub proxies: Vec<IpAddr>,
    /// The largest body that is read, in bytes.
    pub max_body_bytes: u32,
    /// All bodies that are being read or wait to be recorded together, in bytes.
    pub max_body_bytes_in_flight: u32,
    /// How many deliveries wait to be recorded; one more is told to come back.
    pub queue: usize,
    /// How many connections are served at once; one more waits to be accepted.
    pub max_connections: usize,
    /// How long one request may take.
    #[serde(deserialize_with = "span")]
    pub request_timeout: Span,
    /// How long requests under way may go on after the service was asked to stop.
    #[serde(deserialize_with = "span")]
    pub shutdown_grace: Span,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9480)),
            public_url: None,
            proxies: Vec::new(),
            max_body_bytes: 64 << 20,
            max_body_bytes_in_flight: 128 << 20,
            queue: 1024,
            max_connections: 512,
            request_timeout: Span::from_secs(10),
            shutdown_grace: Span::from_secs(10),
        }
    }
}

impl ServerConfig {
    /// Whether only this machine reaches the service.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// Whether people reach it over TLS, as far as it was told.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.public_url.as_ref().is_some_and(PublicUrl::is_encrypted)
    }

    pub(super) fn check(&self) -> Result<(), BadInput> {
        if self.proxies.len() > limits::PROXIES {
            let most = limits::PROXIES;
            return Err(BadInput(format!("server.proxies has more than {most} entries")));
        }
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(BadInput(format!("server.{key} is {value}; it must be from {least} to {most}")))
        };
        let body = u64::from(self.max_body_bytes);
        let in_flight = u64::from(self.max_body_bytes_in_flight);
        within("max_body_bytes", body, 1024, u64::from(limits::SERVER_BODY_BYTES))?;
        // One body of the largest size must fit, or it could never be taken.
        within("max_body_bytes_in_flight", in_flight, body, u64::from(u32::MAX))?;
        within("queue", self.queue as u64, 1, limits::QUEUE as u64)?;
        let connections = limits::CONNECTIONS as u64;
        within("max_connections", self.max_connections as u64, 1, connections)?;
        for (key, span) in
            [("request_timeout", self.request_timeout), ("shutdown_grace", self.shutdown_grace)]
        {
            if span < limits::SERVER_WAIT.0 || span > limits::SERVER_WAIT.1 {
                let (least, most) = limits::SERVER_WAIT;
                return Err(BadInput(format!(
                    "server.{key} is {span}; it must be from {least} to {most}"
                )));
            }
        }
        Ok(())
    }
}

/// The address under which people reach the service: scheme, host and port, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Scheme, host and port, as a browser writes an origin
    /// (<https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin>).
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0
    }

    /// Whether what goes there and back is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for PublicUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "public_url is http:// or https://, a host, perhaps a port, and no more".into();
        let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
        let bare = ["/", ""].contains(&url.path())
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !bare {
            return Err(wrong());
        }
        Ok(Self(url.origin().ascii_serialization()))
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Who may read what is recorded. Without a token nobody may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// The bearer tokens that open the read API; any of them does.
    pub tokens: Vec<SecretRef>,
    /// Whether `/metrics` answers without a token.
    pub metrics_open: bool,
}
