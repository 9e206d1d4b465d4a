//! The text of an alert, prepared for the two rankers.

use std::collections::BTreeMap;

use crate::document::{Mode, Query};
use crate::glosses::glosses;
use crate::model::Embedder;
use crate::terms::{Word, name_as_words, readable, stem, words};

/// Weight of a word that only says which machine is meant.
const WEAK: f32 = 0.3;

/// What a further mention of a word adds, and the most a word can weigh.
const REPEAT: f32 = 0.5;
const MOST: f32 = 2.0;

/// Characters of the name, the summary and the description, each, that are read; the rest is not.
const MAX_TEXT: usize = 4_000;
/// Labels that are read, in the order of their names, and characters of each value.
const MAX_LABELS: usize = 64;
const MAX_VALUE: usize = 200;

/// A word of the query with what is known about it before any document is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryTerm {
    pub(crate) stem: String,
    pub(crate) spelling: String,
    /// How much it counts in the query.
    pub(crate) weight: f32,
    /// How rare it is in general English, 0 to 1.
    pub(crate) rarity: f32,
    /// Stands in the alert's name or summary.
    pub(crate) headline: bool,
    /// The glued pairs that this word is part of.
    pub(crate) pairs: Vec<String>,
}

/// An alert, prepared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryText {
    /// What the embedding model reads.
    pub(crate) prose: String,
    /// Distinct words in order of first appearance.
    pub(crate) terms: Vec<QueryTerm>,
    /// Neighbouring words glued together, distinct, in order of first appearance.
    pub(crate) pairs: Vec<String>,
    /// The distinct words of what best names the fault: the alert's name, or else its summary.
    pub(crate) name: Vec<String>,
}

impl QueryText {
    pub(crate) fn new(query: &Query, mode: Mode, embedder: &Embedder) -> Self {
        let labels: BTreeMap<String, String> = query
            .labels
            .iter()
            .take(MAX_LABELS)
            .map(|(name, value)| (name.clone(), bounded(value, MAX_VALUE).to_owned()))
            .collect();
        let labels = &labels;
        let alert_name = bounded(&query.alert_name, MAX_TEXT);
        let name = match mode {
            Mode::Prose => String::new(),
            Mode::Full | Mode::Text => name_as_words(alert_name),
        };
        let clean = |text: &str| {
            let text = without_asides(bounded(text, MAX_TEXT), labels);
            match mode {
                Mode::Prose => without_name(&text, alert_name),
                Mode::Full | Mode::Text => text,
            }
        };
        let summary = clean(&query.summary);
        let description = clean(&query.description);
        let prose = [name.as_str(), &readable(&summary), &readable(&description)]
            .into_iter()
            .filter(|part| !part.trim().is_empty())
            .collect::<Vec<_>>()
            .join(". ");

        // What the shorthand means is read after what was said, and counts as part of it.
        let said = match mode {
            Mode::Prose => format!("{summary} {description}"),
            Mode::Full | Mode::Text => format!("{name} {alert_name} {summary} {description}"),
        };
        let meanings = glosses(&said).join(", ");
        let prose = if meanings.is_empty() { prose } else { format!("{prose}. {meanings}") };

        let mut text = QueryText { prose, terms: Vec::new(), pairs: Vec::new(), name: Vec::new() };
        let glued_name = match mode {
            Mode::Prose => "",
            Mode::Full | Mode::Text => alert_name,
        };
        let name = words(glued_name);
        let summary = words(&summary);
        for word in if name.is_empty() { &summary } else { &name } {
            if !word.weak && !text.name.contains(&word.stem) {
                text.name.push(word.stem.clone());
            }
        }
        text.add(&name, true, false, labels, embedder);
        text.add(&summary, true, false, labels, embedder);
        text.add(&words(&description), false, false, labels, embedder);
        text.add(&words(&meanings), false, false, labels, embedder);
        if mode == Mode::Full {
            for value in labels.values() {
                text.add(&words(value), false, true, labels, embedder);
            }
        }
        text
    }

