//! The declared, constrained values that a runbook's commands may hold.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::limits;
use crate::safer::{Safer, Scale};

/// Where a parameter's value comes from and what it may be. Exactly one group of limits is
/// given: `pattern`; `min` and `max`; `values`; or `under`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What the value means, for the person who reviews it.
    #[serde(default)]
    pub description: String,
    /// Where the value is read: `labels.NAME` or `metrics.NAME`. Without
    /// it the value is the default until a reviewer sets another.
    #[serde(default)]
    pub from: Option<String>,
    /// The value if the alert has none.
    #[serde(default)]
    pub default: Option<String>,
    /// A regular expression that the whole value must match. If it has a group, the first
    /// group is the value: `([a-z0-9.-]+)(:[0-9]+)?` takes the host out of `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The greatest whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The only values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// A directory; the value is a path in it, without `.` or `..` parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// Which way the value harms less: `lower` or `higher` of a whole number, `first` or `last` of
    /// the listed values. A reviewer who moves it only that way, at low or medium tier, has
    /// approved the plan with that. Without it no change of the value counts as an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safer: Option<Safer>,
}

/// Why a value was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueRefused {
    /// The alert does not carry the value and there is no default.
    #[error("parameter {name}: the alert has no {from} and there is no default")]
    Missing {
        /// The parameter.
        name: String,
        /// Where it was looked for.
        from: String,
    },
    /// The value is outside the declared limits.
    #[error("parameter {name}: {value:?} {why}")]
    OutOfLimits {
        /// The parameter.
        name: String,
        /// The value, shortened.
        value: String,
        /// What the limits are.
        why: String,
    },
    /// The runbook declares no such parameter.
    #[error("the runbook declares no parameter {0:?}")]
    Undeclared(String),
}

impl Parameter {
    /// The value that `alert` gives this parameter.
    ///
    /// # Errors
    /// If there is none, or it is outside the limits.
    pub fn read(&self, name: &str, alert: &Alert) -> Result<String, ValueRefused> {
        let found = self.from.as_deref().and_then(|from| lookup(from, alert));
        match found.or(self.default.as_deref()) {
            Some(raw) => self.accept(name, raw),
            None => Err(ValueRefused::Missing {
                name: name.to_owned(),
                from: self.from.clone().unwrap_or_else(|| "source".to_owned()),
            }),
        }
    }

    /// The value that `raw` stands for, if the limits allow it.
    ///
    /// # Errors
    /// If it is outside the limits.
    pub fn accept(&self, name: &str, raw: &str) -> Result<String, ValueRefused> {
        let refuse = |why: String| ValueRefused::OutOfLimits {
            name: name.to_owned(),
            value: raw.chars().take(80).collect(),
            why,
        };
        if raw.is_empty() {
            return Err(refuse("is empty".into()));
        }
        if raw.len() > limits::PARAMETER_BYTES {
            return Err(refuse(format!("is longer than {} bytes", limits::PARAMETER_BYTES)));
        }
        if raw.chars().any(char::is_control) {
            return Err(refuse("holds a control character".into()));
        }
        let value = self.within_limits(raw).map_err(refuse)?;
        // Programs of many kinds expand these in their arguments (templates, shells).
        match ["{{", "{%", "${", "$(", "`"].iter().find(|mark| value.contains(**mark)) {
            Some(mark) => Err(refuse(format!("holds {mark:?}, which programs expand"))),
            None => Ok(value),
        }
    }
}

fn lookup<'a>(from: &str, alert: &'a Alert) -> Option<&'a str> {
    let (set, key) = from.split_once('.')?;
    match set {
        "labels" => alert.labels.get(key).map(String::as_str),
        "metrics" => alert.metrics.get(key).map(String::as_str),
        _ => None,
    }
}

