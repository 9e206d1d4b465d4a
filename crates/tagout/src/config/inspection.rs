//! `[inspection]`: what may be looked at before a decision, without a review. Off if absent.

use std::collections::BTreeMap;

use serde::Deserialize;
use tagout_core::endpoint::Method;
use tagout_core::inspection::{AskedEndpoint, CommandPattern, InspectionRules, PathPattern};
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::time::Span;

use super::endpoint::EndpointConfig;
use super::{BadInput, span};

/// What may be looked at before a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InspectionConfig {
    /// The commands that may be run.
    pub commands: Vec<LookConfig>,
    /// The services that may be asked, by their names under `[execution.endpoints]`.
    pub endpoints: BTreeMap<String, LookEndpointConfig>,
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

/// What may be asked of one service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookEndpointConfig {
    /// The paths with their queries that may be got, with `*` in the place of any one part, and no
    /// others. Questions to Prometheus and Alertmanager need none where none is listed.
    #[serde(default)]
    pub paths: Vec<String>,
}

impl Default for InspectionConfig {
    fn default() -> Self {
        Self {
            commands: Vec::new(),
            endpoints: BTreeMap::new(),
            per_incident: 8,
            per_target: 16,
            window: Span::from_secs(600),
            timeout: Span::from_secs(5),
        }
    }
}

impl InspectionConfig {
    /// Whether it can be used.
    pub(super) fn check(
        &self,
        services: &BTreeMap<String, EndpointConfig>,
    ) -> Result<(), BadInput> {
        self.rules(services).map(drop)
    }

    /// What of it is part of the policy; `services` are those that have an address.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn rules(
        &self,
        services: &BTreeMap<String, EndpointConfig>,
    ) -> Result<InspectionRules, BadInput> {
        let bad = |what: String| Err(BadInput(format!("[inspection] {what}")));
        if self.commands.is_empty() && self.endpoints.is_empty() {
            return bad("lists nothing that may be looked at: add [[inspection.commands]] or \
                 [inspection.endpoints], or leave the section out"
                .into());
        }
        let paths = self.endpoints.values().map(|endpoint| endpoint.paths.len());
        if self.commands.len() + paths.sum::<usize>() > limits::LOOK_PATTERNS {
            return bad(format!("lists more than {} commands and paths", limits::LOOK_PATTERNS));
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
        let endpoints = self.asked(services)?;
        let Self { per_incident, per_target, window, timeout, .. } = *self;
        Ok(InspectionRules { commands, endpoints, per_incident, per_target, window, timeout })
    }

    fn asked(
        &self,
        services: &BTreeMap<String, EndpointConfig>,
    ) -> Result<BTreeMap<String, AskedEndpoint>, BadInput> {
        let asked = self.endpoints.iter().map(|(name, listed)| {
            let bad = |what: String| BadInput(format!("[inspection] endpoints.{name}: {what}"));
            let service = services.get(name).ok_or_else(|| {
                bad("no such endpoint; give it an address under [execution.endpoints]".into())
            })?;
            if !service.methods.contains_key(&Method::Get) {
                return Err(bad(format!(
                    "let it be asked: [execution.endpoints.{name}] has no GET"
                )));
            }
            let paths = listed.paths.iter().map(|path| {
                PathPattern::new(path.clone()).map_err(|why| bad(format!("paths: {path:?}: {why}")))
            });
            let paths = paths.collect::<Result<_, _>>()?;
            Ok((name.clone(), AskedEndpoint { url: service.bound().url, paths }))
        });
        asked.collect()
    }

    /// What of it is part of the policy, so that inspections name it; nothing if it cannot be used.
    #[must_use]
    pub fn bind(
        &self,
        services: &BTreeMap<String, EndpointConfig>,
        mut policy: EscalationPolicy,
    ) -> EscalationPolicy {
        policy.inspection = self.rules(services).ok();
        policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &BTreeMap<String, EndpointConfig> = &BTreeMap::new();

    fn with(commands: usize) -> InspectionConfig {
        let look = LookConfig { argv: vec!["/usr/bin/df".into(), "*".into()] };
        InspectionConfig { commands: vec![look; commands], ..InspectionConfig::default() }
    }

    #[test]
    fn every_limit_holds_at_its_value_and_not_one_past_it() {
        assert_eq!(with(limits::LOOK_PATTERNS).check(NONE), Ok(()));
        assert!(with(limits::LOOK_PATTERNS + 1).check(NONE).is_err());
        assert!(with(0).check(NONE).is_err());
        let past = |span: Span| Span::from_millis(span.millis() + 1);
        let at = InspectionConfig {
            per_incident: limits::LOOKS_PER_INCIDENT,
            per_target: limits::LOOKS_PER_TARGET,
            window: limits::LOOK_WINDOW,
            timeout: limits::LOOK_TIMEOUT,
            ..with(1)
        };
        assert_eq!(at.check(NONE), Ok(()));
        for wrong in [
            InspectionConfig { per_incident: limits::LOOKS_PER_INCIDENT + 1, ..at.clone() },
            InspectionConfig { per_target: limits::LOOKS_PER_TARGET + 1, ..at.clone() },
            InspectionConfig { window: past(limits::LOOK_WINDOW), ..at.clone() },
            InspectionConfig { timeout: past(limits::LOOK_TIMEOUT), ..at.clone() },
            InspectionConfig { per_incident: 0, ..at.clone() },
            InspectionConfig { timeout: Span::default(), ..at },
        ] {
            assert!(wrong.check(NONE).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_may_be_looked_at_is_part_of_the_policy_and_of_its_digest() {
        let policy = || EscalationPolicy::shipped().unwrap();
        assert_ne!(with(1).bind(NONE, policy()).digest(), policy().digest());
        let one = InspectionConfig { per_target: 3, ..with(1) };
        assert_ne!(one.bind(NONE, policy()).digest(), with(1).bind(NONE, policy()).digest());
    }

    #[test]
    fn an_endpoint_is_asked_where_it_has_an_address_and_get_and_is_part_of_the_policy() {
        let endpoints = |paths: usize| {
            let listed = LookEndpointConfig { paths: vec!["/v1/*".into(); paths] };
            let endpoints = [("metrics".to_owned(), listed)].into();
            InspectionConfig { endpoints, ..InspectionConfig::default() }
        };
        let services = |methods: &str| -> BTreeMap<String, EndpointConfig> {
            toml::from_str(&format!(
                "[metrics]\nurl = \"http://127.0.0.1:9090/\"\nmethods = {{ {methods} }}\n"
            ))
            .unwrap()
        };
        let get = services("GET = \"low\"");
        let rules = endpoints(1).rules(&get).unwrap();
        assert_eq!(rules.endpoints["metrics"].url, "http://127.0.0.1:9090");
        assert!(endpoints(0).check(NONE).is_err());
        assert!(endpoints(0).check(&services("POST = \"low\"")).is_err());
        assert!(endpoints(limits::LOOK_PATTERNS).check(&get).is_ok());
        assert!(endpoints(limits::LOOK_PATTERNS + 1).check(&get).is_err());
        let policy = || EscalationPolicy::shipped().unwrap();
        let (one, none) = (endpoints(1).bind(&get, policy()), endpoints(0).bind(&get, policy()));
        assert_ne!(one.digest(), none.digest());
    }
}
