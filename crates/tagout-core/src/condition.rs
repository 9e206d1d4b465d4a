//! Conditions on labels with the four operators of Alertmanager's matchers: equal, not equal,
//! and whether a regular expression fits the whole value. A label that is absent counts as
//! empty: <https://prometheus.io/docs/alerting/latest/configuration/#matcher>.

use std::collections::BTreeMap;
use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::matcher::LabelMatcher;

/// One condition, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The label.
    pub label: String,
    /// How its value is looked at.
    pub operator: Operator,
    /// The value, or the pattern that must fit all of it.
    pub value: String,
}

/// How a label's value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// It is this.
    #[serde(rename = "=")]
    Equal,
    /// It is not this.
    #[serde(rename = "!=")]
    NotEqual,
    /// The pattern fits all of it.
    #[serde(rename = "=~")]
    Fits,
    /// The pattern does not fit all of it.
    #[serde(rename = "!~")]
    FitsNot,
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Fits => "=~",
            Self::FitsNot => "!~",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.label, self.operator.sign(), self.value)
    }
}

/// Why conditions cannot be held against alerts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCondition {
    /// More than [`limits::CONDITIONS`].
    #[error("has more than {} conditions; make it two", limits::CONDITIONS)]
    TooMany,
    /// A name or value beyond its limit.
    #[error("{0}: the label or the value is empty or too long")]
    TooLong(String),
    /// A pattern that is not understood here, or could be understood otherwise than its author
    /// meant it.
    #[error("{condition}: {why}")]
    Pattern {
        /// The condition.
        condition: String,
        /// What is wrong.
        why: String,
    },
    /// All of them hold for an alert without labels.
    #[error("would cover every alert; give a condition that an empty value does not meet")]
    Everything,
}

/// Conditions that must all hold, with their patterns made ready.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Vec<Ready>);

#[derive(Debug, Clone)]
struct Ready {
    condition: Condition,
    pattern: Option<Regex>,
}

impl PartialEq for Conditions {
    /// A pattern is what its text says.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Conditions {}

impl Conditions {
    /// Makes conditions ready. None at all always hold.
    ///
    /// # Errors
    /// If one cannot be represented, is beyond a limit, or all of them would cover every alert.
    pub fn new(conditions: &[Condition]) -> Result<Self, BadCondition> {
        Self::beside(&LabelMatcher::default(), conditions)
    }

    /// Makes conditions ready that must hold together with a matcher: where it names a label, they
    /// alone may hold for an alert without labels.
    ///
    /// # Errors
    /// If one cannot be represented, is beyond a limit, or all of them and the matcher would cover
    /// every alert.
    pub fn beside(matcher: &LabelMatcher, conditions: &[Condition]) -> Result<Self, BadCondition> {
        if conditions.len() > limits::CONDITIONS {
            return Err(BadCondition::TooMany);
        }
        let ready = conditions.iter().map(Ready::new).collect::<Result<Vec<_>, _>>()?;
        let mut all = Self(ready);
        let nothing = BTreeMap::new();
        if !all.0.is_empty() && matcher.matches(&nothing) && all.hold(&nothing) {
            return Err(BadCondition::Everything);
        }
        // What costs least is asked first.
        all.0.sort_by_key(|ready| ready.pattern.is_some());
        Ok(all)
    }

    /// Whether all of them hold for these labels.
    #[must_use]
    pub fn hold(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|ready| ready.holds(labels))
    }

    /// The conditions, those without a pattern first.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter().map(|ready| &ready.condition)
    }
}

impl Ready {
    fn new(condition: &Condition) -> Result<Self, BadCondition> {
        let Condition { label, operator, value } = condition;
        let pattern = match operator {
            Operator::Equal | Operator::NotEqual => None,
            Operator::Fits | Operator::FitsNot => Some(value),
        };
        let longest = if pattern.is_some() { limits::PATTERN_BYTES } else { limits::VALUE_BYTES };
        if label.is_empty() || label.len() > limits::NAME_BYTES || value.len() > longest {
            let short: String = condition.to_string().chars().take(200).collect();
            return Err(BadCondition::TooLong(short));
        }
        let pattern = pattern
            .map(|pattern| anchored(pattern))
            .transpose()
            .map_err(|why| BadCondition::Pattern { condition: condition.to_string(), why })?;
        Ok(Self { condition: condition.clone(), pattern })
    }

    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let Condition { label, operator, value } = &self.condition;
        let have = labels.get(label).map_or("", String::as_str);
        let fits = |have| self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(have));
        match operator {
            Operator::Equal => have == value,
            Operator::NotEqual => have != value,
            Operator::Fits => fits(have),
            Operator::FitsNot => !fits(have),
        }
    }
}

/// The pattern, fully anchored.
///
/// Alertmanager's patterns are RE2's (<https://github.com/google/re2/wiki/Syntax>). What both
/// dialects accept and read differently is refused, so that nothing is held back that its
/// author did not mean.
fn anchored(pattern: &str) -> Result<Regex, String> {
    if let Some(part) = read_differently(pattern) {
        return Err(format!("{part:?} is read otherwise here; write the pattern without it"));
    }
    let build = |text: &str| {
        let built = RegexBuilder::new(text).size_limit(limits::PATTERN_MEMORY_BYTES).build();
        built.map_err(|e| format!("the pattern is not understood here: {e}"))
    };
    // The pattern must stand alone first: `a)(b` would otherwise close our own group.
    build(pattern)?;
    build(&format!("^(?:{pattern})$"))
}

