//! The cookies: what a browser shows of its session, and what it keeps while somebody signs in
//! elsewhere.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use tagout_core::time::Span;

use crate::config::ServerConfig;

/// A cookie of ours, by its name without the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session.
    Session,
    /// A sign-in at an identity provider.
    UnderWay,
}

impl Cookie {
    /// Over TLS the name has a prefix with which no other host and no plain connection can set
    /// it: draft-ietf-httpbis-rfc6265bis, section 4.1.3.2.
    const fn name(self, encrypted: bool) -> &'static str {
        match (self, encrypted) {
            (Self::Session, true) => "__Host-tagout",
            (Self::Session, false) => "tagout",
            (Self::UnderWay, true) => "__Host-tagout-oidc",
            (Self::UnderWay, false) => "tagout-oidc",
        }
    }

    /// What a browser shows of it. More than one is none: somebody else has set one of them.
    pub(super) fn shown(self, config: &ServerConfig, headers: &HeaderMap) -> Option<String> {
        let name = self.name(config.is_encrypted());
        let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';'));
        let mut shown = pairs.filter_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name && !value.is_empty()).then(|| value.to_owned())
        });
        shown.next().filter(|_| shown.next().is_none())
    }

    /// Has a browser keep it. It comes along when somebody follows a link to us, and not with
    /// what other pages do in the background.
    pub(super) fn set(self, config: &ServerConfig, value: &str, lasts: Span) -> HeaderValue {
        let encrypted = config.is_encrypted();
        let secure = if encrypted { "; Secure" } else { "" };
        let (name, seconds) = (self.name(encrypted), lasts.millis() / 1000);
        let text =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        // Every value of ours is made of letters, digits and signs that a header can hold.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("tagout=; Max-Age=0"))
    }

    /// Has a browser forget it.
    pub(super) fn forget(self, config: &ServerConfig) -> HeaderValue {
        self.set(config, "", Span::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: Option<&str>) -> ServerConfig {
        ServerConfig { public_url: url.map(|url| url.parse().unwrap()), ..ServerConfig::default() }
    }

    #[test]
    fn over_tls_a_cookie_cannot_be_set_by_others_or_go_over_a_plain_connection() {
        let set = |config: &ServerConfig| {
            Cookie::Session.set(config, "v", Span::from_secs(60)).to_str().unwrap().to_owned()
        };
        let both = "Path=/; HttpOnly; SameSite=Lax; Max-Age=60";
        assert_eq!(set(&config(None)), format!("tagout=v; {both}"));
        let tls = config(Some("https://tagout.example"));
        assert_eq!(set(&tls), format!("__Host-tagout=v; {both}; Secure"));
        assert_eq!(set(&config(Some("http://127.0.0.1:9480"))), format!("tagout=v; {both}"));
    }

    #[test]
    fn one_cookie_of_our_name_is_shown_and_of_two_none() {
        let shown = |lines: &[&str]| {
            let headers = lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect();
            Cookie::Session.shown(&config(None), &headers)
        };
        assert_eq!(shown(&["a=b; tagout=v;c=d"]).as_deref(), Some("v"));
        assert_eq!(shown(&["a=b", "tagout=v"]).as_deref(), Some("v"));
        for none in [&["a=b"][..], &["tagout="], &["Tagout=v"], &["tagout=v; tagout=w"], &[]] {
            assert_eq!(shown(none), None, "{none:?}");
        }
        let headers = HeaderMap::from_iter([(COOKIE, "tagout=v".parse().unwrap())]);
        assert_eq!(Cookie::Session.shown(&config(Some("https://t.example")), &headers), None);
    }
}
