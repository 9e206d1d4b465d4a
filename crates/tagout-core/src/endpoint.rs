//! What the operator lets be asked over HTTP: services by name, each with its address and the
//! methods that may be used there. A runbook names an endpoint and never an address.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::tier::Tier;

/// The methods of HTTP (RFC 9110, section 9.3; PATCH: RFC 5789) that a step can use.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Looks.
    #[default]
    Get,
    /// Looks, and is answered without a body.
    Head,
    /// Does something.
    Post,
    /// Puts something in the place of what is there.
    Put,
    /// Changes a part of what is there.
    Patch,
    /// Removes something.
    Delete,
}

impl Method {
    /// As it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it only looks, as HTTP has it.
    #[must_use]
    pub const fn looks(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One service that may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where it answers, with the prefix it is served under and without a slash at the end.
    pub url: String,
    /// The methods that may be used, each with the least tier of a plan that does.
    pub methods: BTreeMap<Method, Tier>,
    /// Whether it is a service of AWS, where a path is the name of an operation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aws: bool,
}

impl Endpoint {
    /// Whether a path with its query can be sent there.
    pub(crate) fn takes(&self, target: &str) -> bool {
        !self.aws || operation(target).is_some()
    }
}

/// The operation that a path with its query names at a service of AWS, as in `/AmazonSSM.SendCommand`.
/// A query has no place there.
#[must_use]
pub fn operation(target: &str) -> Option<&str> {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    target.strip_prefix('/').filter(|name| !name.is_empty() && name.chars().all(named))
}

/// Whether an endpoint may have this name: lower-case letters, digits, `-` and `_`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    (1..=limits::ENDPOINT_NAME_BYTES).contains(&name.len()) && name.chars().all(named)
}

/// The word that stands for a method at an endpoint among the words of a step. It holds a blank,
/// which no word of a command does, so minimums for programs can be given for it too.
#[must_use]
pub fn word(method: Method, endpoint: &str) -> String {
    format!("{method} {endpoint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_and_no_longer_than_the_limit() {
        for (name, good) in [("payments-2_x", true), ("", false), ("Pay", false), ("a b", false)] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(is_name(&"a".repeat(limits::ENDPOINT_NAME_BYTES)));
        assert!(!is_name(&"a".repeat(limits::ENDPOINT_NAME_BYTES + 1)));
    }
}
