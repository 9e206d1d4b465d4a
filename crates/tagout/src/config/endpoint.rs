//! `[execution.endpoints.NAME]`: a service that steps may ask over HTTP, how, and what it is shown.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Url;
use reqwest::header::HeaderName;
use serde::Deserialize;
use tagout_core::endpoint::{self, Endpoint, Method};
use tagout_core::limits;
use tagout_core::tier::Tier;

use super::address::is_safe;
use crate::source::SecretRef;

/// A service that steps may ask. A runbook gives its name, a path, a query and a body, and never
/// an address or a header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Where it answers, with the prefix it is served under.
    pub url: String,
    /// The methods that may be used, each with the least tier of a plan that does. No other is.
    pub methods: BTreeMap<Method, Tier>,
    /// A token that is sent as `Authorization: Bearer`.
    pub bearer: Option<SecretRef>,
    /// Headers that are sent with it, each with what is secret in it.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretRef>,
    /// How requests are signed, if it is a service of AWS. A path is then the name of an operation.
    pub aws: Option<AwsConfig>,
}

/// How requests to a service of AWS are signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The service as signatures name it, such as `ssm`.
    pub service: String,
    /// The access key's id. It is no secret, but is changed together with the secret key.
    pub access_key: SecretRef,
    /// The secret access key.
    pub secret_key: SecretRef,
    /// The token of a session, for keys that end.
    pub session_token: Option<SecretRef>,
}

impl AwsConfig {
    fn secret_refs(&self) -> impl Iterator<Item = &SecretRef> {
        [&self.access_key, &self.secret_key].into_iter().chain(&self.session_token)
    }
}

/// Headers that say what is sent and to whom: the agent's own.
const OWN_HEADERS: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
];

impl EndpointConfig {
    /// Every secret that it names.
    pub fn secret_refs(&self) -> impl Iterator<Item = &SecretRef> {
        let aws = self.aws.iter().flat_map(AwsConfig::secret_refs);
        self.bearer.iter().chain(self.headers.values()).chain(aws)
    }

    /// What is wrong with it, if something is.
    pub(super) fn flaw(&self, name: &str) -> Option<String> {
        if !endpoint::is_name(name) {
            return Some(format!(
                "{name:?} is no name; give 1 to {} lower-case letters, digits, - or _",
                limits::ENDPOINT_NAME_BYTES
            ));
        }
        let url = match self.address() {
            Ok(url) => url,
            Err(what) => return Some(format!("url {what}")),
        };
        if self.methods.is_empty() {
            return Some("methods is empty; name one, as in { GET = \"low\" }".into());
        }
        if let Some(aws) = &self.aws {
            let named = endpoint::is_name;
            if !named(&aws.region) || !named(&aws.service) {
                return Some(
                    "aws: region and service are names such as eu-central-1 and ssm".into(),
                );
            }
            if self.bearer.is_some() || self.methods.keys().any(|method| *method != Method::Post) {
                return Some(
                    "aws: requests are signed and sent by POST; leave bearer and other methods out"
                        .into(),
                );
            }
            if url.path() != "/" {
                return Some("aws: the url holds no path".into());
            }
        }
        if self.headers.len() > limits::ENDPOINT_HEADERS {
            return Some(format!("headers has more than {}", limits::ENDPOINT_HEADERS));
        }
        let mut names = BTreeSet::new();
        for header in self.headers.keys() {
            let Ok(known) = HeaderName::try_from(header.as_str()) else {
                return Some(format!("headers: {header:?} is no name of a header"));
            };
            let signed = self.aws.is_some() && known.as_str().starts_with("x-amz-");
            let own = signed || OWN_HEADERS.contains(&known.as_str());
            if own || !names.insert(known.as_str().to_owned()) {
                return Some(format!(
                    "headers: {header} cannot be set here; a token goes into bearer, or aws"
                ));
            }
        }
        if self.secret_refs().any(|secret| *secret == SecretRef::Misplaced) {
            return Some(
                "a secret never stands in the configuration: give one of env and file, and if \
                 one stood here, change it"
                    .into(),
            );
        }
        if self.secret_refs().next().is_some() && !is_safe(&url) {
            return Some("its secrets would cross the network unencrypted; use https".into());
        }
        None
    }

