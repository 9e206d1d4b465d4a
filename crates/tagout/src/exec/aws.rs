//! Requests as the services of AWS take them that speak its JSON protocol: the path names the operation,
//! everything is sent to `/` by POST, and each request is signed (Signature Version 4). Formats:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>,
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use std::collections::BTreeMap;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tagout_core::digest::to_hex;
use tagout_core::endpoint::operation;
use tagout_core::limits;

use crate::config::AwsConfig;
use crate::source::{Secret, SecretRef};

/// What is sent.
const JSON: &str = "application/x-amz-json-1.1";

/// Signs requests to one service.
pub(super) struct Signer {
    region: String,
    service: String,
    access_key: Secret,
    secret_key: Secret,
    session_token: Option<Secret>,
}

impl Signer {
    /// With its secrets as they are now. Paths of secrets are relative to `base`.
    ///
    /// # Errors
    /// If a secret cannot be read.
    pub(super) fn load(configured: &AwsConfig, base: &Path) -> Result<Self, String> {
        let read = |one: &SecretRef| one.load_within(base, limits::SECRET_BYTES);
        Ok(Self {
            region: configured.region.clone(),
            service: configured.service.clone(),
            access_key: read(&configured.access_key)?,
            secret_key: read(&configured.secret_key)?,
            session_token: configured.session_token.as_ref().map(read).transpose()?,
        })
    }

    /// The headers of a request to `url` for the operation that `target` names, as in
    /// `/AmazonSSM.SendCommand`, with this body, at this moment.
    ///
    /// # Errors
    /// If no operation is named, or something of it cannot be sent as a header.
    pub(super) fn headers(
        &self,
        url: &Url,
        target: &str,
        body: &str,
        at: Timestamp,
    ) -> Result<HeaderMap, String> {
        let bad = |name: &HeaderName| format!("{name} cannot be sent as a header");
        let operation = operation(target).ok_or_else(|| {
            format!(
                "{target} names no operation of AWS; write a path such as /AmazonSSM.SendCommand"
            )
        })?;
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let token = match &self.session_token {
            None => None,
            Some(token) => Some(text(token)?),
        };
        let mut all = vec![
            (CONTENT_TYPE, JSON),
            (HOST, host.as_str()),
            (HeaderName::from_static("x-amz-date"), date.as_str()),
            (HeaderName::from_static("x-amz-target"), operation),
        ];
        all.extend(token.map(|token| (HeaderName::from_static("x-amz-security-token"), token)));
        let signed: BTreeMap<_, _> =
            all.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let authorization = self.authorization(("POST", ""), &signed, body.as_bytes(), &date)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &all {
            let mut sent = HeaderValue::from_str(value).map_err(|_| bad(name))?;
            sent.set_sensitive(name.as_str() == "x-amz-security-token");
            headers.insert(name.clone(), sent);
        }
        let mut sent = HeaderValue::from_str(&authorization).map_err(|_| bad(&AUTHORIZATION))?;
        sent.set_sensitive(true);
        headers.insert(AUTHORIZATION, sent);
        Ok(headers)
    }

    /// What stands in `Authorization` of a request to `/` with these headers.
    fn authorization(
        &self,
        (method, query): (&str, &str),
        headers: &BTreeMap<&str, &str>,
        body: &[u8],
        date: &str,
    ) -> Result<String, String> {
        let names = headers.keys().copied().collect::<Vec<_>>().join(";");
        let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let lines = lines.join("\n");
        let body = hashed(body);
        let canonical = format!("{method}\n/\n{query}\n{lines}\n\n{names}\n{body}");
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical = hashed(canonical.as_bytes());
        let text_to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{canonical}");
        let mut key = [b"AWS4", self.secret_key.bytes()].concat();
        for part in [day, &self.region, &self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes())?;
        }
        let signature = to_hex(&mac(&key, text_to_sign.as_bytes())?);
        let id = text(&self.access_key)?;
        Ok(format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
        ))
    }
}

