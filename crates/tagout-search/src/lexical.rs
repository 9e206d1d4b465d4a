//! The lexical index: which words stand in which field of which document.
//!
//! Scores follow BM25F: the fields' word counts are weighted and length-normalised first, summed,
//! and saturated once, so a word that stands in the title and the body is not counted as two
//! independent pieces of evidence.

use std::collections::HashMap;

use crate::document::Document;
use crate::page::symptoms;
use crate::query_text::{QueryTerm, QueryText, pair};
use crate::terms::{Word, words};

/// Number of fields: title, symptoms, body.
const FIELDS: usize = 3;
/// How much a word in each field counts.
const FIELD_WEIGHT: [f32; FIELDS] = [3.0, 2.0, 0.7];
/// How strongly a long field thins out its words, per field.
const LENGTH: [f32; FIELDS] = [0.3, 0.5, 0.7];
/// Saturation: the weighted count at which a word reaches half of its effect.
const SATURATION: f32 = 1.2;
/// Weight of two neighbouring words found together, beside the words themselves.
const PAIR: f32 = 0.5;

/// Words of a title that are compared with the alert's name.
const MAX_TITLE: usize = 64;

/// The lexical index over all documents.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// Every word and every glued pair, to its postings.
    postings: HashMap<String, Vec<Posting>>,
    /// The distinct words of each document's title and symptoms.
    subjects: Vec<Subject>,
    average: [f32; FIELDS],
    lengths: Vec<[f32; FIELDS]>,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    document: usize,
    counts: [f32; FIELDS],
}

#[derive(Debug, Default)]
struct Subject {
    title: Vec<String>,
}

/// What the words say about one document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LexicalScore {
    /// BM25F, not bounded.
    pub(crate) score: f32,
    /// `score` as a share of what a document made of these words alone could reach, 0 to about 1.
    pub(crate) share: f32,
    /// Share of the query's weight whose words stand anywhere in the document.
    pub(crate) coverage: f32,
    /// Share of the words of the alert's name and summary that stand in title or symptoms, by their
    /// rarity in English: unlike the others it does not depend on the other documents.
    pub(crate) headline: f32,
    /// How far the alert's name and the title are the same words: 1 if all are shared.
    pub(crate) name: f32,
}

impl Lexicon {
    pub(crate) fn build(documents: &[Document]) -> Self {
        let mut lexicon = Lexicon {
            postings: HashMap::new(),
            subjects: Vec::with_capacity(documents.len()),
            average: [0.0; FIELDS],
            lengths: Vec::with_capacity(documents.len()),
        };
        for (number, document) in documents.iter().enumerate() {
            let title = words(&document.title);
            let symptoms = words(&symptoms(document).join("\n"));
            let body = words(&document.body);
            let mut subject = Subject::default();
            for word in title.iter().take(MAX_TITLE) {
                if !subject.title.contains(&word.stem) {
                    subject.title.push(word.stem.clone());
                }
            }
            lexicon.subjects.push(subject);
            let mut lengths = [0.0; FIELDS];
            for (field, (words, length)) in
                [&title, &symptoms, &body].into_iter().zip(&mut lengths).enumerate()
            {
                *length = words.len() as f32;
                lexicon.add(number, field, words);
            }
            lexicon.lengths.push(lengths);
        }
        let count = documents.len().max(1) as f32;
        for lengths in &lexicon.lengths {
            for (average, length) in lexicon.average.iter_mut().zip(lengths) {
                *average += length / count;
            }
        }
        lexicon
    }

    fn add(&mut self, document: usize, field: usize, words: &[Word]) {
        let pairs = words.windows(2).filter_map(|two| match two {
            [a, b] => Some(pair(a, b)),
            _ => None,
        });
        let singles = words.iter().map(|word| word.stem.clone());
        for term in singles.chain(pairs) {
            let postings = self.postings.entry(term).or_default();
            if postings.last().is_none_or(|p| p.document != document) {
                postings.push(Posting { document, counts: [0.0; FIELDS] });
            }
            if let Some(count) =
                postings.last_mut().and_then(|posting| posting.counts.get_mut(field))
            {
                *count += 1.0;
            }
        }
    }

    fn postings(&self, term: &str) -> &[Posting] {
        self.postings.get(term).map_or(&[], Vec::as_slice)
    }

