//! Where what is secret may go: over TLS, or to this machine.

use std::net::IpAddr;

use reqwest::Url;

/// Whether a host, alone or as it stands in a URL, is this machine.
pub(crate) fn is_here(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether what goes to this URL stays on this machine.
pub(crate) fn stays_here(url: &Url) -> bool {
    url.host_str().is_some_and(is_here)
}

/// Whether what is secret may go to this URL: nobody on the way reads it.
pub(crate) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => stays_here(url),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_tls_or_nowhere_else() {
        for (url, safe, here) in [
            ("https://example.com", true, false),
            ("https://127.0.0.1", true, true),
            ("http://127.0.0.1:8080", true, true),
            ("http://127.1.2.3", true, true),
            ("http://[::1]:1/x", true, true),
            ("http://localhost/", true, true),
            ("http://example.com", false, false),
            ("http://10.0.0.1", false, false),
            ("http://[::2]", false, false),
            ("http://127.0.0.1.example", false, false),
            ("http://localhost.example", false, false),
            ("ftp://localhost", false, true),
            ("file:///etc/passwd", false, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!((is_safe(&url), stays_here(&url)), (safe, here), "{url}");
        }
        assert!(is_here("::1") && !is_here("[127.0.0.1") && !is_here(""));
    }
}
