//! The YAML of a front matter as values that know their lines, before it has any meaning.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Options, Spanned};
use tagout_core::limits;

/// A value of YAML.
#[derive(Debug)]
pub(super) enum Node {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Whole(i128),
    /// A number with a point or an exponent.
    Fraction,
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Spot>),
    /// Keys with values, in the order they are written; a key may be there twice.
    Map(Vec<Entry>),
}

/// A value and where it stands.
pub(super) type Spot = Spanned<Node>;

/// A key and its value.
pub(super) type Entry = (Spanned<String>, Spot);

/// The front matter's values.
pub(super) fn read(yaml: &str) -> Result<Spot, serde_saphyr::Error> {
    // Repeated and merge keys are let through here, so that all of them can be named at once.
    let mut options = options();
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.merge_keys = MergeKeyPolicy::AsOrdinary;
    options.non_finite_float_policy = NonFiniteFloatPolicy::AsString;
    serde_saphyr::from_str_with_options(yaml, options)
}

/// How any YAML of ours is read: bounded, strict, and without surprises in booleans.
pub(super) fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::YAML_DEPTH,
            flow_nesting_limit: limits::YAML_DEPTH,
            max_aliases: limits::YAML_ALIASES,
            max_anchors: limits::YAML_ALIASES,
            max_events: 2 * limits::YAML_VALUES,
            max_nodes: limits::YAML_VALUES,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: limits::YAML_VALUES,
            max_replay_stack_depth: limits::YAML_DEPTH,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

impl Node {
    /// What it is, in words that follow "found".
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Boolean => "true or false",
            Self::Whole(_) => "a whole number",
            Self::Fraction => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "keys with values",
        }
    }
}

/// The line of a value or key inside the YAML, counted from 1.
pub(super) fn line_of<T>(spot: &Spanned<T>) -> usize {
    usize::try_from(spot.referenced.line()).unwrap_or(1).max(1)
}

/// The lines of the file on which the fields of its front matter stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines {
    first: usize,
    by_path: BTreeMap<String, usize>,
}

impl Lines {
    /// The lines of all fields in `root`, whose text begins on line `first` of the file.
    pub(super) fn new(root: &Spot, first: usize) -> Self {
        let mut lines = Self { first, by_path: BTreeMap::new() };
        lines.add(String::new(), root);
        lines
    }

    /// Lines of a page that has no front matter.
    pub(super) fn none() -> Self {
        Self { first: 1, by_path: BTreeMap::new() }
    }

    fn add(&mut self, path: String, spot: &Spot) {
        match &spot.value {
            Node::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    let line = self.at(line_of(item));
                    self.by_path.entry(path.clone()).or_insert(line);
                    self.add(path, item);
                }
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    let path = join(&path, &key.value);
                    let line = self.at(line_of(key));
                    self.by_path.entry(path.clone()).or_insert(line);
                    self.add(path, value);
                }
            }
            _ => {}
        }
    }

    /// The line of the file for a line of the YAML.
    pub(super) fn at(&self, yaml_line: usize) -> usize {
        self.first + yaml_line - 1
    }

    /// The line of the field with this path, or of the nearest field around it.
    pub(super) fn of(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.by_path.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return self.first,
            }
        }
    }
}

/// The path of a key inside the value at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Boolean)
    }

    fn visit_i64<E>(self, n: i64) -> Result<Node, E> {
        Ok(Node::Whole(n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Node, E> {
        Ok(Node::Whole(n.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Fraction)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(yaml: &str) -> Lines {
        Lines::new(&read(yaml).unwrap(), 10)
    }

    #[test]
    fn every_field_knows_its_line() {
        let lines = lines("a: 1\nb:\n  - x\n  - c: 2\n    d.e:\n      f: 3\n");
        for (path, line) in
            [("a", 10), ("b", 11), ("b[0]", 12), ("b[1]", 13), ("b[1].d.e", 14), ("b[1].d.e.f", 15)]
        {
            assert_eq!(lines.of(path), line, "{path}");
        }
    }

    #[test]
    fn an_unknown_field_has_the_line_of_the_field_around_it() {
        let lines = lines("a: 1\nb:\n  - x: 1\n");
        for (path, line) in [("b[0].y", 12), ("b[7].x", 11), ("zzz", 10), ("", 10)] {
            assert_eq!(lines.of(path), line, "{path}");
        }
    }

    #[test]
    fn what_an_alias_stands_for_has_the_line_of_the_alias() {
        let lines = lines("a: &x\n  k: 1\nb: *x\n");
        assert_eq!((lines.of("a.k"), lines.of("b")), (11, 12));
    }
}
