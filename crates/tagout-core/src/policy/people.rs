//! The parts of the policy file that are about people: who may approve, who is asked, and when
//! others are asked too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::PolicyError;
use super::file::Number;
use crate::actor::Act;
use crate::approval::Person;
use crate::bypass::BypassRules;
use crate::chain::Rung;
use crate::entitlement::{ApproveRule, Entrusted};
use crate::glass::GlassRules;
use crate::limits;
use crate::matcher::LabelMatcher;
use crate::route::{OwnersPart, Route};
use crate::text::is_invisible;
use crate::tier::Tier;
use crate::time::Span;

/// A route as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteFile {
    tier_at_least: Option<Tier>,
    confidence_below: Option<Number>,
    margin_below: Option<Number>,
    #[serde(default)]
    novel: bool,
    runbook: Option<String>,
    #[serde(default, rename = "match")]
    matcher: LabelMatcher,
    #[serde(default)]
    ask: BTreeSet<String>,
    #[serde(default)]
    require: BTreeMap<String, u32>,
    quorum: Option<u32>,
    owner: Option<OwnersPart>,
    #[serde(default)]
    escalate: bool,
}

/// A rung of the chain as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RungFile {
    after: String,
    ask: BTreeSet<String>,
    tier_at_least: Option<Tier>,
}

/// Who may break the glass, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GlassFile {
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    people: BTreeSet<Person>,
    max_per_window: u32,
    window: String,
}

/// Who may open a bypass, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BypassFile {
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    people: BTreeSet<Person>,
    longest: String,
}

pub(super) fn glass(file: GlassFile) -> Result<GlassRules, PolicyError> {
    let who = entrusted("break_glass", file.groups, file.people)?;
    let max_per_window = file.max_per_window;
    if max_per_window == 0 || max_per_window > limits::GLASS_PER_WINDOW {
        return Err(PolicyError(format!(
            "break_glass.max_per_window: {max_per_window} is out of range; use 1 to {}",
            limits::GLASS_PER_WINDOW
        )));
    }
    let window = span("break_glass.window", &file.window)?;
    if window == Span::default() {
        return Err(PolicyError("break_glass.window: must be longer than zero".into()));
    }
    Ok(GlassRules { who, max_per_window, window })
}

pub(super) fn bypass(file: BypassFile) -> Result<BypassRules, PolicyError> {
    let who = entrusted("bypass", file.groups, file.people)?;
    let longest = span("bypass.longest", &file.longest)?;
    if longest == Span::default() || longest > limits::BYPASS {
        return Err(PolicyError(format!(
            "bypass.longest: {longest} is out of range; use up to {}",
            limits::BYPASS
        )));
    }
    Ok(BypassRules { who, longest })
}

fn entrusted(
    field: &str,
    groups: BTreeSet<String>,
    people: BTreeSet<Person>,
) -> Result<Entrusted, PolicyError> {
    if groups.is_empty() && people.is_empty() {
        return Err(PolicyError(format!("{field}: name groups or people")));
    }
    counted(&format!("{field}.people"), people.len(), limits::APPROVE_RULES)?;
    let groups = audiences(&format!("{field}.groups"), groups)?;
    Ok(Entrusted { groups, people })
}

pub(super) fn routes(files: Vec<RouteFile>) -> Result<Vec<Route>, PolicyError> {
    counted("route", files.len(), limits::ROUTES)?;
    files.into_iter().enumerate().map(|(i, file)| route(&format!("route[{i}]"), file)).collect()
}

fn route(field: &str, file: RouteFile) -> Result<Route, PolicyError> {
    let threshold = |key: &str, number: Option<Number>| {
        number.map(|n| n.confidence(&format!("{field}.{key}"))).transpose()
    };
    let effect = !file.ask.is_empty()
        || !file.require.is_empty()
        || file.quorum.is_some()
        || file.owner.is_some()
        || file.escalate;
    if !effect {
        let what = "give ask, require, quorum, owner or escalate";
        return Err(PolicyError(format!("{field} does nothing; {what}")));
    }
    if let Some(quorum) = file.quorum {
        in_quorum(&format!("{field}.quorum"), quorum)?;
    }
    Ok(Route {
        tier_at_least: file.tier_at_least,
        confidence_below: threshold("confidence_below", file.confidence_below)?,
        margin_below: threshold("margin_below", file.margin_below)?,
        novel: file.novel,
        runbook: file.runbook,
        matcher: file.matcher,
        ask: audiences(&format!("{field}.ask"), file.ask)?,
        require: groups(&format!("{field}.require"), file.require)?,
        quorum: file.quorum,
        owner: file.owner,
        escalate: file.escalate,
    })
}