impl Parameter {
    fn within_limits(&self, raw: &str) -> Result<String, String> {
        if let Some(pattern) = &self.pattern {
            let regex = anchored(pattern).map_err(|e| format!("has a broken pattern ({e})"))?;
            let captures =
                regex.captures(raw).ok_or_else(|| format!("does not match {pattern}"))?;
            let value = captures.get(1).or_else(|| captures.get(0)).map_or("", |m| m.as_str());
            return if value.is_empty() {
                Err(format!("leaves nothing where {pattern} takes a part of it"))
            } else {
                Ok(value.to_owned())
            };
        }
        if let (Some(min), Some(max)) = (self.min, self.max) {
            let n: i64 = raw
                .parse()
                .map_err(|_| format!("is not a whole number between {min} and {max}"))?;
            return if (min..=max).contains(&n) {
                // One number, one spelling: "+5" and "05" become "5".
                Ok(n.to_string())
            } else {
                Err(format!("is not between {min} and {max}"))
            };
        }
        if let Some(values) = &self.values {
            return if values.iter().any(|v| v == raw) {
                Ok(raw.to_owned())
            } else {
                Err(format!("is none of {}", values.join(", ")))
            };
        }
        if let Some(under) = &self.under {
            return if path_is_under(raw, under) {
                Ok(raw.to_owned())
            } else {
                Err(format!("is not a plain path in {under}"))
            };
        }
        // No limit at all would be an open door; the runbook's own check refuses it earlier.
        Err("has no declared limits".into())
    }

    /// What the limits are, in words, and which way is safer if that is said.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut words = if let Some(pattern) = &self.pattern {
            format!("matches {pattern}")
        } else if let (Some(min), Some(max)) = (self.min, self.max) {
            format!("a whole number from {min} to {max}")
        } else if let Some(values) = &self.values {
            format!("one of {}", values.join(", "))
        } else if let Some(under) = &self.under {
            format!("a path in {under}")
        } else {
            "nothing".into()
        };
        if let Some(safer) = self.safer {
            words.push_str(&format!("; {safer}"));
        }
        words
    }

    /// In which order its values lie, if the runbook says which way is safer.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        let values = || self.values.iter().flatten().cloned();
        match (self.safer?, &self.values) {
            (Safer::Lower, None) => Some(Scale::Lower),
            (Safer::Higher, None) => Some(Scale::Higher),
            (Safer::First, Some(_)) => Some(Scale::Among(values().collect())),
            (Safer::Last, Some(_)) => Some(Scale::Among(values().rev().collect())),
            _ => None,
        }
    }

    /// Why the values have no such order as `safer` says, with what to do about it.
    pub(crate) fn disorder(&self) -> Option<(&'static str, &'static str)> {
        let listed = matches!(self.safer?, Safer::First | Safer::Last);
        match (&self.values, self.min.is_some()) {
            (Some(values), _) if values.len() > limits::ORDERED_VALUES => {
                Some(("more values are listed than can be ordered", "list 64 at most"))
            }
            (Some(values), _) if listed => {
                let different: BTreeSet<&String> = values.iter().collect();
                (different.len() < values.len())
                    .then_some(("a value is listed twice", "list each value once, in their order"))
            }
            (Some(_), _) => Some((
                "of listed values none is lower or higher",
                "list them in their order and write first or last",
            )),
            (None, true) if listed => {
                Some(("whole numbers have no first and last", "write lower or higher"))
            }
            (None, true) => None,
            (None, false) => Some((
                "text has no order",
                "declare whole numbers with min and max, or list the values in their order",
            )),
        }
    }

    /// What is wrong with the limits themselves, with the fix.
    pub(crate) fn flaw(&self) -> Option<(&'static str, String)> {
        let numbers = self.min.is_some() || self.max.is_some();
        let groups = [self.pattern.is_some(), numbers, self.values.is_some(), self.under.is_some()];
        if groups.into_iter().filter(|given| *given).count() != 1 {
            let what = "give exactly one of: pattern; min and max; values; under";
            return Some(("", what.into()));
        }
        if let Some(pattern) = &self.pattern {
            if pattern.len() > limits::PATTERN_BYTES {
                return Some(("pattern", format!("is longer than {}", limits::PATTERN_BYTES)));
            }
            return anchored(pattern).err().map(|e| ("pattern", format!("does not parse: {e}")));
        }
        match (numbers, self.min, self.max) {
            (true, Some(min), Some(max)) if min <= max => {}
            (true, Some(_), Some(_)) => return Some(("min", "is greater than max".into())),
            (true, ..) => return Some(("min", "give both min and max".into())),
            _ => {}
        }
        if self.values.as_ref().is_some_and(Vec::is_empty) {
            return Some(("values", "is empty; list at least one".into()));
        }
        match &self.under {
            Some(under) if !under.starts_with('/') || under.split('/').any(|p| p == "..") => {
                Some(("under", "must be an absolute directory such as /var/log".into()))
            }
            _ => None,
        }
    }
}

