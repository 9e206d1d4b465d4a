//! `evals/retrieval/bundled_corpus.jsonl` holds what the pages in `runbooks/` say today.

mod common;

use common::bundled_corpus;
use tagout_search::{CorpusRow, Symptoms};

/// A page's title, symptoms and text. Reads the front matter only as far as these pages need it:
/// one plain line per symptom.
fn page(id: &str, text: &str) -> CorpusRow {
    let (front, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    let symptoms = front
        .lines()
        .skip_while(|line| *line != "symptoms:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  - "))
        .map(|symptom| symptom.trim_matches('"').replace("\\\"", "\""))
        .collect();
    let title = body.lines().find_map(|line| line.strip_prefix("# ")).unwrap();
    CorpusRow {
        id: id.to_owned(),
        title: title.to_owned(),
        symptoms: Symptoms::Many(symptoms),
        text: format!("{}\n", body.trim()),
    }
}

#[test]
fn the_second_development_set_is_about_the_pages_as_they_are() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../runbooks");
    let mut pages: Vec<CorpusRow> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "README"))
        .map(|path| {
            let id = path.file_stem().unwrap().to_str().unwrap();
            page(id, &std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    pages.sort_by(|a, b| a.id.cmp(&b.id));
    let corpus = bundled_corpus();
    for (page, row) in pages.iter().zip(&corpus) {
        assert_eq!(page, row, "update evals/retrieval/bundled_corpus.jsonl");
    }
    assert_eq!(pages.len(), corpus.len());
}
