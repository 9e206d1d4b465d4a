//! Text to token ids: the uncased BERT rules and greedy WordPiece.
//!
//! The rules follow the published description of BERT's basic tokenizer: control characters go,
//! text is decomposed and lower-cased, accents are dropped, CJK characters and punctuation stand
//! alone, and each word is covered by the longest pieces of the vocabulary from left to right.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::error::SearchError;

/// Words longer than this many characters become the unknown token, as in the original.
const LONGEST_WORD: usize = 100;

/// The vocabulary and the ids with a meaning of their own.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    /// Pieces that begin a word.
    starts: HashMap<&'static str, u32>,
    /// Pieces that continue a word, without their `##`.
    continuations: HashMap<&'static str, u32>,
    begin: u32,
    end: u32,
    unknown: u32,
}

impl Tokenizer {
    /// Builds the tables from the vocabulary, one piece per line, the line number being the id.
    pub(crate) fn new(vocabulary: &'static str) -> Result<Self, SearchError> {
        let mut starts = HashMap::new();
        let mut continuations = HashMap::new();
        for (id, piece) in (0u32..).zip(vocabulary.split('\n')) {
            match piece.strip_prefix("##") {
                Some(rest) if !rest.is_empty() => continuations.insert(rest, id),
                _ => starts.insert(piece, id),
            };
        }
        let special = |name: &str| {
            starts
                .get(name)
                .copied()
                .ok_or_else(|| SearchError::Weights(format!("the vocabulary lacks {name}")))
        };
        Ok(Tokenizer {
            begin: special("[CLS]")?,
            end: special("[SEP]")?,
            unknown: special("[UNK]")?,
            starts,
            continuations,
        })
    }

    /// The ids of `text` with the begin and end marks, at most `limit` of them (at least two).
    pub(crate) fn encode(&self, text: &str, limit: usize) -> Vec<u32> {
        let room = limit.max(2) - 1;
        let mut ids = vec![self.begin];
        for word in words(text) {
            if ids.len() >= room {
                break;
            }
            self.pieces(&word, &mut ids);
        }
        ids.truncate(room);
        ids.push(self.end);
        ids
    }

    /// How common a word is in general English, from 0 (very common) to 1 (rare or unknown).
    ///
    /// The vocabulary lists its words by falling frequency, so the place of a word is a measure
    /// that needs no corpus; a word that has to be put together from pieces is rare.
    pub(crate) fn rarity(&self, word: &str) -> f32 {
        let size = self.starts.len() + self.continuations.len();
        match self.starts.get(word) {
            Some(&id) => {
                // The first thousand lines are marks, unused slots and single characters.
                let place = f64::from(id.saturating_sub(999).max(1));
                let scale = (size.max(2) as f64).ln();
                (place.ln() / scale).clamp(0.0, 1.0) as f32
            }
            None => 1.0,
        }
    }

    fn pieces(&self, word: &str, ids: &mut Vec<u32>) {
        if word.chars().count() > LONGEST_WORD {
            ids.push(self.unknown);
            return;
        }
        let before = ids.len();
        let mut rest = word;
        while !rest.is_empty() {
            let table = if ids.len() == before { &self.starts } else { &self.continuations };
            let found = rest
                .char_indices()
                .rev()
                .map(|(at, c)| rest.split_at(at + c.len_utf8()))
                .find_map(|(piece, left)| table.get(piece).map(|&id| (id, left)));
            let Some((id, left)) = found else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = left;
        }
    }
}

/// Cleans a text and cuts it into words and single punctuation marks.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut close = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    let cleaned = text
        .chars()
        .filter(|&c| !is_dropped(c))
        .nfd()
        .filter(|c| c.general_category() != GeneralCategory::NonspacingMark)
        .flat_map(char::to_lowercase);
    for c in cleaned {
        if is_space(c) {
            close(&mut word);
        } else if is_cjk(c) || is_punctuation(c) {
            close(&mut word);
            word.push(c);
            close(&mut word);
        } else {
            word.push(c);
        }
    }
    close(&mut word);
    words
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r') || c.is_whitespace()
}

fn is_dropped(c: char) -> bool {
    if matches!(c, '\t' | '\n' | '\r') {
        return false;
    }
    c == '\0' || c == '\u{fffd}' || c.general_category_group() == GeneralCategoryGroup::Other
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// The blocks that BERT treats as one word per character.
fn is_cjk(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F
        | 0x2B740..=0x2B81F | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}