/// The pattern made to match whole values only.
fn anchored(pattern: &str) -> Result<Regex, regex_lite::Error> {
    // The pattern must stand alone first: `a)(b` would otherwise close our own group.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})$"))
}

fn path_is_under(path: &str, under: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+@=".contains(c);
    if path == under {
        return true;
    }
    let Some(rest) = path.strip_prefix(under.trim_end_matches('/')) else { return false };
    let Some(rest) = rest.strip_prefix('/') else { return rest.is_empty() };
    path.chars().all(plain) && rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Bound values by parameter name.
pub type Values = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(p: &str) -> Parameter {
        Parameter { pattern: Some(p.into()), ..Default::default() }
    }

    #[test]
    fn a_pattern_must_match_the_whole_value() {
        let host = pattern("[a-z0-9-]+");
        assert_eq!(host.accept("host", "db-1"), Ok("db-1".into()));
        for wrong in ["", "db 1", "db-1; reboot", "db-1\n", "../x", "x".repeat(300).as_str()] {
            assert!(host.accept("host", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn alternatives_are_anchored_as_a_whole() {
        let p = pattern("a|b");
        assert!(p.accept("p", "a; reboot").is_err());
        assert!(p.accept("p", "reboot b").is_err());
    }

    #[test]
    fn the_first_group_of_a_pattern_is_the_value() {
        let host = pattern("([a-z0-9.-]+)(:[0-9]+)?");
        assert_eq!(host.accept("host", "db-1:9100"), Ok("db-1".into()));
        assert!(pattern("([a-z]*):9").accept("p", ":9").is_err());
    }

    #[test]
    fn a_number_is_held_to_its_range_and_has_one_spelling() {
        let n = Parameter { min: Some(1), max: Some(10), ..Default::default() };
        assert_eq!(n.accept("n", "05"), Ok("5".into()));
        assert_eq!(n.accept("n", "10"), Ok("10".into()));
        for wrong in ["0", "11", "-1", "1.5", "1e1", "one", "99999999999999999999"] {
            assert!(n.accept("n", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_never_leaves_its_directory() {
        let p = Parameter { under: Some("/var/log".into()), ..Default::default() };
        assert!(p.accept("p", "/var/log/app/x.log").is_ok());
        assert!(p.accept("p", "/var/log").is_ok());
        let anywhere = Parameter { under: Some("/".into()), ..Default::default() };
        assert!(anywhere.accept("p", "/").is_ok());
        assert!(anywhere.accept("p", "/srv/data").is_ok());
        assert!(anywhere.accept("p", "//srv").is_err());
        for wrong in [
            "/var/log/../../etc/passwd",
            "/var/logs/x",
            "/etc/passwd",
            "var/log/x",
            "/var/log//x",
            "/var/log/./x",
            "/var/log/x y",
            "/var/log/$(x)",
        ] {
            assert!(p.accept("p", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_that_limit_nothing_or_two_things_are_flaws() {
        assert!(Parameter::default().flaw().is_some());
        let both = Parameter { pattern: Some("a".into()), min: Some(1), ..Default::default() };
        assert!(both.flaw().is_some());
        for broken in ["(", "a)(b"] {
            assert!(pattern(broken).flaw().is_some(), "{broken}");
        }
        assert!(pattern("[a-z]+").flaw().is_none());
    }
}
