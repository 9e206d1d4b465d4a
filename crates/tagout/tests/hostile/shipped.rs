//! The pages that ship: each text as each of their values, and in everything else that an alert says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tagout::runbooks::load;
use tagout::signals::{Reading, read};
use tagout_core::alert::Alert;
use tagout_core::plan::{Draft, PlanChange};
use tagout_core::runbook::{Catalogue, Runbook, Step};
use tagout_core::template::Template;

use super::corpus;
use super::home::Home;
use super::pattern::{accepted, harmless};

fn catalogue() -> Catalogue {
    load(&corpus::repository().join("runbooks")).unwrap().catalogue
}

/// The labels that an alert for the page needs, by what they are for.
fn labels(page: &Runbook) -> BTreeMap<String, String> {
    let from = |(_, parameter): (&String, &_)| {
        let parameter: &tagout_core::parameter::Parameter = parameter;
        let label = parameter.from.as_deref()?.strip_prefix("labels.")?;
        Some((label.to_owned(), harmless(parameter)))
    };
    // Where two are read from one label, what fits the narrower one fits both.
    let mut all: BTreeMap<_, _> = page.parameters.iter().filter_map(from).collect();
    for (label, value) in &mut all {
        let reading = page
            .parameters
            .values()
            .filter(|parameter| parameter.from.as_deref() == Some(&*format!("labels.{label}")));
        let reading: Vec<_> = reading.collect();
        let fitting = reading
            .iter()
            .map(|parameter| harmless(parameter))
            .find(|raw| reading.iter().all(|parameter| accepted(parameter, raw).is_some()));
        *value = fitting.unwrap();
    }
    all
}

/// The values that the page may put into commands, found by the checker alone.
fn values(page: &Runbook, labels: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let value = |(name, parameter): (&String, &tagout_core::parameter::Parameter)| {
        let label = parameter.from.as_deref().and_then(|from| from.strip_prefix("labels."));
        let raw = label.and_then(|label| labels.get(label)).or(parameter.default.as_ref());
        Some((name.clone(), accepted(parameter, raw?)?))
    };
    page.parameters.iter().map(value).collect()
}

fn filled(template: &str, values: &BTreeMap<String, String>) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    text
}

/// Each argument vector as the page writes it, with how to take it back.
fn written(steps: &[Step]) -> Vec<(Vec<String>, Vec<String>)> {
    let vector = |work: &Option<tagout_core::work::Work>| {
        let command = work.as_ref().and_then(|work| work.command());
        command.map(|one| one.arguments().map(str::to_owned).collect()).unwrap_or_default()
    };
    steps.iter().map(|step| (vector(&step.work), vector(&step.undo))).collect()
}

/// Whether these are the page's own arguments with exactly these values in their places.
fn judge(
    page: &Runbook,
    values: &BTreeMap<String, String>,
    planned: &[(Vec<String>, Vec<String>)],
) {
    let all = [&page.preconditions, &page.steps, &page.verification];
    let templates: Vec<_> = all.into_iter().flat_map(|steps| written(steps)).collect();
    assert_eq!(planned.len(), templates.len(), "{}", page.id);
    for ((argv, undo), (template, back)) in planned.iter().zip(&templates) {
        for (vector, template) in [(argv, template), (undo, back)] {
            assert_eq!(vector.len(), template.len(), "{vector:?}");
            for (argument, template) in vector.iter().zip(template) {
                assert_eq!(*argument, filled(template, values), "{}", page.id);
                assert!(!argument.starts_with('-') || template.starts_with('-'), "{argument}");
                let parts = argument.split('/').any(|part| part == ".." || part == ".");
                assert!(!parts && !argument.chars().any(char::is_control), "{argument}");
                assert!(argument.is_ascii(), "{argument}");
            }
        }
    }
}

/// The alert of this name with these labels, read from its JSON as it would come.
fn alert(name: &str, labels: &BTreeMap<String, String>) -> Option<Alert> {
    let mut labels = labels.clone();
    labels.insert("alertname".into(), name.into());
    let body = json!({"title": name, "severity": "warning", "labels": labels}).to_string();
    match read(body.as_bytes()).unwrap().alerts.remove(0) {
        Reading::Alert(alert) => Some(alert),
        Reading::Flawed { .. } => None,
    }
}