    /// The address, without a slash at its end.
    pub(crate) fn address(&self) -> Result<Url, String> {
        // The parser's own message is about the text it was given, which may hold a password.
        let mut url: Url = self
            .url
            .parse()
            .map_err(|_| "is not an address such as https://payments.example.org".to_owned())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("must begin with http:// or https:// and name a host".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a name or a password; give bearer or headers instead".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not hold ? or #".into());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    /// As it stands in the policy, in plans and before people.
    pub(crate) fn bound(&self) -> Endpoint {
        let url = self.address().map(String::from).unwrap_or_default();
        let (url, methods) = (url.trim_end_matches('/').to_owned(), self.methods.clone());
        Endpoint { url, methods, aws: self.aws.is_some() }
    }

    /// What it allows, in words.
    pub(crate) fn words(&self, name: &str) -> String {
        let methods = self.methods.iter();
        let methods: Vec<_> =
            methods.map(|(method, tier)| format!("{method} at least {tier} tier")).collect();
        let shows = match self.secret_refs().count() {
            0 => "",
            _ => "; its secrets are shown to it alone",
        };
        format!("may ask {name}: {}, {}{shows}", self.bound().url, methods.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(text: &str) -> Option<String> {
        let one: EndpointConfig = match toml::from_str(text) {
            Ok(one) => one,
            Err(e) => return Some(e.to_string()),
        };
        one.flaw("one")
    }

    #[test]
    fn an_endpoint_has_an_address_and_methods_and_keeps_its_secrets_to_itself() {
        let get = "methods = { GET = \"low\" }\n";
        let with = |lines: &str| flaw(&format!("{lines}\n{get}"));
        assert_eq!(with("url = \"https://x.example/api/\""), None);
        assert_eq!(with("url = \"http://127.0.0.1:9090\"\nbearer = { env = \"A\" }"), None);
        assert_eq!(with("url = \"https://x\"\nheaders = { X-Key = { file = \"a\" } }"), None);
        for (lines, part) in [
            ("url = \"ftp://x\"", "http:// or https://"),
            ("url = \"https://ana:hunter2@x\"", "holds a name or a password"),
            ("url = \"https://x?a=b\"", "must not hold ?"),
            ("url = \"http://x.example\"\nbearer = { env = \"A\" }", "use https"),
            ("url = \"https://x\"\nbearer = \"hunter2\"", "one of env and file"),
            ("url = \"https://x\"\nheaders = { Host = { env = \"A\" } }", "cannot be set here"),
            ("url = \"https://x\"\nheaders = { \"a b\" = { env = \"A\" } }", "no name of a header"),
            ("url = \"https://x\"\nretries = 3", "unknown field"),
        ] {
            let said = with(lines).unwrap();
            assert!(said.contains(part) && !said.contains("hunter2"), "{lines}: {said}");
        }
        assert!(flaw("url = \"https://x\"\nmethods = {}\n").unwrap().contains("methods is empty"));
        assert!(flaw("url = \"https://x\"\nmethods = { FETCH = \"low\" }\n").is_some());
    }

    #[test]
    fn a_service_of_aws_is_named_and_asked_by_post_over_tls() {
        let keys = "access_key = { env = \"A\" }, secret_key = { env = \"B\" }";
        let aws =
            |region: &str| format!("aws = {{ region = \"{region}\", service = \"ssm\", {keys} }}");
        let with = |url: &str, method: &str, rest: &str| {
            flaw(&format!("url = \"{url}\"\nmethods = {{ {method} = \"high\" }}\n{rest}\n"))
        };
        let good = aws("eu-central-1");
        assert_eq!(with("https://ssm.example", "POST", &good), None);
        for (url, method, rest, part) in [
            ("https://ssm.example", "GET", good.clone(), "sent by POST"),
            ("http://ssm.example", "POST", good.clone(), "use https"),
            ("https://ssm.example/x", "POST", good.clone(), "no path"),
            ("https://ssm.example", "POST", aws("EU/1"), "region and service"),
            (
                "https://ssm.example",
                "POST",
                format!("{good}\nbearer = {{ env = \"C\" }}"),
                "bearer",
            ),
            (
                "https://ssm.example",
                "POST",
                format!("{good}\nheaders = {{ X-Amz-Target = {{ env = \"C\" }} }}"),
                "X-Amz-Target cannot be set",
            ),
        ] {
            let said = with(url, method, &rest).unwrap_or_default();
            assert!(said.contains(part), "{url} {method} {rest}: {said}");
        }
    }

    #[test]
    fn an_endpoint_has_as_many_headers_as_the_limit_and_no_more() {
        let with = |n: usize| EndpointConfig {
            url: "https://x".into(),
            methods: [(Method::Get, Tier::Low)].into(),
            bearer: None,
            headers: (0..n).map(|n| (format!("X-{n}"), SecretRef::Env("A".into()))).collect(),
            aws: None,
        };
        assert_eq!(with(limits::ENDPOINT_HEADERS).flaw("one"), None);
        assert!(with(limits::ENDPOINT_HEADERS + 1).flaw("one").is_some());
        assert!(with(0).flaw("One").is_some());
    }
}
