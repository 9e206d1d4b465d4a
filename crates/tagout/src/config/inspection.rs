//! `[inspection]`: what may be looked at before a decision, without a review. Off if absent.

use serde::Deserialize;
use tagout_core::inspection::{CommandPattern, InspectionRules};
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::time::Span;

use super::{BadInput, span};

/// What may be looked at before a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InspectionConfig {
    /// The commands that may be run.
    pub commands: Vec<LookConfig>,
    /// The most looks of one incident.
    pub per_incident: u32,
    /// The most looks at one target within the window.
    pub per_target: u32,
    /// The window.
    #[serde(deserialize_with = "span")]
    pub window: Span,
    /// The longest that one look may take.
    #[serde(deserialize_with = "span")]
    pub timeout: Span,
}

/// One command that may be run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookConfig {
    /// Its program's whole path, then each argument as it is, or `*` for any one argument.
    pub argv: Vec<String>,
}

impl Default for InspectionConfig {
    fn default() -> Self {
        Self {
            commands: Vec::new(),
            per_incident: 8,
            per_target: 16,
            window: Span::from_secs(600),
            timeout: Span::from_secs(5),
        }
    }
}

impl InspectionConfig {
    /// Whether it can be used.
    pub(super) fn check(&self) -> Result<(), BadInput> {
        self.rules().map(drop)
    }

    /// What of it is part of the policy.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn rules(&self) -> Result<InspectionRules, BadInput> {
        let bad = |what: String| Err(BadInput(format!("[inspection] {what}")));
        if self.commands.is_empty() {
            return bad(
                "lists nothing that may be looked at: add [[inspection.commands]], or leave the \
                 section out"
                    .into(),
            );
        }
        if self.commands.len() > limits::LOOK_PATTERNS {
            return bad(format!("lists more than {} commands", limits::LOOK_PATTERNS));
        }
        let counts = [
            ("per_incident", self.per_incident, limits::LOOKS_PER_INCIDENT),
            ("per_target", self.per_target, limits::LOOKS_PER_TARGET),
        ];
        for (key, value, most) in counts {
            if value == 0 || value > most {
                return bad(format!("{key}: {value} is not between 1 and {most}"));
            }
        }
        let spans = [
            ("window", self.window, limits::LOOK_WINDOW),
            ("timeout", self.timeout, limits::LOOK_TIMEOUT),
        ];
        for (key, value, most) in spans {
            if value == Span::default() || value > most {
                return bad(format!("{key}: {value} is not between 1ms and {most}"));
            }
        }
        let mut commands = Vec::with_capacity(self.commands.len());
        for LookConfig { argv } in &self.commands {
            match CommandPattern::new(argv.clone()) {
                Ok(pattern) => commands.push(pattern),
                Err(why) => return bad(format!("commands: {argv:?}: {why}")),
            }
        }
        let Self { per_incident, per_target, window, timeout, .. } = *self;
        Ok(InspectionRules { commands, per_incident, per_target, window, timeout })
    }

    /// What of it is part of the policy, so that inspections name it; nothing if it cannot be used.
    #[must_use]
    pub fn bind(&self, mut policy: EscalationPolicy) -> EscalationPolicy {
        policy.inspection = self.rules().ok();
        policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(commands: usize) -> InspectionConfig {
        let look = LookConfig { argv: vec!["/usr/bin/df".into(), "*".into()] };
        InspectionConfig { commands: vec![look; commands], ..InspectionConfig::default() }
    }

    #[test]
    fn every_limit_holds_at_its_value_and_not_one_past_it() {
        assert_eq!(with(limits::LOOK_PATTERNS).check(), Ok(()));
        assert!(with(limits::LOOK_PATTERNS + 1).check().is_err());
        assert!(with(0).check().is_err());
        let past = |span: Span| Span::from_millis(span.millis() + 1);
        let at = InspectionConfig {
            per_incident: limits::LOOKS_PER_INCIDENT,
            per_target: limits::LOOKS_PER_TARGET,
            window: limits::LOOK_WINDOW,
            timeout: limits::LOOK_TIMEOUT,
            ..with(1)
        };
        assert_eq!(at.check(), Ok(()));
        for wrong in [
            InspectionConfig { per_incident: limits::LOOKS_PER_INCIDENT + 1, ..at.clone() },
            InspectionConfig { per_target: limits::LOOKS_PER_TARGET + 1, ..at.clone() },
            InspectionConfig { window: past(limits::LOOK_WINDOW), ..at.clone() },
            InspectionConfig { timeout: past(limits::LOOK_TIMEOUT), ..at.clone() },
            InspectionConfig { per_incident: 0, ..at.clone() },
            InspectionConfig { timeout: Span::default(), ..at },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_may_be_looked_at_is_part_of_the_policy_and_of_its_digest() {
        let policy = || EscalationPolicy::shipped().unwrap();
        assert_ne!(with(1).bind(policy()).digest(), policy().digest());
        let one = InspectionConfig { per_target: 3, ..with(1) };
        assert_ne!(one.bind(policy()).digest(), with(1).bind(policy()).digest());
    }
}
