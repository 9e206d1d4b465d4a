//! A front matter held against the schema: every key known, every value of the right kind. All
//! that is wrong is found at once, each thing with its line.

use std::collections::BTreeMap;

use serde_json::Value;
use tagout_core::front_matter::Flaw;

use super::finding::LinedFlaw;
use super::outline::{Entry, Lines, Node, Spot, join, line_of};
use super::prose::is_hidden;

/// All that keeps `root` from being what `schema` describes.
pub(super) fn check(root: &Spot, schema: &Value, lines: &Lines) -> Vec<LinedFlaw> {
    let mut check = Check { schema, lines, flaws: Vec::new() };
    check.value("", line_of(root), root, schema);
    check.flaws.sort_by_key(|flaw| flaw.line);
    check.flaws
}

/// The name in `known` that `written` was probably meant to be.
pub(super) fn meant<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    let allowed = (written.chars().count() / 3).clamp(1, 2);
    known
        .into_iter()
        .map(|name| (distance(&written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// What the schema asks of one value.
enum Expected<'a> {
    Text,
    Whole,
    Boolean,
    List(&'a Value),
    Object(&'a serde_json::Map<String, Value>, Vec<&'a str>),
    Named(&'a Value),
    OneOf(Vec<&'a str>),
    /// A form the schema of the front matter does not use; left to the types that read it.
    Anything,
}

impl Expected<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Whole => "a whole number".into(),
            Self::Boolean => "true or false".into(),
            Self::List(_) => "a list".into(),
            Self::Object(..) | Self::Named(_) => "keys with values".into(),
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::Anything => "something else".into(),
        }
    }

    fn fix(&self, path: &str, found: &Node) -> String {
        let is_command = [".command", ".undo", ".dry_run"].iter().any(|end| path.ends_with(end));
        match (self, found) {
            (Self::List(_), Node::Text(text)) if is_command => {
                let items: Vec<_> = text.split_whitespace().take(8).collect();
                let items = items.join(", ");
                format!("write the program and each argument as an item of its own: [{items}]")
            }
            (_, Node::Null) => "give it a value or remove the key".into(),
            (Self::Text, _) => "write it on one line, in quotes".into(),
            (Self::Whole, _) => "write digits alone, without quotes".into(),
            (Self::Boolean, _) => "write true or false, without quotes".into(),
            (Self::List(_), _) => "write each item on a line of its own behind '- '".into(),
            (Self::Object(..) | Self::Named(_), _) => {
                "write each key on a line of its own, indented, with ': ' behind it".into()
            }
            (Self::OneOf(names), _) => format!("write {}", names.join(" or ")),
            (Self::Anything, _) => "see docs/runbook-format.md".into(),
        }
    }
}

struct Check<'a> {
    schema: &'a Value,
    lines: &'a Lines,
    flaws: Vec<LinedFlaw>,
}

impl<'a> Check<'a> {
    fn flaw(&mut self, line: usize, path: &str, what: impl Into<String>, fix: impl Into<String>) {
        let path = if path.is_empty() { "front matter" } else { path };
        self.flaws
            .push(LinedFlaw { line: Some(self.lines.at(line)), flaw: Flaw::new(path, what, fix) });
    }

    fn value(&mut self, path: &str, line: usize, spot: &Spot, schema: &'a Value) {
        let (expected, may_be_null) = self.expected(schema, &spot.value);
        match (&expected, &spot.value) {
            (Expected::Anything, _) => self.free(path, spot),
            (_, Node::Null) if may_be_null => {}
            (Expected::Text, Node::Text(text)) => self.visible(path, line, text),
            // A plain 8080 or true is taken as it is written where text is asked for.
            (Expected::Text, Node::Boolean | Node::Whole(_) | Node::Fraction)
            | (Expected::Boolean, Node::Boolean) => {}
            (Expected::Whole, Node::Whole(n)) => {
                let least = schema.get("minimum").and_then(Value::as_i64);
                if least.is_some_and(|least| *n < least.into()) {
                    self.flaw(line, path, format!("{n} is too small"), "use a greater number");
                }
            }
            (Expected::List(items), Node::List(list)) => {
                for (i, item) in list.iter().enumerate() {
                    self.value(&format!("{path}[{i}]"), line_of(item), item, items);
                }
            }
            (Expected::Named(values), Node::Map(entries)) => {
                self.repeated(path, entries);
                for (key, value) in entries {
                    let path = join(path, &key.value);
                    self.visible(&path, line_of(key), &key.value);
                    self.value(&path, line_of(key), value, values);
                }
            }
            (Expected::Object(fields, required), Node::Map(entries)) => {
                self.repeated(path, entries);
                self.object(path, line, entries, fields, required);
            }
            (Expected::OneOf(names), Node::Text(text)) => {
                if !names.contains(&text.as_str()) {
                    let what = format!("{text:?} is not {}", expected.describe());
                    let fix = match meant(text, names.iter().copied()) {
                        Some(name) => format!("did you mean {name}?"),
                        None => expected.fix(path, &spot.value),
                    };
                    self.flaw(line, path, what, fix);
                }
            }
            (expected, found) => {
                let what = format!("must be {}, found {}", expected.describe(), found.describe());
                self.flaw(line, path, what, expected.fix(path, found));
            }
        }
    }

    fn object(
        &mut self,
        path: &str,
        line: usize,
        entries: &[Entry],
        fields: &'a serde_json::Map<String, Value>,
        required: &[&str],
    ) {
        for (key, value) in entries {
            let (name, key_line) = (key.value.as_str(), line_of(key));
            if let Some(schema) = fields.get(name) {
                self.value(&join(path, name), key_line, value, schema);
                continue;
            }
            let fix = if name == "<<" {
                "merge keys are not read; write the keys out".to_owned()
            } else if let Some(name) = meant(name, fields.keys().map(String::as_str)) {
                format!("did you mean {name}?")
            } else {
                let known: Vec<_> = fields.keys().map(String::as_str).collect();
                format!("remove it, or use one of {}", known.join(", "))
            };
            self.flaw(key_line, &join(path, name), "is not a known key", fix);
        }
        for name in required {
            if !entries.iter().any(|(key, _)| key.value == *name) {
                self.flaw(line, &join(path, name), "is missing", "add it");
            }
        }
    }

    fn repeated(&mut self, path: &str, entries: &[Entry]) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (key, _) in entries {
            let line = line_of(key);
            if let Some(first) = seen.get(key.value.as_str()) {
                let what = format!("is written twice, first on line {}", self.lines.at(*first));
                self.flaw(line, &join(path, &key.value), what, "keep one of the two");
            } else {
                seen.insert(&key.value, line);
            }
        }
    }

    /// What may be anything, as the body of a request: its texts are looked at all the same.
    fn free(&mut self, path: &str, spot: &Spot) {
        match &spot.value {
            Node::Text(text) => self.visible(path, line_of(spot), text),
            Node::List(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, one)| self.free(&format!("{path}[{i}]"), one));
            }
            Node::Map(entries) => {
                self.repeated(path, entries);
                for (key, value) in entries {
                    let path = join(path, &key.value);
                    self.visible(&path, line_of(key), &key.value);
                    self.free(&path, value);
                }
            }
            Node::Null | Node::Boolean | Node::Whole(_) | Node::Fraction => {}
        }
    }

    fn visible(&mut self, path: &str, line: usize, text: &str) {
        let hidden = text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t'));
        if let Some(hidden) = hidden {
            let what = format!(
                "holds the character U+{:04X}, which a reader cannot see",
                u32::from(hidden)
            );
            self.flaw(line, path, what, "remove it");
        }
    }

    /// What `schema` asks for, and whether nothing at all will do as well.
    fn expected(&self, schema: &'a Value, node: &Node) -> (Expected<'a>, bool) {
        let list = |key: &str| schema.get(key).and_then(Value::as_array);
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let found = reference.strip_prefix('#').and_then(|at| self.schema.pointer(at));
            return found.map_or((Expected::Anything, true), |schema| self.expected(schema, node));
        }
        if let Some(choices) = list("anyOf") {
            let is_null = |choice: &&Value| choice.get("type").is_some_and(|t| t == "null");
            let may_be_null = choices.iter().any(|choice| is_null(&choice));
            let others = choices.iter().filter(|choice| !is_null(choice));
            let others = others.map(|choice| self.expected(choice, node).0);
            // The one that what is written there was probably meant to be.
            let fits = |one: &Expected<'_>| {
                matches!(
                    (one, node),
                    (Expected::List(_), Node::List(_))
                        | (Expected::Object(..) | Expected::Named(_), Node::Map(_))
                        | (Expected::Text | Expected::OneOf(_), Node::Text(_))
                )
            };
            let mut others: Vec<_> = others.collect();
            let meant = others.iter().position(fits).unwrap_or_default();
            let meant =
                if others.is_empty() { Expected::Anything } else { others.swap_remove(meant) };
            return (meant, may_be_null);
        }
        if let Some(choices) = list("oneOf") {
            let names = choices.iter().filter_map(|c| c.get("const").and_then(Value::as_str));
            return (Expected::OneOf(names.collect()), false);
        }
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let expected = match types.iter().find(|t| **t != "null") {
            Some(&"string") => Expected::Text,
            Some(&"integer") => Expected::Whole,
            Some(&"boolean") => Expected::Boolean,
            Some(&"array") => schema.get("items").map_or(Expected::Anything, Expected::List),
            Some(&"object") => match (schema.get("properties"), schema.get("additionalProperties"))
            {
                (Some(Value::Object(fields)), _) => {
                    let required = list("required").into_iter().flatten();
                    Expected::Object(fields, required.filter_map(Value::as_str).collect())
                }
                (None, Some(values)) => Expected::Named(values),
                _ => Expected::Anything,
            },
            _ => Expected::Anything,
        };
        (expected, types.contains(&"null"))
    }
}

