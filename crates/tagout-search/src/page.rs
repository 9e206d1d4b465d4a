//! What of a document describes the fault.

use crate::document::Document;
use crate::terms::{name_as_words, readable};

/// Symptoms of a document that are read as such; further ones are only part of the page.
const MAX_SYMPTOMS: usize = 16;
/// Symptoms of a document that get a vector of their own; further ones are only found by words.
/// Vectors are what the first start with a directory spends its time on.
const MAX_VECTORS: usize = 4;
/// Words of a symptom that its vector is made of, about 64 tokens.
const VECTOR_WORDS: usize = 45;
/// Characters of the page that stand in for symptoms where a document has none.
const LEAD: usize = 400;

/// The symptoms as declared, or the beginning of the page where none are.
pub(crate) fn symptoms(document: &Document) -> Vec<String> {
    let declared: Vec<String> = document
        .symptoms
        .iter()
        .filter(|symptom| !symptom.trim().is_empty())
        .take(MAX_SYMPTOMS)
        .cloned()
        .collect();
    if declared.is_empty() { vec![lead(&document.body)] } else { declared }
}

/// What the embedding model reads of a document: its title and a symptom, for each of the first
/// symptoms.
pub(crate) fn vector_texts(document: &Document) -> Vec<String> {
    let title = name_as_words(&document.title);
    symptoms(document)
        .iter()
        .take(MAX_VECTORS)
        .map(|symptom| {
            let symptom = readable(symptom);
            let words: Vec<&str> = symptom.split_whitespace().take(VECTOR_WORDS).collect();
            format!("{title}. {}", words.join(" "))
        })
        .collect()
}

/// The first prose of a Markdown page: no headings, no code.
fn lead(body: &str) -> String {
    let mut code = false;
    let mut text = String::new();
    for line in body.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code && !line.starts_with('#') && !line.trim().is_empty() {
            text.push_str(line.trim());
            text.push(' ');
        }
        if text.len() > LEAD {
            break;
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_symptoms_is_described_by_its_first_prose() {
        let document = Document {
            body: "# DiskFull\n\n## Meaning\n\nThe disk is full.\n\n```shell\ndf -h\n```\n\nFree some."
                .into(),
            ..Document::default()
        };
        assert_eq!(symptoms(&document), ["The disk is full. Free some."]);
    }

    #[test]
    fn declared_symptoms_come_before_the_page_and_empty_ones_do_not_count() {
        let mut document = Document {
            symptoms: vec!["  ".into(), "writes fail".into()],
            body: "Something else.".into(),
            ..Document::default()
        };
        assert_eq!(symptoms(&document), ["writes fail"]);
        document.symptoms.pop();
        assert_eq!(symptoms(&document), ["Something else."]);
    }

    #[test]
    fn only_the_first_symptoms_and_their_first_words_get_a_vector() {
        let document = Document {
            title: "DiskFull".into(),
            symptoms: (0..6).map(|n| format!("sign{n} {}", "word ".repeat(60))).collect(),
            ..Document::default()
        };
        let texts = vector_texts(&document);
        assert_eq!(texts.len(), MAX_VECTORS);
        assert!(texts[3].starts_with("Disk Full. sign3 word "), "{}", texts[3]);
        assert_eq!(texts[3].split(' ').count(), 2 + VECTOR_WORDS);
        assert_eq!(symptoms(&document).len(), 6);
    }
}
