//! Sentry's integration webhooks: issue alerts, metric alerts and the life of issues.
//!
//! Format: <https://docs.sentry.io/organization/integrations/integration-platform/webhooks/>.
//! The resource is told by what stands in `data`, which is signed, and not by the header
//! `Sentry-Hook-Resource`, which is not.
//!
//! | Alert | issue (`event_alert`, `issue`) | metric alert (`metric_alert`) |
//! |---|---|---|
//! | label `alertname` | always `SentryIssue` | `alert_rule.name` |
//! | other labels | `issue_id`, `project_id` | `rule_id`; `project` if the rule has exactly one |
//! | id | the issue's id | `metric_alert.id` |
//! | title | the issue's title | `description_title` |
//! | severity | `level` | `action` (`critical`, `warning`) |
//! | resolved | action `resolved` | action `resolved` |
//! | suppressed | action `archived` or `ignored` | – |
//!
//! An alert about an issue and the issue's own life carry the same labels, so that
//! `issue.resolved` ends what `event_alert.triggered` began.

use std::collections::BTreeMap;

use tagout_core::alert::{Alert, AlertFlaw, AlertStatus};
use tagout_core::limits;
use tagout_core::text::FreeText;

use super::fields::{self, Fields};
use super::json::{Kind, Members, quoted};
use super::{Content, Format, Reading, SignalError};

/// Members of `data` by which a webhook that is no alert is known: installations, single
/// errors, comments, the analyses of Seer, and builds.
const NO_ALERT: [&str; 5] = ["installation", "error", "comment", "run_id", "buildId"];

/// Whether an outermost object is such a webhook: an action of an actor on data, under an
/// installation.
pub(super) fn recognises(members: &Members<'_>) -> bool {
    let is = |name, kind| members.values.get(name).is_some_and(|value| Kind::of(value) == kind);
    is("action", Kind::String)
        && ["actor", "data", "installation"].into_iter().all(|name| is(name, Kind::Object))
}

/// The alert of one webhook, or nothing if it is about something else.
pub(super) fn read(members: &Members<'_>) -> Result<Content, SignalError> {
    let wrong = |what: String| SignalError::NotOfFormat { format: Format::Sentry, what };
    let flawed = |flaw: AlertFlaw| wrong(flaw.to_string());
    let body = Fields::from_members(members);
    let action = body.required("action").map_err(flawed)?;
    let data =
        body.object("data").map_err(flawed)?.ok_or_else(|| wrong("data: is missing".to_owned()))?;
    let unknown = |resource: &str| {
        wrong(format!("the action {} of {resource} is not known", quoted(&action)))
    };
    let alert = if let Some(metric) = data.object("metric_alert").map_err(flawed)? {
        let status = match action.as_str() {
            "critical" | "warning" => AlertStatus::Firing,
            "resolved" => AlertStatus::Resolved,
            _ => return Err(unknown("metric_alert")),
        };
        metric_alert(&data, &metric, &action, status)
    } else if let Some(issue) = data.object("issue").map_err(flawed)? {
        let status = match action.as_str() {
            "created" | "unresolved" => AlertStatus::Firing,
            "resolved" => AlertStatus::Resolved,
            "archived" | "ignored" => AlertStatus::Suppressed,
            "assigned" => return Ok(Content::Nothing("a Sentry issue was assigned")),
            _ => return Err(unknown("issue")),
        };
        issue_alert(&issue, status)
    } else if let Some(event) = data.object("event").map_err(flawed)? {
        if action != "triggered" {
            return Err(unknown("event_alert"));
        }
        event_alert(&data, &event)
    } else if NO_ALERT.iter().any(|name| data.get(name).is_some()) {
        return Ok(Content::Nothing("a Sentry webhook about something other than alerts"));
    } else {
        return Err(wrong("data: holds nothing that is known".to_owned()));
    };
    Ok(Content::Alerts { readings: vec![Reading::new(0, alert)], truncated: 0 })
}

/// The labels of an issue, and its id.
fn issue_labels(id: &str, project: Option<String>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), "SentryIssue".to_owned()),
        ("issue_id".to_owned(), id.to_owned()),
    ]);
    labels.extend(project.map(|project| ("project_id".to_owned(), project)));
    labels
}

/// Annotations from the members of `of`, by name; those that are absent are left out.
fn annotations(
    of: &Fields<'_>,
    names: &[(&str, &str)],
) -> Result<BTreeMap<String, FreeText>, AlertFlaw> {
    let mut annotations = BTreeMap::new();
    for (member, name) in names {
        if let Some(text) = of.prose(member)? {
            annotations.insert((*name).to_owned(), fields::cut(text.as_str(), limits::VALUE_BYTES));
        }
    }
    Ok(annotations)
}

