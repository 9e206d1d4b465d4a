//! What the log and the read API say of many alerts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::home::Home;
use super::service::Service;

/// What became of each alert, as the log says: how often each identity opened an incident, joined
/// one, and so on.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    pub(crate) by_identity: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Fates {
    pub(crate) fn of(home: &Home) -> Self {
        let mut fates = Self::default();
        for line in home.trail() {
            let data = &line["event"]["data"];
            if line["event"]["kind"] == "incident_opened" {
                fates.note(&data["identity"], "opened");
            }
            for fold in data["folded"].as_array().into_iter().flatten() {
                let how = match &fold["how"] {
                    Value::String(word) => word.clone(),
                    other => other.as_object().unwrap().keys().next().unwrap().clone(),
                };
                fates.note(&fold["identity"], &how);
            }
        }
        fates
    }

    fn note(&mut self, identity: &Value, how: &str) {
        let identity = identity.as_str().unwrap().to_owned();
        *self.by_identity.entry(identity).or_default().entry(how.to_owned()).or_default() += 1;
    }

    /// How many alerts were taken in exactly once: they opened an incident or joined one.
    pub(crate) fn taken_in_once(&self) -> usize {
        let times = |fate: &BTreeMap<String, usize>| {
            fate.get("opened").unwrap_or(&0) + fate.get("joined").unwrap_or(&0)
        };
        self.by_identity.values().filter(|fate| times(fate) == 1).count()
    }
}

/// All incidents in this state.
pub(crate) fn incidents(service: &Service, state: &str) -> Vec<Value> {
    let page = service.read(&format!("/v1/incidents?limit=200&state={state}")).is(200).json();
    assert_eq!(page["next"], Value::Null, "more than a page: {page}");
    page["incidents"].as_array().unwrap().clone()
}

/// How many alerts the open incidents stand for: those that fire, and all.
pub(crate) fn stands_for(service: &Service) -> (u64, u64) {
    let counts = incidents(service, "open").into_iter().map(|incident| {
        let count = |name: &str| incident["alerts"][name].as_u64().unwrap_or(1);
        (count("firing"), count("total"))
    });
    counts.fold((0, 0), |(firing, total), (f, t)| (firing + f, total + t))
}
