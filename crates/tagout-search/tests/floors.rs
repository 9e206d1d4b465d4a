//! What the search must reach on the development set. Lower is a regression; the achieved figures
//! are printed (`cargo test -p tagout-search --test floors -- --nocapture`).

mod common;

use common::{EMBEDDER, corpus, queries};
use tagout_search::{
    Case, Document, FOLDS, Index, LEFT_OUT_WEIGHT, MemoryCache, Mode, QueryReport, RIDGE,
    RetrievalReport, SearchOptions, auroc, brier, cross_validate, evaluate,
    expected_calibration_error, samples,
};

const ALL: [&str; 4] =
    ["queries.jsonl", "queries_twin.jsonl", "no_runbook_near.jsonl", "no_runbook_far.jsonl"];

fn report(files: &[&str], mode: Mode, keys: bool) -> RetrievalReport {
    let options = SearchOptions { mode, keys, limit: 3 };
    let mut cache = MemoryCache::default();
    evaluate(&EMBEDDER, &corpus(), &queries(files), &options, &mut cache).unwrap()
}

/// Confidences of the queries whose id starts with one of the prefixes.
fn confidences(report: &RetrievalReport, prefixes: &[&str]) -> Vec<f64> {
    let of = |result: &&QueryReport| prefixes.iter().any(|p| result.id.starts_with(p));
    report.results.iter().filter(of).map(|result| result.confidence).collect()
}

/// Share of right first candidates of the queries whose id starts with the prefix.
fn recall_at_1(report: &RetrievalReport, prefix: &str) -> f64 {
    let part: Vec<&QueryReport> =
        report.results.iter().filter(|result| result.id.starts_with(prefix)).collect();
    part.iter().filter(|result| result.right).count() as f64 / part.len() as f64
}

// Ids: A the authors' own alerts, AT other people's about the same faults, N near and O far alerts
// without a runbook.
const WITH: [&str; 2] = ["A-", "AT-"];

#[test]
fn in_full_mode_own_alerts_find_their_runbook_and_alerts_without_one_stay_below_them() {
    let report = report(&ALL, Mode::Full, true);
    let own = recall_at_1(&report, "A-");
    let with = confidences(&report, &WITH);
    let near = confidences(&report, &["N-"]);
    let far = confidences(&report, &["O-"]);
    assert_eq!((with.len(), near.len(), far.len()), (175, 14, 158));
    let against_near = auroc(&with, &near).unwrap();
    let against_far = auroc(&with, &far).unwrap();
    println!(
        "full: R@1 own {own:.3}, twin {:.3}; AUROC against near {against_near:.4}, far \
         {against_far:.4}; coverage at 95 % precision {:.3}; ECE {:.4}",
        recall_at_1(&report, "AT-"),
        report.no_match.coverage_at_95_precision,
        report.calibration.ece,
    );
    assert!(own >= 0.98, "{own}");
    assert!(against_near >= 0.98, "{against_near}");
    assert!(against_far >= 0.98, "{against_far}");
    assert!(report.fitted_on_this_corpus);
}

#[test]
fn by_text_alone_other_peoples_alerts_find_the_runbook_and_foreign_technologies_find_none() {
    let report = report(&ALL, Mode::Text, false);
    let twin = recall_at_1(&report, "AT-");
    let with = confidences(&report, &WITH);
    let near = auroc(&with, &confidences(&report, &["N-"])).unwrap();
    let far = auroc(&with, &confidences(&report, &["O-"])).unwrap();
    println!(
        "text: R@1 own {:.3}, twin {twin:.3}; R@3 {:.3}; AUROC against near {near:.4}, far {far:.4}",
        recall_at_1(&report, "A-"),
        report.recall_at_3,
    );
    assert!(twin >= 0.84, "{twin}");
    assert!(far >= 0.98, "{far}");
}

#[test]
fn stated_probabilities_are_off_by_less_than_5_points_on_faults_the_fit_has_not_seen() {
    let everything = queries(&ALL);
    let documents: Vec<Document> = corpus().iter().map(Document::from).collect();
    let mut cache = MemoryCache::default();
    let index = Index::build(documents, &EMBEDDER, &mut cache).unwrap();
    let mut options = Vec::new();
    for (mode, keys) in [(Mode::Full, true), (Mode::Text, false), (Mode::Prose, false)] {
        options.push(SearchOptions { mode, keys, limit: 1 });
    }
    let samples = samples(&EMBEDDER, &index, &everything, &options, &mut cache).unwrap();
    // 347 rows, 175 of them once more with the right answer left out, in three modes.
    assert_eq!(samples.len(), (347 + 175) * 3);
    let all = cross_validate(&samples, FOLDS, RIDGE).unwrap();
    let rows: Vec<Case> = all.iter().copied().filter(|c| c.weight >= 1.0).collect();
    assert_eq!(rows.len(), 347 * 3);
    for (name, cases) in [("rows", &rows), ("rows and left-out rows", &all)] {
        let ece = expected_calibration_error(cases);
        println!(
            "cross-validated over {name} (left-out weight {LEFT_OUT_WEIGHT}): ECE {ece:.4}, Brier {:.4}",
            brier(cases)
        );
        assert!(ece < 0.05, "{name}: {ece}");
    }
}