fn read_differently(pattern: &str) -> Option<&'static str> {
    // Repetitions from zero and angle brackets are plain text in RE2; letters without regard to
    // case are there all of Unicode's and here only ASCII's.
    let parts = ["{,", "{ ", "\\<", "\\>", "\\b{", "\\B{"];
    if let Some(part) = parts.into_iter().find(|part| pattern.contains(part)) {
        return Some(part);
    }
    let flags = pattern.split("(?").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '-')?;
        rest.get(..end).filter(|flags| !flags.starts_with('P'))
    });
    let mut flags = flags.flat_map(str::chars);
    flags.any(|flag| !matches!(flag, 's' | 'U')).then_some("(?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(label: &str, sign: &str, value: &str) -> Condition {
        let operator = serde_json::from_value(sign.into()).unwrap();
        Condition { label: label.into(), operator, value: value.into() }
    }

    fn holds(sign: &str, value: &str, have: Option<&str>) -> bool {
        let anchor = condition("always", "=", "there");
        let all = Conditions::new(&[condition("label", sign, value), anchor]).unwrap();
        let mut labels = BTreeMap::from([("always".to_owned(), "there".to_owned())]);
        labels.extend(have.map(|have| ("label".to_owned(), have.to_owned())));
        all.hold(&labels)
    }

    #[test]
    fn the_four_operators_mean_what_alertmanager_means_and_an_absent_label_is_empty() {
        for (sign, value, have, expected) in [
            ("=", "prod", Some("prod"), true),
            ("=", "prod", Some("production"), false),
            ("=", "prod", None, false),
            ("=", "p*", Some("prod"), false),
            ("=", "", None, true),
            ("!=", "prod", Some("prod"), false),
            ("!=", "prod", None, true),
            ("!=", "", None, false),
            ("=~", "prod|test", Some("test"), true),
            ("=~", "prod|test", Some("testing"), false),
            ("=~", "web-[0-9]+", Some("web-12"), true),
            ("=~", "web", Some("a web b"), false),
            ("=~", ".*", None, true),
            ("=~", ".+", None, false),
            ("!~", "web-.*", Some("web-1"), false),
            ("!~", "web-.*", Some("db-1"), true),
            ("!~", ".+", None, true),
        ] {
            assert_eq!(holds(sign, value, have), expected, "{sign}{value} on {have:?}");
        }
    }

    #[test]
    fn what_another_dialect_reads_otherwise_is_refused() {
        let wrong = [
            "a{,2}",
            r"a\<b",
            r"\b{start}",
            "(?i)web",
            "(?m)^a$",
            "(?x)a b",
            r"\pL",
            r"\Qa.b\E",
            "a)(b",
            "(",
            "[a&&b]",
            "[[a]",
            r"\101",
            "(?s-i:a)",
        ];
        for wrong in wrong {
            let bad = Conditions::new(&[condition("label", "=~", wrong)]);
            assert!(matches!(bad, Err(BadCondition::Pattern { .. })), "{wrong}: {bad:?}");
        }
        let right = ["(?:a|b)c", "(?P<n>a)", "(?s:a.b)", r"\d+\.\w\s", "[[:alpha:]]+", r"a{2}\z"];
        for right in right {
            assert!(Conditions::new(&[condition("label", "=~", right)]).is_ok(), "{right}");
        }
    }

    #[test]
    fn conditions_that_cover_every_alert_are_refused() {
        for (sign, value) in [("=", ""), ("!=", "x"), ("=~", ".*"), ("!~", "x")] {
            let all = Conditions::new(&[condition("label", sign, value)]);
            assert_eq!(all, Err(BadCondition::Everything), "{sign}{value}");
        }
        assert!(Conditions::new(&[]).unwrap().hold(&BTreeMap::new()));
    }

    #[test]
    fn beside_a_matcher_that_names_a_label_conditions_do_not_cover_every_alert() {
        let matcher = LabelMatcher([("instance".to_owned(), "db-*".to_owned())].into());
        let team = [condition("team", "!=", "x")];
        assert!(Conditions::beside(&matcher, &team).is_ok());
        let everything = LabelMatcher::default();
        assert_eq!(Conditions::beside(&everything, &team), Err(BadCondition::Everything));
    }

    #[test]
    fn each_limit_of_conditions_holds_at_it_and_one_past_it() {
        let many = |n| vec![condition("label", "=", "x"); n];
        assert!(Conditions::new(&many(limits::CONDITIONS)).is_ok());
        assert_eq!(Conditions::new(&many(limits::CONDITIONS + 1)), Err(BadCondition::TooMany));
        let pattern = |n| Conditions::new(&[condition("label", "=~", &"x".repeat(n))]);
        assert!(pattern(limits::PATTERN_BYTES).is_ok());
        assert!(matches!(pattern(limits::PATTERN_BYTES + 1), Err(BadCondition::TooLong(_))));
        let value = |n| Conditions::new(&[condition("label", "=", &"x".repeat(n))]);
        assert!(value(limits::VALUE_BYTES).is_ok());
        assert!(value(limits::VALUE_BYTES + 1).is_err());
        // Small in writing, large in memory.
        let large = Conditions::new(&[condition("label", "=~", "((a{99}){99}){99}")]);
        assert!(matches!(large, Err(BadCondition::Pattern { .. })), "{large:?}");
    }
}