/// An event that tripped an issue alert rule.
fn event_alert(data: &Fields<'_>, event: &Fields<'_>) -> Result<Alert, AlertFlaw> {
    let id = event
        .scalar("issue_id")?
        .ok_or_else(|| fields::flaw("data.event.issue_id", "is missing"))?;
    let labels = issue_labels(&id, event.scalar("project")?);
    let mut annotations = annotations(
        event,
        &[("web_url", "url"), ("culprit", "culprit"), ("platform", "platform")],
    )?;
    let rule = data.prose("triggered_rule")?;
    let mut message = event.prose("message")?.unwrap_or_default().as_str().to_owned();
    if let Some(rule) = rule {
        let stop = if message.is_empty() { "" } else { "\n" };
        message.push_str(&format!("{stop}Alert rule: {rule}"));
        annotations.insert("triggered_rule".to_owned(), rule);
    }
    Ok(Alert {
        id,
        source: Format::Sentry.name().to_owned(),
        status: AlertStatus::Firing,
        severity: event.word("level")?.and_then(|word| fields::severity(&word)),
        title: title(event)?,
        message: fields::cut(&message, limits::MESSAGE_BYTES),
        labels,
        annotations,
        metrics: BTreeMap::new(),
        starts_at: event.time("datetime")?,
        ends_at: None,
        runbook_url: None,
    })
}

/// A change in the life of an issue.
fn issue_alert(issue: &Fields<'_>, status: AlertStatus) -> Result<Alert, AlertFlaw> {
    let id = issue.scalar("id")?.ok_or_else(|| fields::flaw("data.issue.id", "is missing"))?;
    let project = match issue.object("project")? {
        Some(project) => project.scalar("id")?,
        None => None,
    };
    let labels = issue_labels(&id, project);
    let mut annotations = annotations(
        issue,
        &[
            ("permalink", "url"),
            ("culprit", "culprit"),
            ("platform", "platform"),
            ("shortId", "short_id"),
            ("substatus", "substatus"),
        ],
    )?;
    if let Some(url) = issue.prose("web_url")? {
        annotations.insert("url".to_owned(), url);
    }
    let culprit = issue.prose("culprit")?.unwrap_or_default();
    Ok(Alert {
        id,
        source: Format::Sentry.name().to_owned(),
        status,
        severity: issue.word("level")?.and_then(|word| fields::severity(&word)),
        title: title(issue)?,
        message: fields::cut(culprit.as_str(), limits::MESSAGE_BYTES),
        labels,
        annotations,
        metrics: BTreeMap::new(),
        starts_at: issue.time("firstSeen")?,
        // Sentry sends no time of the resolution.
        ends_at: None,
        runbook_url: None,
    })
}

/// Titles hold the text of exceptions, which can be long.
fn title(of: &Fields<'_>) -> Result<FreeText, AlertFlaw> {
    let title = of.prose("title")?;
    Ok(title.map(|text| fields::cut(text.as_str(), limits::VALUE_BYTES)).unwrap_or_default())
}

/// A metric alert rule whose threshold was met, or is met no longer.
fn metric_alert(
    data: &Fields<'_>,
    metric: &Fields<'_>,
    action: &str,
    status: AlertStatus,
) -> Result<Alert, AlertFlaw> {
    let rule = metric
        .object("alert_rule")?
        .ok_or_else(|| fields::flaw("data.metric_alert.alert_rule", "is missing"))?;
    let rule_id = rule
        .scalar("id")?
        .ok_or_else(|| fields::flaw("data.metric_alert.alert_rule.id", "is missing"))?;
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), rule.required("name")?),
        ("rule_id".to_owned(), rule_id),
    ]);
    if let [project] = rule.array("projects")?.as_slice() {
        labels.insert("project".to_owned(), fields::word_or_scalar("projects", project)?);
    }
    let mut annotations = annotations(data, &[("web_url", "url")])?;
    annotations
        .extend(self::annotations(&rule, &[("query", "query"), ("aggregate", "aggregate")])?);
    let text = data.prose("description_text")?.unwrap_or_default();
    let mut title = data.prose("description_title")?.unwrap_or_default();
    if title.is_empty() {
        title = labels.get("alertname").map(String::as_str).unwrap_or_default().into();
    }
    Ok(Alert {
        id: metric.scalar("id")?.unwrap_or_default(),
        source: Format::Sentry.name().to_owned(),
        status,
        severity: (status == AlertStatus::Firing).then(|| action.to_owned()),
        title,
        message: fields::cut(text.as_str(), limits::MESSAGE_BYTES),
        labels,
        annotations,
        metrics: BTreeMap::new(),
        starts_at: metric.time("date_started")?,
        ends_at: fields::end(status, metric.time("date_closed")?),
        runbook_url: None,
    })
}
