//! Real pages that nobody wrote for us: the 108 of the retrieval corpus.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tagout::runbooks::{Form, lint, load};
use tagout_core::limits;
use tagout_core::runbook::StepKind;

#[derive(Deserialize)]
struct Row {
    id: String,
    title: String,
    symptoms: String,
    text: String,
}

fn rows() -> Vec<Row> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../evals/retrieval/corpus.jsonl");
    let corpus = fs::read_to_string(corpus).expect("the corpus is in the repository");
    corpus.lines().map(|row| serde_json::from_str(row).expect("a row is JSON")).collect()
}

#[test]
fn every_real_page_loads_and_gives_steps_for_a_person() {
    let rows = rows();
    assert_eq!(rows.len(), 108);
    let dir = tempfile::tempdir().unwrap();
    for row in &rows {
        let path = dir.path().join(format!("{}.md", row.id));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &row.text).unwrap();
    }
    let loaded = load(dir.path()).unwrap();
    assert_eq!(loaded.catalogue.len(), rows.len());
    let (mut same_titles, mut same_symptoms) = (0, 0);
    for row in &rows {
        let runbook = loaded.catalogue.get(&row.id).unwrap();
        // Some headings are written in words, and one page has the heading of another.
        let words = |text: &str| text.replace(' ', "");
        let named = runbook.symptoms.iter().any(|symptom| words(symptom) == row.title);
        assert!(named, "{}: {:?}", row.id, runbook.symptoms);
        same_titles += usize::from(words(&runbook.title) == row.title);
        assert!(!runbook.is_executable());
        assert!((1..=limits::MANUAL_STEPS).contains(&runbook.steps.len()), "{}", row.id);
        for step in &runbook.steps {
            assert_eq!(step.kind, StepKind::Manual);
            let length = step.title.chars().count();
            assert!(
                (1..=limits::MANUAL_STEP_CHARS).contains(&length),
                "{}: {}",
                row.id,
                step.title
            );
        }
        let described = row.symptoms.split_whitespace().collect::<Vec<_>>().join(" ");
        same_symptoms +=
            usize::from(runbook.symptoms.iter().any(|symptom| described.ends_with(symptom)));
    }
    assert_eq!(same_titles, rows.len() - 1);
    // Prepared by hand, the corpus differs from what the pages say in a few rows.
    assert!(same_symptoms >= 105, "{same_symptoms} of {} symptoms are the corpus's", rows.len());
    assert!(loaded.pages.iter().all(|page| page.form == Form::Plain));
    assert!(lint(dir.path()).iter().all(|finding| finding.line.is_none()));
}