fn text(secret: &Secret) -> Result<&str, String> {
    std::str::from_utf8(secret.bytes()).map_err(|_| "a key of AWS is no text".to_owned())
}

fn hashed(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    to_hex(&digest)
}

fn mac(key: &[u8], text: &[u8]) -> Result<Vec<u8>, String> {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.map_err(|e| format!("nothing can be signed: {e}"))?;
    mac.update(text);
    let code: [u8; 32] = mac.finalize().into_bytes().into();
    Ok(code.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).unwrap()
    }

    fn signer(service: &str) -> Signer {
        Signer {
            region: "us-east-1".into(),
            service: service.into(),
            access_key: secret("AKIDEXAMPLE"),
            secret_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        }
    }

    /// The example of the guide, and of AWS's test suite for Signature Version 4 those whose requests are
    /// for `/`: `post-vanilla`, `post-x-www-form-urlencoded` and `post-sts-header-before`.
    /// <https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html>
    #[test]
    fn the_published_examples_are_signed_as_they_say() {
        const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsK\
            WHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8\
            phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr\
            7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        const DATE: &str = "20150830T123600Z";
        const FORM: &str = "application/x-www-form-urlencoded";
        let form = format!("{FORM}; charset=utf-8");
        let (dated, host) = (("x-amz-date", DATE), ("host", "example.amazonaws.com"));
        let list = ("GET", "Action=ListUsers&Version=2010-05-08");
        let post = ("POST", "");
        let examples: [(_, _, Vec<_>, &str, _); 4] = [
            (
                "iam",
                list,
                vec![("content-type", form.as_str()), ("host", "iam.amazonaws.com"), dated],
                "",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
            (
                "service",
                post,
                vec![host, dated],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "service",
                post,
                vec![("content-type", FORM), host, dated],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "service",
                post,
                vec![host, dated, ("x-amz-security-token", TOKEN)],
                "",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ];
        for (service, asked, headers, body, signature) in examples {
            let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
            let headers = headers.into_iter().collect();
            let signed = signer(service).authorization(asked, &headers, body.as_bytes(), DATE);
            assert_eq!(
                signed.unwrap(),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, \
                     SignedHeaders={names}, Signature={signature}"
                )
            );
        }
    }

    #[test]
    fn a_path_that_is_no_operation_is_not_sent() {
        let url = Url::parse("https://ssm.example/").unwrap();
        for target in ["/", "/A/B", "//A", "/A?b=c", "/A%20B", "A"] {
            assert!(signer("ssm").headers(&url, target, "{}", Timestamp::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn body_operation_host_and_token_are_signed() {
        let url = |text: &str| Url::parse(text).unwrap();
        let at: Timestamp = "2026-11-27T20:00:00Z".parse().unwrap();
        let sign = |signer: &Signer, to: &str, operation: &str, body: &str| {
            let headers = signer.headers(&url(to), operation, body, at).unwrap();
            assert_eq!(headers["x-amz-date"], "20261127T200000Z");
            headers[AUTHORIZATION].to_str().unwrap().to_owned()
        };
        let plain = signer("ssm");
        let with_token = Signer { session_token: Some(secret("token")), ..signer("ssm") };
        let all = [
            sign(&plain, "https://ssm.example/", "/AmazonSSM.A", "{}"),
            sign(&plain, "https://ssm.example/", "/AmazonSSM.A", "{ }"),
            sign(&plain, "https://ssm.example/", "/AmazonSSM.B", "{}"),
            sign(&plain, "https://ssm.example:8443/", "/AmazonSSM.A", "{}"),
            sign(&with_token, "https://ssm.example/", "/AmazonSSM.A", "{}"),
        ];
        let signatures = all.iter().map(|one| one.rsplit_once("Signature=").unwrap().1);
        assert_eq!(signatures.collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert!(all[4].contains("x-amz-security-token") && !all[4].contains("wJalr"), "{}", all[4]);
    }
}