#[test]
fn every_text_as_a_value_of_a_page_that_ships_is_inside_its_pattern_or_there_is_no_plan() {
    let (pages, texts, own) = (catalogue(), corpus::all(), corpus::own());
    let (mut seen, mut bound, mut refused) = (BTreeSet::new(), 0_u32, 0_u32);
    for page in pages.iter() {
        let good = labels(page);
        for label in good.keys() {
            let reads = page
                .parameters
                .values()
                .filter(|parameter| parameter.from.as_deref() == Some(&*format!("labels.{label}")));
            let limits =
                reads.map(|one| (one.pattern.clone(), one.values.clone(), one.min, one.max));
            // The same limits of another page's label are the same once more.
            if !seen.insert(limits.collect::<Vec<_>>()) {
                continue;
            }
            let around = own.iter().flat_map(|text| {
                [format!("{}{text}", good[label]), format!("{text}{}", good[label])]
            });
            for text in texts.iter().cloned().chain(around) {
                let mut labels = good.clone();
                labels.insert(label.clone(), text.clone());
                let Some(alert) = alert("Any", &labels) else { continue };
                // What the alert holds by now is what it was sent with.
                assert_eq!(alert.labels.get(label), Some(&text));
                let draft = Draft::bind(page, &alert, &PlanChange::default());
                let expected = values(page, &labels);
                match (draft, expected) {
                    (Ok(draft), Some(values)) => {
                        let all = [&draft.preconditions, &draft.steps, &draft.verification];
                        let all = all.into_iter().flatten();
                        let vectors = all.map(|step| (step.argv.clone(), step.undo.clone()));
                        judge(page, &values, &vectors.collect::<Vec<_>>());
                        let target = page.target.as_ref().map(Template::source);
                        let target = target.map(|target| filled(target, &values));
                        assert!(target.is_none_or(|target| target == draft.target));
                        bound += 1;
                    }
                    (Err(_), _) => refused += 1,
                    (Ok(draft), None) => {
                        panic!("{}: {label} = {text:?} reached {:?}", page.id, draft.steps)
                    }
                }
            }
        }
    }
    println!("{} limits: {bound} values fit, {refused} were refused", seen.len());
    // Some of them are plain words and fit; most are not.
    assert!(bound > 50 && refused > 10_000, "{bound} {refused}");
}

/// Alerts for the pages in turn: some with a text as a value, and all texts, thirty in an alert, in
/// everything else that it says.
fn bodies(pages: &Catalogue) -> Vec<Value> {
    let pages: Vec<_> = pages.iter().collect();
    let texts = corpus::all();
    let body = |n: usize, texts: &[String], labels: BTreeMap<String, String>| {
        let name = pages[n % pages.len()].keys.alert_names.first().unwrap();
        let mut labels = labels;
        let one = |(at, text): (usize, &String)| (format!("t{at}"), text.clone());
        labels.extend(texts.iter().enumerate().map(one));
        let own =
            [("alertname", name.clone()), ("environment", "test".into()), ("n", n.to_string())];
        labels.extend(own.map(|(label, value)| (label.to_owned(), value)));
        let annotations: BTreeMap<_, _> = texts.iter().enumerate().map(one).collect();
        let message = texts.first().map_or("nothing", String::as_str);
        json!({"title": name, "severity": "warning", "labels": labels, "message": message,
               "annotations": annotations})
    };
    // A text that no alert may hold would have all that stands beside it refused.
    let read = |text: &&String| alert("Any", &[("t".to_owned(), (*text).clone())].into()).is_some();
    let fit: Vec<String> = texts.iter().filter(read).cloned().collect();
    assert!(fit.len() > texts.len() * 9 / 10, "{} of {}", fit.len(), texts.len());
    let said =
        fit.chunks(30).enumerate().map(|(n, texts)| body(n, texts, labels(pages[n % pages.len()])));
    let values = fit.iter().step_by(25).enumerate().map(|(n, text)| {
        let mut labels = labels(pages[n % pages.len()]);
        let label = labels.keys().nth(n % labels.len()).unwrap().clone();
        labels.insert(label, text.clone());
        body(n, &[], labels)
    });
    said.chain(values).collect()
}

#[test]
fn what_the_command_plans_for_hostile_alerts_holds_the_pages_own_arguments_and_nothing_else() {
    let pages = catalogue();
    let bodies = bodies(&pages);
    let home = Home::new();
    let runbooks = corpus::repository().join("runbooks");
    let lines: Vec<_> = bodies.iter().map(Value::to_string).collect();
    let args = ["run", "--runbooks", runbooks.to_str().unwrap(), "--policy", "policy.toml"];
    let out = home.tagout(&args).stdin(lines.join("\n")).done();
    assert_eq!(out.code, 0, "{}", out.stderr);
    let trail = home.trail();
    let opened = trail.iter().filter(|line| line["event"]["kind"] == "incident_opened");
    let labels_of = |line: &Value| {
        let labels = line["event"]["data"]["alert"]["labels"].as_object().unwrap().clone();
        labels.into_iter().map(|(k, v)| (k, v.as_str().unwrap_or_default().to_owned())).collect()
    };
    let alerts: BTreeMap<String, BTreeMap<String, String>> = opened
        .map(|line| (line["incident"].as_str().unwrap().to_owned(), labels_of(line)))
        .collect();
    let mut plans = 0;
    for line in trail.iter().filter(|line| line["event"]["kind"] == "plan_proposed") {
        let plan = &line["event"]["data"]["plan"];
        let page = pages.get(plan["runbook"].as_str().unwrap()).unwrap();
        let labels = &alerts[line["incident"].as_str().unwrap()];
        let values = values(page, labels).unwrap_or_else(|| panic!("{labels:?} made {plan}"));
        assert_eq!(plan["values"], json!(values), "{labels:?}");
        let vector = |step: &Value, key: &str| {
            let all = step[key].as_array().unwrap().iter();
            all.map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let steps = ["preconditions", "steps", "verification"].into_iter();
        let steps = steps.flat_map(|list| plan[list].as_array().unwrap());
        let steps = steps.map(|step| (vector(step, "argv"), vector(step, "undo")));
        judge(page, &values, &steps.collect::<Vec<_>>());
        assert_eq!(plan["mode"], "dry_run");
        plans += 1;
    }
    println!("{} alerts, {} incidents, {plans} plans", bodies.len(), alerts.len());
    assert_eq!(alerts.len(), bodies.len());
    assert!(plans > 20, "{plans} plans of {} alerts", bodies.len());
}
