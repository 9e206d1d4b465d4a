//! The text of an alert, prepared for the two rankers.

use std::collections::BTreeMap;

use crate::document::{Mode, Query};
use crate::model::Embedder;
use crate::terms::{Word, name_as_words, readable, stem, words};

/// Weight of a word that only says which machine is meant.
const WEAK: f32 = 0.3;

/// What a further mention of a word adds, and the most a word can weigh.
const REPEAT: f32 = 0.5;
const MOST: f32 = 2.0;

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
        let name = match mode {
            Mode::Prose => String::new(),
            Mode::Full | Mode::Text => name_as_words(&query.alert_name),
        };
        let clean = |text: &str| {
            let text = without_asides(text, &query.labels);
            match mode {
                Mode::Prose => without_name(&text, &query.alert_name),
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

        let mut text = QueryText { prose, terms: Vec::new(), pairs: Vec::new(), name: Vec::new() };
        let glued_name = match mode {
            Mode::Prose => "",
            Mode::Full | Mode::Text => &query.alert_name,
        };
        let name = words(glued_name);
        let summary = words(&summary);
        for word in if name.is_empty() { &summary } else { &name } {
            if !word.weak && !text.name.contains(&word.stem) {
                text.name.push(word.stem.clone());
            }
        }
        text.add(&name, true, false, &query.labels, embedder);
        text.add(&summary, true, false, &query.labels, embedder);
        text.add(&words(&description), false, false, &query.labels, embedder);
        if mode == Mode::Full {
            for value in query.labels.values() {
                text.add(&words(value), false, true, &query.labels, embedder);
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