pub(super) fn rungs(files: Vec<RungFile>) -> Result<Vec<Rung>, PolicyError> {
    counted("chain", files.len(), limits::RUNGS)?;
    let rung = |(i, file): (usize, RungFile)| {
        let after = span(&format!("chain[{i}].after"), &file.after)?;
        if after == Span::default() {
            let what = "must be longer than zero; whom to ask at once stands in [[route]]";
            return Err(PolicyError(format!("chain[{i}].after: {what}")));
        }
        if file.ask.is_empty() {
            return Err(PolicyError(format!("chain[{i}].ask: name whom to ask")));
        }
        let ask = audiences(&format!("chain[{i}].ask"), file.ask)?;
        Ok(Rung { after, ask, tier_at_least: file.tier_at_least })
    };
    files.into_iter().enumerate().map(rung).collect()
}

/// The time of a warning before something ends; none for zero.
pub(super) fn warning(text: &str) -> Result<Option<Span>, PolicyError> {
    Ok(Some(span("warn_before", text)?).filter(|before| *before > Span::default()))
}

pub(super) fn span(field: &str, text: &str) -> Result<Span, PolicyError> {
    text.parse().map_err(|e| PolicyError(format!("{field}: {e}")))
}

/// How many of each group must approve, if these numbers make sense.
pub(super) fn groups(
    field: &str,
    groups: BTreeMap<String, u32>,
) -> Result<BTreeMap<String, u32>, PolicyError> {
    for (group, count) in &groups {
        named(field, group)?;
        if *count == 0 {
            return Err(PolicyError(format!("{field}.{group}: use 1 or more, or leave it out")));
        }
    }
    let sum = groups.values().fold(0u32, |sum, count| sum.saturating_add(*count));
    if sum > limits::QUORUM {
        let most = limits::QUORUM;
        return Err(PolicyError(format!("{field}: {sum} people together; the limit is {most}")));
    }
    Ok(groups)
}

pub(super) fn in_quorum(field: &str, quorum: u32) -> Result<(), PolicyError> {
    if quorum == 0 || quorum > limits::QUORUM {
        let most = limits::QUORUM;
        return Err(PolicyError(format!("{field}: {quorum} is out of range; use 1 to {most}")));
    }
    Ok(())
}

pub(super) fn entitled(rules: Vec<ApproveRule>) -> Result<Vec<ApproveRule>, PolicyError> {
    counted("approve", rules.len(), limits::APPROVE_RULES)?;
    for (i, rule) in rules.iter().enumerate() {
        if let Some(group) = &rule.group {
            named(&format!("approve[{i}].group"), group)?;
        }
        if rule.role.is_some_and(|role| !role.may(Act::Review)) {
            return Err(PolicyError(format!(
                "approve[{i}].role: this role may not review; use approver or admin"
            )));
        }
    }
    Ok(rules)
}

/// Names of whom to ask.
pub(super) fn audiences(
    field: &str,
    names: BTreeSet<String>,
) -> Result<BTreeSet<String>, PolicyError> {
    counted(field, names.len(), limits::AUDIENCES)?;
    names.iter().try_for_each(|name| named(field, name))?;
    Ok(names)
}

/// The name of a group of people, or of whom to ask.
fn named(field: &str, name: &str) -> Result<(), PolicyError> {
    let good = !name.trim().is_empty() && name.len() <= limits::NAME_BYTES;
    let good = good && !name.chars().any(|c| c.is_control() || is_invisible(c));
    let what = "1 to 256 bytes without control or invisible characters";
    if good { Ok(()) } else { Err(PolicyError(format!("{field}: a name has {what}"))) }
}

fn counted(field: &str, count: usize, most: usize) -> Result<(), PolicyError> {
    if count > most {
        return Err(PolicyError(format!("{field}: {count} entries; the limit is {most}")));
    }
    Ok(())
}
