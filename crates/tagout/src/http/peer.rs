//! Where a request comes from: the address at the other end of the connection, or what a proxy
//! that the configuration names says of it.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap, HeaderName};

/// What a proxy says of whom it forwards. It adds to the end; what stands before that may be
/// anybody's (<https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For>).
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Where a request comes from. Without an address, as in tests, from nowhere.
pub(super) fn address(extensions: &Extensions, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let peer = extensions.get::<Peer>().map_or(nowhere, |peer| peer.0.to_canonical());
    let is_proxy = |address: &IpAddr| proxies.iter().any(|p| p.to_canonical() == *address);
    if !is_proxy(&peer) {
        return peer;
    }
    let said = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
    // From the end: the first that is no proxy of ours is whom ours saw.
    for address in said.into_iter().rev() {
        match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if is_proxy(&address) => {}
            Ok(address) => return address,
            Err(_) => break,
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let mut extensions = Extensions::new();
        extensions.insert(Peer(peer.parse().unwrap()));
        let headers = forwarded.iter().map(|value| (FORWARDED, value.parse().unwrap()));
        address(&extensions, &headers.collect(), &proxies).to_string()
    }

    #[test]
    fn a_proxy_that_is_named_is_believed_and_nobody_else() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen("::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        for nothing in ["", "unknown", "198.51.100.7, <script>"] {
            assert_eq!(seen("10.0.0.1", &[nothing]), "10.0.0.1", "{nothing}");
        }
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }
}
