//! Label matchers: which alerts a rule, a window or a runbook means.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of labels that must all be there. A value may hold `*`, which stands for any run of
/// characters; an empty set matches everything.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct LabelMatcher(pub BTreeMap<String, String>);

impl LabelMatcher {
    /// Whether it names no label and so matches every alert.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every label of the matcher is present with a matching value.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(name, want)| labels.get(name).is_some_and(|have| glob(want, have)))
    }
}

/// Whether `text` is what `pattern` describes, where `*` stands for any run of characters.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        // Each middle part is taken at its earliest place, which leaves the most for those after it.
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(end) => rest.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("prod", "prod", true),
            ("prod", "production", false),
            ("prod*", "production", true),
            ("*-db-*", "eu-db-1", true),
            ("*-db-*", "eu-web-1", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXc", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn every_label_of_a_matcher_must_hold() {
        let matcher =
            LabelMatcher([("env".into(), "prod".into()), ("team".into(), "db*".into())].into());
        let labels = |env: &str, team: &str| {
            BTreeMap::from([
                ("env".to_owned(), env.to_owned()),
                ("team".to_owned(), team.to_owned()),
            ])
        };
        assert!(matcher.matches(&labels("prod", "dba")));
        assert!(!matcher.matches(&labels("prod", "web")));
        assert!(!matcher.matches(&BTreeMap::from([("env".to_owned(), "prod".to_owned())])));
        assert!(LabelMatcher::default().matches(&BTreeMap::new()));
    }
}
