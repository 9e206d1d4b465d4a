//! The front matter of a page: YAML read into the types of the core, with the line of all that
//! is wrong in it.

use std::sync::LazyLock;

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;
use tagout_core::front_matter::{Flaw, FrontMatter};
use tagout_core::limits;

use super::finding::LinedFlaw;
use super::outline::{self, Lines, Node};
use super::page::{FrontText, Language};
use super::schema::schema;
use super::shape;

/// Made once: it is the same for every page.
static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(schema);

/// Keys that many programs write at the top of a page and that make nothing executable.
const SHARED_KEYS: [&str; 3] = ["id", "title", "owner"];

/// What stands at the top of a page.
#[derive(Debug)]
pub(super) enum Front {
    /// Ours: every key was understood.
    Declared(Box<FrontMatter>, Lines),
    /// Some other program's, of which only the title is taken.
    Foreign {
        /// The page's title, if it gives one.
        title: Option<String>,
        /// The keys that are not ours.
        keys: Vec<String>,
    },
}

/// Reads a front matter.
///
/// A front matter that holds none of our keys beyond [`SHARED_KEYS`], and none that looks like a
/// misspelt one, belongs to some other program, such as the generator of a site.
pub(super) fn read(front: &FrontText<'_>) -> Result<Front, Vec<LinedFlaw>> {
    if front.language == Language::Toml {
        return Ok(foreign_toml(front.text));
    }
    let root = outline::read(front.text).map_err(|e| vec![yaml_flaw(&e, front)])?;
    let lines = Lines::new(&root, front.first_line);
    match &root.value {
        Node::Null => return Ok(Front::Declared(Box::default(), lines)),
        Node::Map(entries) => {
            let known: Vec<&str> = SCHEMA
                .pointer("/properties")
                .and_then(serde_json::Value::as_object)
                .map(|fields| fields.keys().map(String::as_str).collect())
                .unwrap_or_default();
            let ours = |key: &str| {
                !SHARED_KEYS.contains(&key)
                    && shape::meant(key, known.iter().copied())
                        .is_some_and(|name| !SHARED_KEYS.contains(&name))
            };
            let keys = || entries.iter().map(|(key, _)| key.value.as_str());
            let strange: Vec<_> = keys().filter(|key| !known.contains(key)).collect();
            if !strange.is_empty() && !keys().any(ours) {
                let title = entries.iter().find(|(key, _)| key.value == "title");
                let title = title.and_then(|(_, value)| match &value.value {
                    Node::Text(text) => Some(text.clone()),
                    _ => None,
                });
                let keys = strange.into_iter().map(str::to_owned).collect();
                return Ok(Front::Foreign { title, keys });
            }
        }
        _ => {}
    }
    let mut flaws = shape::check(&root, &SCHEMA, &lines);
    if flaws.is_empty() {
        match serde_saphyr::from_str_with_options::<FrontMatter>(front.text, outline::options()) {
            Ok(matter) => return Ok(Front::Declared(Box::new(matter), lines)),
            Err(e) => flaws.push(yaml_flaw(&e, front)),
        }
    }
    Err(flaws)
}

/// What the core's own checks leave open: texts that are there and say nothing. An empty alert
/// name, say, would be the exact key of every alert without a name.
pub(super) fn blanks(front: &FrontMatter) -> Vec<Flaw> {
    let lists = [
        ("symptoms", &front.symptoms),
        ("match.alert_names", &front.keys.alert_names),
        ("match.runbook_urls", &front.keys.runbook_urls),
    ];
    let items = lists.into_iter().flat_map(|(field, list)| {
        list.iter().enumerate().map(move |(i, text)| (format!("{field}[{i}]"), text))
    });
    let title = front.title.iter().map(|text| ("title".to_owned(), text));
    title
        .chain(items)
        .filter(|(_, text)| text.trim().is_empty())
        .map(|(field, _)| Flaw::new(field, "is blank", "write something or remove it"))
        .collect()
}

fn foreign_toml(text: &str) -> Front {
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let title = table.get("title").and_then(toml::Value::as_str).map(str::to_owned);
    Front::Foreign { title, keys: table.keys().cloned().collect() }
}

/// The flaw behind an error of the YAML reader.
fn yaml_flaw(error: &Error, front: &FrontText<'_>) -> LinedFlaw {
    let line = error.location().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(1).max(1);
    // An error at the very end is shown on the last line that holds something.
    let line = line.min(front.text.trim_end().lines().count().max(1));
    let source = front.text.lines().nth(line - 1).unwrap_or_default();
    let mut inner = error.without_snippet();
    // Around an alias the reader wraps what went wrong; the line is that of the alias.
    while let Error::AliasError { error, .. } = inner {
        inner = error.without_snippet();
    }
    let (what, fix) = explain(inner, source);
    LinedFlaw::new(front.first_line + line - 1, field_above(front.text, line), what, fix)
}

