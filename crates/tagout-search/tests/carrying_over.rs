//! What the search must reach on a directory of other size and style than the one it was made with,
//! with a confidence that was fitted on the other directory alone.

mod common;

use std::sync::LazyLock;

use common::{EMBEDDER, bundled_corpus, corpus, queries};
use tagout_search::{
    Calibration, Case, CorpusRow, Document, Index, MemoryCache, Mode, QueryRow, RIDGE, Sample,
    SearchOptions, auroc, cohort_digest, expected_calibration_error, fit, hexadecimal, samples,
};

const LARGE: [&str; 4] =
    ["queries.jsonl", "queries_twin.jsonl", "no_runbook_near.jsonl", "no_runbook_far.jsonl"];

/// A directory, its alerts, and what a search by text alone observes of them.
struct Set {
    index: Index,
    rows: Vec<QueryRow>,
    samples: Vec<Sample>,
}

impl Set {
    fn new(corpus: &[CorpusRow], rows: Vec<QueryRow>) -> Self {
        let mut cache = MemoryCache::default();
        let documents: Vec<Document> = corpus.iter().map(Document::from).collect();
        let index = Index::build(documents, &EMBEDDER, &mut cache).unwrap();
        let samples = samples(&EMBEDDER, &index, &rows, &[TEXT], &mut cache).unwrap();
        Set { index, rows, samples }
    }
}

const TEXT: SearchOptions = SearchOptions { mode: Mode::Text, keys: false, limit: 1 };
static LARGE_SET: LazyLock<Set> = LazyLock::new(|| Set::new(&corpus(), queries(&LARGE)));
static SMALL_SET: LazyLock<Set> =
    LazyLock::new(|| Set::new(&bundled_corpus(), queries(&["bundled_queries.jsonl"])));

/// What a fit on one set states about the alerts of another, in their order.
fn carried(from: &Set, to: &Set) -> Vec<Case> {
    let fit = fit(&from.samples, RIDGE).unwrap();
    let real = to.samples.iter().filter(|sample| sample.weight >= 1.0);
    real.map(|s| Case { stated: fit.probability(s), right: s.right, weight: 1.0 }).collect()
}

/// Of what is stated at one half or more: the share that is right, and the share of all alerts with
/// a runbook that this makes.
fn precision_and_recall(cases: &[Case], with: usize) -> (f64, f64) {
    let matched: Vec<&Case> = cases.iter().filter(|case| case.stated >= 0.5).collect();
    let right = matched.iter().filter(|case| case.right).count() as f64;
    (right / matched.len() as f64, right / with as f64)
}

#[test]
fn in_a_small_directory_foreign_alerts_find_their_page_and_others_stay_below_them() {
    let set = &*SMALL_SET;
    let cases = carried(&LARGE_SET, set);
    assert_eq!((set.index.len(), cases.len()), (18, 250));
    // 150 alerts with a runbook, then 50 of other technologies, then 50 other faults of the same.
    assert!(set.rows[..150].iter().all(|row| row.expected.is_some()));
    assert!(set.rows[150..].iter().all(|row| !row.expected.is_some()));
    let stated: Vec<f64> = cases.iter().map(|case| case.stated).collect();
    let recall = cases.iter().filter(|case| case.right).count() as f64 / 150.0;
    let far = auroc(&stated[..150], &stated[150..200]).unwrap();
    let near = auroc(&stated[..150], &stated[200..]).unwrap();
    let ece = expected_calibration_error(&cases);
    let (precision, matched) = precision_and_recall(&cases, 150);
    println!(
        "large to small, text: R@1 {recall:.3}; AUROC against near {near:.4}, far {far:.4}; \
         ECE {ece:.4}; from .5 precision {precision:.3}, recall {matched:.3}"
    );
    assert!(recall >= 0.85, "{recall}");
    assert!(far >= 0.90, "{far}");
    assert!(near >= 0.75, "{near}");
    assert!(ece < 0.17, "{ece}");
    assert!(precision >= 0.77, "{precision}");
    assert!(matched >= 0.55, "{matched}");
}

#[test]
fn what_was_fitted_on_a_small_directory_holds_in_a_large_one() {
    let set = &*LARGE_SET;
    let cases = carried(&SMALL_SET, set);
    let ece = expected_calibration_error(&cases);
    let with = set.rows.iter().filter(|row| row.expected.is_some()).count();
    let (precision, matched) = precision_and_recall(&cases, with);
    println!(
        "small to large, text: ECE {ece:.4}; from .5 precision {precision:.3}, recall {matched:.3}"
    );
    assert!(ece < 0.12, "{ece}");
    assert!(precision >= 0.78, "{precision}");
    assert!(matched >= 0.75, "{matched}");
}

#[test]
fn the_confidence_counts_as_fitted_on_both_directories_and_on_no_other() {
    let fitted = |index: &Index| {
        let query = tagout_search::Query::from(&SMALL_SET.rows[0]);
        index.search(&EMBEDDER, &query, &TEXT).fitted
    };
    assert!(fitted(&LARGE_SET.index));
    assert!(fitted(&SMALL_SET.index));
    assert!(!fitted(&SMALL_SET.index.without(&["disk-full".into()]).unwrap()));
}

#[test]
fn the_shipped_confidence_was_fitted_with_the_shipped_model_and_faults() {
    let fitted_on = Calibration::bundled().unwrap().fitted_on;
    assert_eq!(fitted_on.model, hexadecimal(&EMBEDDER.digest()));
    assert_eq!(fitted_on.cohort, hexadecimal(&cohort_digest()), "run the example fit_calibration");
}
