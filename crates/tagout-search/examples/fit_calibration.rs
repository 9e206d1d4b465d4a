//! Fits the confidence on the development set in `evals/retrieval` and prints `calibration.json`.
//!
//! `cargo run --release -p tagout-search --example fit_calibration > crates/tagout-search/calibration.json`
//!
//! What the fit achieves, cross-validated, goes to standard error.

use tagout_search::{
    Calibration, Case, Document, Embedder, FOLDS, FittedOn, Index, LEFT_OUT_WEIGHT, MemoryCache,
    Mode, QueryRow, RIDGE, Sample, SearchOptions, brier, cross_validate,
    expected_calibration_error, fit, hexadecimal, parse_corpus, parse_queries, samples,
};

const MODES: [(&str, Mode, bool, bool); 4] = [
    ("full with keys", Mode::Full, true, true),
    ("full with keys, no address", Mode::Full, true, false),
    ("text", Mode::Text, false, true),
    ("prose", Mode::Prose, false, true),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}"));
    let embedder = Embedder::bundled()?;
    let mut cache = MemoryCache::default();
    let corpus = parse_corpus("corpus.jsonl", &read("corpus.jsonl")?)?;
    let mut queries: Vec<QueryRow> = Vec::new();
    for file in
        ["queries.jsonl", "queries_twin.jsonl", "no_runbook_near.jsonl", "no_runbook_far.jsonl"]
    {
        queries.extend(parse_queries(file, &read(file)?)?);
    }
    let documents = corpus.iter().map(Document::from).collect();
    let index = Index::build(documents, &embedder, &mut cache)?;

    let mut all: Vec<(&str, Sample)> = Vec::new();
    for (name, mode, keys, address) in MODES {
        let options = SearchOptions { mode, keys, limit: 1 };
        let rows: Vec<QueryRow> = queries
            .iter()
            .filter(|row| address || row.runbook_url.is_some())
            .cloned()
            .map(|mut row| {
                row.runbook_url = row.runbook_url.filter(|_| address);
                row
            })
            .collect();
        let found = samples(&embedder, &index, &rows, &[options], &mut cache)?;
        all.extend(found.into_iter().map(|sample| (name, sample)));
    }
    let pooled: Vec<Sample> = all.iter().map(|(_, sample)| sample.clone()).collect();

    let cases = cross_validate(&pooled, FOLDS, RIDGE)?;
    let tell = |name: &str, cases: &[Case]| {
        let rows: Vec<Case> = cases.iter().copied().filter(|c| c.weight >= 1.0).collect();
        eprintln!(
            "{name:28} rows: ECE {:.3} Brier {:.3}   with left-out rows: ECE {:.3} Brier {:.3}",
            expected_calibration_error(&rows),
            brier(&rows),
            expected_calibration_error(cases),
            brier(cases),
        );
    };
    eprintln!("cross-validated, {FOLDS} folds by fault:");
    tell("all", &cases);
    for (name, ..) in MODES {
        let part: Vec<Case> = all
            .iter()
            .zip(&cases)
            .filter(|((mode, _), _)| *mode == name)
            .map(|(_, case)| *case)
            .collect();
        tell(name, &part);
    }

    let fit = fit(&pooled, RIDGE)?;
    let round = |x: f64| (x * 1e4).round() / 1e4;
    let calibration = Calibration {
        format: 1,
        match_from: 5000,
        intercept: round(fit.intercept),
        keys: fit.keys,
        weights: tagout_search::Weights::from_array(fit.weights.to_array().map(round)),
        fitted_on: FittedOn {
            what: "evals/retrieval: corpus.jsonl with queries.jsonl, queries_twin.jsonl, \
                   no_runbook_near.jsonl, no_runbook_far.jsonl; each row in the modes full with \
                   keys, full with keys and without its address, text and prose without keys; rows \
                   with a runbook also against an index without it"
                .into(),
            indexes: vec![hexadecimal(&index.digest())],
            model: hexadecimal(&embedder.digest()),
            queries: queries.len(),
            left_out_weight: LEFT_OUT_WEIGHT,
            ridge: RIDGE,
        },
    };
    print!("{}", calibration.to_json()?);
    Ok(())
}