    /// How much a word narrows the choice down: the usual inverse document frequency.
    fn specificity(&self, term: &str) -> f32 {
        let all = self.lengths.len() as f32;
        let with = self.postings(term).len() as f32;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    /// What a query word is worth. A word that no document knows is worth the more the rarer it is
    /// in general English: an unknown product name matters, an unknown adverb does not.
    fn worth(&self, term: &QueryTerm) -> f32 {
        let specificity = self.specificity(&term.stem);
        if self.postings(&term.stem).is_empty() {
            term.weight * specificity * term.rarity
        } else {
            term.weight * specificity
        }
    }

    fn saturated(&self, posting: &Posting) -> f32 {
        let lengths = self.lengths.get(posting.document).copied().unwrap_or_default();
        let mut total = 0.0;
        let fields = FIELD_WEIGHT.iter().zip(LENGTH);
        let sizes = lengths.iter().zip(&self.average);
        for ((count, (weight, strength)), (length, average)) in
            posting.counts.iter().zip(fields).zip(sizes)
        {
            let norm = 1.0 - strength + strength * length / average.max(1.0);
            total += weight * count / norm;
        }
        total / (SATURATION + total)
    }

    /// The score of every document, in their order.
    pub(crate) fn scores(&self, query: &QueryText) -> Vec<LexicalScore> {
        let count = self.lengths.len();
        let mut scores = vec![LexicalScore::default(); count];
        let mut all = 0.0;
        let mut headline_all = 0.0;
        for term in &query.terms {
            let worth = self.worth(term);
            all += worth;
            let rare = term.weight * term.rarity * term.rarity;
            if term.headline {
                headline_all += rare;
            }
            // A word counts as found if it stands there alone or glued to its neighbour.
            let mut found = vec![(false, false); count];
            let glued = term.pairs.iter().map(String::as_str);
            for (at, key) in std::iter::once(term.stem.as_str()).chain(glued).enumerate() {
                for posting in self.postings(key) {
                    let [title, symptoms, _] = posting.counts;
                    if let Some((anywhere, subject)) = found.get_mut(posting.document) {
                        *anywhere = true;
                        *subject |= title + symptoms > 0.0;
                    }
                    if at == 0
                        && let Some(score) = scores.get_mut(posting.document)
                    {
                        score.score += worth * self.saturated(posting);
                    }
                }
            }
            for (score, (anywhere, subject)) in scores.iter_mut().zip(found) {
                if anywhere {
                    score.coverage += worth;
                }
                if subject && term.headline {
                    score.headline += rare;
                }
            }
        }
        for pair in &query.pairs {
            let worth = PAIR * self.specificity(pair);
            for posting in self.postings(pair) {
                if let Some(score) = scores.get_mut(posting.document) {
                    score.score += worth * self.saturated(posting);
                }
            }
        }
        for (score, subject) in scores.iter_mut().zip(&self.subjects) {
            score.share = ratio(score.score, all);
            score.coverage = ratio(score.coverage, all);
            score.headline = ratio(score.headline, headline_all);
            score.name = self.same_name(subject, query);
        }
        scores
    }

    fn same_name(&self, subject: &Subject, query: &QueryText) -> f32 {
        let weigh = |stem: &String| {
            let rarity = query
                .terms
                .iter()
                .find(|t| &t.stem == stem && self.postings(stem).is_empty())
                .map_or(1.0, |t| t.rarity);
            self.specificity(stem) * rarity
        };
        let title: f32 = subject.title.iter().map(weigh).sum();
        let name: f32 = query.name.iter().map(weigh).sum();
        let both: f32 =
            subject.title.iter().filter(|stem| query.name.contains(stem)).map(weigh).sum();
        ratio(2.0 * both, title + name)
    }

    /// The query's words that stand in a document, the most telling first, as they were spelled.
    pub(crate) fn matched(&self, query: &QueryText, document: usize, limit: usize) -> Vec<String> {
        let mut matched: Vec<(f32, &str)> = query
            .terms
            .iter()
            .filter(|term| self.postings(&term.stem).iter().any(|p| p.document == document))
            .map(|term| (self.worth(term), term.spelling.as_str()))
            .collect();
        matched.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        matched.truncate(limit);
        matched.into_iter().map(|(_, w)| w.to_owned()).collect()
    }
}

fn ratio(part: f32, whole: f32) -> f32 {
    // An empty sum of floats is minus zero; adding zero makes it plain zero.
    if whole > 0.0 { part / whole + 0.0 } else { 0.0 }
}