/// How many letters must be added, removed, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut least = (above[j] + usize::from(a[i] != b[j])).min(above[j + 1] + 1);
            least = least.min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{outline, schema::schema};
    use super::*;

    fn flaws(yaml: &str) -> Vec<String> {
        let root = outline::read(yaml).unwrap();
        let lines = Lines::new(&root, 1);
        let flaws = check(&root, &schema(), &lines);
        flaws.into_iter().map(|f| format!("{} {}", f.line.unwrap(), f.flaw)).collect()
    }

    #[test]
    fn letters_that_were_mistaken_are_counted() {
        for (a, b, n) in [
            ("", "", 0),
            ("steps", "steps", 0),
            ("stpes", "steps", 1),
            ("step", "steps", 1),
            ("a", "b", 1),
            ("symtom", "symptoms", 2),
        ] {
            assert_eq!(distance(a, b), n, "{a} {b}");
        }
        assert_eq!(meant("not-when", ["not_when", "x"]), Some("not_when"));
        assert_eq!(meant("weight", ["title", "steps"]), None);
    }

    #[test]
    fn everything_wrong_is_found_at_once_in_the_order_of_the_lines() {
        assert_eq!(
            flaws(
                "symptms: [a]\nrisk: hihg\nreversible: maybe\nmatch:\n  alert_names: A\nsteps:\n  \
                 - id: a\n    kind: check\n    command: df -h\n    attempts: -1\n  - 3\nrisk: low\n"
            ),
            [
                "1 symptms: is not a known key; did you mean symptoms?",
                "2 risk: \"hihg\" is not one of low, medium, high, critical; did you mean high?",
                "3 reversible: must be true or false, found text; write true or false, without quotes",
                "5 match.alert_names: must be a list, found text; write each item on a line of its own behind '- '",
                "7 steps[0].title: is missing; add it",
                "9 steps[0].command: must be a list, found text; write the program and each argument \
                 as an item of its own: [df, -h]",
                "10 steps[0].attempts: -1 is too small; use a greater number",
                "11 steps[1]: must be keys with values, found a whole number; write each key on a \
                 line of its own, indented, with ': ' behind it",
                "12 risk: is written twice, first on line 2; keep one of the two",
            ]
        );
    }

    #[test]
    fn nothing_is_no_list_but_may_stand_for_a_field_that_is_optional() {
        assert_eq!(
            flaws("owner: ~\ntitle:\nsymptoms:\n"),
            ["3 symptoms: must be a list, found nothing; give it a value or remove the key"]
        );
    }

    #[test]
    fn numbers_and_booleans_are_text_where_text_is_asked_for() {
        let none: Vec<String> = Vec::new();
        assert_eq!(flaws("match: {alert_names: [NO, on, true, 8080, 1.5]}\n"), none);
    }

    #[test]
    fn characters_that_a_reader_cannot_see_are_refused() {
        assert_eq!(
            flaws("title: \"a\\u202Eb\"\n"),
            ["1 title: holds the character U+202E, which a reader cannot see; remove it"]
        );
    }
}