fn explain(error: &Error, source: &str) -> (String, String) {
    let (what, fix) = match error {
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => nested_too_deep(),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. }
        | Error::MultipleDocuments { .. } => {
            ("begins a second document".into(), "keep everything in one".into())
        }
        Error::Budget {
            breach: BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. },
            ..
        } => (
            format!("uses more than {} anchors or aliases", limits::YAML_ALIASES),
            "write the values out".into(),
        ),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("unfolds into far too much through its aliases".into(), "write the values out".into())
        }
        Error::Budget { .. } => (
            format!("holds more than {} values", limits::YAML_VALUES),
            "split the page into several runbooks".into(),
        ),
        Error::UnknownAnchor { .. } => (
            "begins with '*' and is read as an alias".into(),
            "put quotes around it if it is meant as text".into(),
        ),
        other => (bare_message(other), String::new()),
    };
    // The likeliest mistakes first: each looks like something else to a YAML reader.
    let indent: String = source.chars().take_while(|c| c.is_whitespace()).collect();
    let fix = if !fix.is_empty() {
        fix
    } else if what.contains("recursion limit") {
        return nested_too_deep();
    } else if indent.contains('\t') {
        "indent with spaces; YAML does not allow tabs there".into()
    } else if source.contains("{{") {
        "put quotes around text that holds {{name}}".into()
    } else if what.contains("mapping values") || what.contains("unexpected character") {
        "put quotes around the text, or check the indentation".into()
    } else if what.contains("unclosed") {
        "close it where it ends".into()
    } else if what.contains("illegal placement") {
        "close the bracket or the quotes that were opened above".into()
    } else {
        "check the indentation and the quotes on and just above this line".into()
    };
    (what, fix)
}

fn nested_too_deep() -> (String, String) {
    (
        format!("is nested deeper than {} levels", limits::YAML_DEPTH),
        "no field needs that; check the brackets and the indentation".into(),
    )
}

/// The reader's message without the place, which is counted from the front matter's first line
/// and would mislead.
fn bare_message(error: &Error) -> String {
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    format!("is not valid YAML here: {message}")
}

/// The key on this line of broken YAML or on the nearest line above.
fn field_above(yaml: &str, line: usize) -> String {
    let lines: Vec<&str> = yaml.lines().take(line).collect();
    let key = lines.iter().rev().find_map(|line| {
        let key = line.trim_start().trim_start_matches("- ").split_once(':')?.0.trim();
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        (!key.is_empty() && key.chars().all(named)).then(|| key.to_owned())
    });
    key.unwrap_or_else(|| "front matter".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_yaml(text: &str) -> Result<Front, Vec<String>> {
        read(&FrontText { language: Language::Yaml, text, first_line: 2 }).map_err(|flaws| {
            flaws.into_iter().map(|f| format!("{} {}", f.line.unwrap(), f.flaw)).collect()
        })
    }

    #[test]
    fn a_site_generators_front_matter_gives_its_title_and_no_more() {
        let front = read_yaml("id: x\ntitle: Disk full\nweight: 20\ntags: [a]\n").unwrap();
        let Front::Foreign { title, keys } = front else { panic!("{front:?}") };
        assert_eq!(
            (title.as_deref(), keys),
            (Some("Disk full"), vec!["weight".into(), "tags".into()])
        );
    }

    #[test]
    fn one_key_of_ours_or_a_misspelt_one_makes_every_other_key_an_error() {
        for (yaml, expected) in [
            ("weight: 20\nrisk: low\n", "2 weight: is not a known key; remove it, or use one of"),
            ("weight: 20\nstep: []\n", "3 step: is not a known key; did you mean steps?"),
        ] {
            let flaws = read_yaml(yaml).unwrap_err();
            assert!(flaws.iter().any(|f| f.starts_with(expected)), "{flaws:?}");
        }
    }

    #[test]
    fn the_usual_mistakes_are_explained() {
        for (yaml, expected) in [
            (
                "steps:\n\t- id: a\n",
                "3 id: is not valid YAML here: tabs disallowed within this context (block indentation); indent with spaces; YAML does not allow tabs there",
            ),
            (
                "target: {{pod}}/x\n",
                "2 target: is not valid YAML here: expected string scalar; put quotes around text that holds {{name}}",
            ),
            (
                "title: a: b\n",
                "2 title: is not valid YAML here: mapping values are not allowed in this context; put quotes around the text, or check the indentation",
            ),
            (
                "symptoms: [a,\n",
                "2 symptoms: is not valid YAML here: unclosed bracket '['; close it where it ends",
            ),
            (
                "match: {labels: [{a: *b}]}\n",
                "2 match: begins with '*' and is read as an alias; put quotes around it if it is meant as text",
            ),
            (
                "risk: low\n--- \nrisk: low\n",
                "3 risk: begins a second document; keep everything in one",
            ),
        ] {
            assert_eq!(read_yaml(yaml).unwrap_err(), [expected]);
        }
    }

    #[test]
    fn an_empty_alert_name_is_not_a_key() {
        let front = read_yaml("match: {alert_names: [A, ' ']}\n").unwrap();
        let Front::Declared(front, _) = front else { panic!("{front:?}") };
        assert_eq!(blanks(&front)[0].field, "match.alert_names[1]");
    }
}
