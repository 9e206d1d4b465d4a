//! The cryptography of every TLS connection of this process: chosen once, in one place.

/// Chooses it, unless it is chosen already. Due before the first client is made.
pub fn install() {
    // The error says that somebody was first, and nobody chooses another one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