    fn add(
        &mut self,
        words: &[Word],
        headline: bool,
        label: bool,
        labels: &BTreeMap<String, String>,
        embedder: &Embedder,
    ) {
        let pair_at = |at: usize| {
            let (a, b) = (words.get(at)?, words.get(at + 1)?);
            (!a.weak && !b.weak).then(|| pair(a, b))
        };
        for (at, word) in words.iter().enumerate() {
            let before = at.checked_sub(1).and_then(pair_at);
            let after = pair_at(at);
            if let Some(pair) = &after
                && !label
                && !self.pairs.contains(pair)
            {
                self.pairs.push(pair.clone());
            }
            let weak = label || word.weak || labels.values().any(|v| v == &word.spelling);
            let (first, again) = if weak { (WEAK, 0.0) } else { (1.0, REPEAT) };
            let pairs = before.into_iter().chain(after);
            match self.terms.iter_mut().find(|t| t.stem == word.stem) {
                Some(term) => {
                    if !label {
                        term.weight = (term.weight + again).max(first).min(MOST);
                        term.headline |= headline && !weak;
                        term.pairs.extend(pairs);
                    }
                }
                None => self.terms.push(QueryTerm {
                    stem: word.stem.clone(),
                    spelling: word.spelling.clone(),
                    weight: first,
                    rarity: embedder.rarity(&word.spelling),
                    headline: headline && !weak,
                    pairs: if label { Vec::new() } else { pairs.collect() },
                }),
            }
        }
    }
}

/// The first `limit` characters of a text.
fn bounded(text: &str, limit: usize) -> &str {
    let end = text.char_indices().nth(limit).map(|(at, _)| at);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Two neighbouring words as one: "file system" and "filesystem" meet here.
pub(crate) fn pair(a: &Word, b: &Word) -> String {
    stem(&format!("{}{}", a.spelling, b.spelling))
}

/// Drops bracketed asides that only repeat a label, such as `(instance 10.0.0.1:9100)`.
fn without_asides(text: &str, labels: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, value) in labels {
        if value.is_empty() {
            continue;
        }
        for between in [" ", "=", ": ", ":"] {
            text = text.replace(&format!("({name}{between}{value})"), " ");
        }
    }
    text
}

/// Drops literal mentions of the alert's name, in any case.
fn without_name(text: &str, name: &str) -> String {
    if name.is_empty() {
        return text.to_owned();
    }
    let lower = name.to_lowercase();
    text.split_whitespace()
        .filter(|chunk| chunk.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase() != lower)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_past_the_limit_is_not_read_and_text_at_the_limit_is() {
        let embedder = Embedder::bundled().unwrap();
        let terms = |query: &Query| -> Vec<String> {
            let text = QueryText::new(query, Mode::Full, &embedder);
            text.terms.into_iter().map(|term| term.stem).collect()
        };
        let padding = "\u{e9} ".repeat(MAX_TEXT / 2 - 2);
        let at = Query { description: format!("{padding}disk"), ..Query::default() };
        assert_eq!(at.description.chars().count(), MAX_TEXT);
        assert!(terms(&at).contains(&"disk".to_owned()));
        let past = Query { description: format!(" {padding}disk"), ..Query::default() };
        assert!(!terms(&past).contains(&"disk".to_owned()));
        let label = |number: usize| {
            let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
            let word = format!("zq{}{}k", letter(number / 26), letter(number));
            (format!("l{number:03}"), word)
        };
        let many = Query { labels: (0..=MAX_LABELS).map(label).collect(), ..Query::default() };
        assert_eq!(terms(&many).len(), MAX_LABELS);
    }

    #[test]
    fn a_bracketed_label_is_left_out_and_a_word_that_is_a_label_value_weighs_less() {
        let embedder = Embedder::bundled().unwrap();
        let query = Query {
            labels: BTreeMap::from([
                ("instance".into(), "db7:9100".into()),
                ("namespace".into(), "payments".into()),
            ]),
            summary: "Disk full (instance db7:9100) in payments".into(),
            ..Query::default()
        };
        let text = QueryText::new(&query, Mode::Text, &embedder);
        let weights: Vec<(&str, f32)> =
            text.terms.iter().map(|term| (term.spelling.as_str(), term.weight)).collect();
        assert_eq!(weights, [("disk", 1.0), ("full", 1.0), ("payments", WEAK)]);
    }
}
