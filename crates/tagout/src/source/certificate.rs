//! The certificate with which SNS signs: its RSA key and the time in which it is valid.
//!
//! No chain is checked here: the certificate comes over TLS from a host that is pinned, and that
//! is what vouches for it.

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use tagout_core::time::Time;
use x509_cert::Certificate;
use x509_cert::der::oid::ObjectIdentifier;

/// `rsaEncryption`, RFC 8017, appendix A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// An RSA key and its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SigningKey {
    /// The `RSAPublicKey` of RFC 8017, in DER.
    key: Vec<u8>,
    from: Time,
    until: Time,
}

/// How a message is hashed before it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// SignatureVersion 1, which is what SNS uses unless the topic is set otherwise.
    Sha1,
    /// SignatureVersion 2.
    Sha256,
}

impl SigningKey {
    /// Reads the first certificate of a PEM file.
    pub(super) fn read(pem: &[u8]) -> Result<Self, String> {
        let chain = Certificate::load_pem_chain(pem)
            .map_err(|_| "the file is no certificate in PEM".to_owned())?;
        let certificate = chain.first().ok_or("the file holds no certificate")?.tbs_certificate();
        let spki = certificate.subject_public_key_info();
        if spki.algorithm.oid != RSA {
            return Err("its key is not an RSA key".to_owned());
        }
        let key = spki.subject_public_key.as_bytes().ok_or("its key cannot be read")?.to_vec();
        let time = |time: &x509_cert::time::Time| {
            let ms = time.to_unix_duration().as_millis();
            Time::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
        };
        let validity = certificate.validity();
        Ok(Self { key, from: time(&validity.not_before), until: time(&validity.not_after) })
    }

    /// Whether the certificate is valid now.
    pub(super) fn check(&self, now: Time) -> Result<(), String> {
        if now < self.from {
            return Err(format!("it is valid from {} on", self.from));
        }
        if now > self.until {
            return Err(format!("it was valid until {}", self.until));
        }
        Ok(())
    }

    /// Whether `signature` is this key's over `text`.
    pub(super) fn verifies(&self, hash: Hash, text: &[u8], signature: &[u8]) -> bool {
        let parameters: &'static RsaParameters = match hash {
            Hash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(parameters, &self.key).verify(text, signature).is_ok()
    }
}
