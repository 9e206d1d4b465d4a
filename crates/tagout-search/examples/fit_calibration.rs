//! Fits the confidence on the two development sets in `evals/retrieval` and prints `calibration.json`.
//!
//! `cargo run --release -p tagout-search --example fit_calibration > crates/tagout-search/calibration.json`
//!
//! What the fit achieves goes to standard error: carried over from one set to the other, and
//! cross-validated on both together.

use tagout_search::{
    Calibration, Case, Document, Embedder, FOLDS, FittedOn, Index, LEFT_OUT_WEIGHT, MemoryCache,
    Mode, QueryRow, RIDGE, Sample, SearchOptions, auroc, balance, brier, cohort_digest,
    cross_validate, expected_calibration_error, fit, hexadecimal, parse_corpus, parse_queries,
    samples,
};

const MODES: [(&str, Mode, bool, bool); 4] = [
    ("full with keys", Mode::Full, true, true),
    ("full with keys, no address", Mode::Full, true, false),
    ("text", Mode::Text, false, true),
    ("prose", Mode::Prose, false, true),
];

const SETS: [(&str, &str, &[&str]); 2] = [
    ("corpus", "corpus", &["queries", "queries_twin", "no_runbook_near", "no_runbook_far"]),
    ("bundled", "bundled_corpus", &["bundled_queries"]),
];

/// Observations with the mode each was made in.
type Observed = Vec<(&'static str, Sample)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}.jsonl"));
    let embedder = Embedder::bundled()?;
    let mut cache = MemoryCache::default();
    let mut indexes = Vec::new();
    let mut rows_read = 0;
    let mut observed: Vec<Observed> = Vec::new();
    for (_, corpus, files) in SETS {
        let corpus = parse_corpus(corpus, &read(corpus)?)?;
        let documents = corpus.iter().map(Document::from).collect();
        let index = Index::build(documents, &embedder, &mut cache)?;
        indexes.push(hexadecimal(&index.digest()));
        let mut queries: Vec<QueryRow> = Vec::new();
        for file in files {
            queries.extend(parse_queries(file, &read(file)?)?);
        }
        rows_read += queries.len();
        let mut all = Observed::new();
        for (name, mode, keys, address) in MODES {
            let options = SearchOptions { mode, keys, limit: 1 };
            let rows: Vec<QueryRow> = queries
                .iter()
                .cloned()
                .map(|mut row| {
                    row.runbook_url = row.runbook_url.filter(|_| address);
                    row
                })
                .collect();
            let found = samples(&embedder, &index, &rows, &[options], &mut cache)?;
            all.extend(found.into_iter().map(|sample| (name, sample)));
        }
        observed.push(all);
    }
    let plain: Vec<Vec<Sample>> =
        observed.iter().map(|set| set.iter().map(|(_, sample)| sample.clone()).collect()).collect();

    for (from, to) in [(0, 1), (1, 0)] {
        let carried = fit(&plain[from], RIDGE)?;
        let cases: Vec<Case> = plain[to]
            .iter()
            .map(|s| Case { stated: carried.probability(s), right: s.right, weight: s.weight })
            .collect();
        tell(&format!("fitted on {}, seen on {}", SETS[from].0, SETS[to].0), &observed[to], &cases);
    }
    let both: Vec<&[Sample]> = plain.iter().map(Vec::as_slice).collect();
    let pooled = balance(&both);
    let stated = cross_validate(&pooled, FOLDS, RIDGE)?;
    let mut start = 0;
    for (set, (name, ..)) in observed.iter().zip(SETS) {
        // The weights of the set itself, without those that make the sets count the same.
        let cases: Vec<Case> = set
            .iter()
            .zip(&stated[start..])
            .map(|((_, sample), case)| Case { weight: sample.weight, ..*case })
            .collect();
        start += set.len();
        tell(
            &format!("cross-validated on both, {FOLDS} folds by fault, seen on {name}"),
            set,
            &cases,
        );
    }

    let fit = fit(&pooled, RIDGE)?;
    let round = |x: f64| (x * 1e4).round() / 1e4;
    let calibration = Calibration {
        format: 2,
        match_from: 5000,
        intercept: round(fit.intercept),
        keys: fit.keys,
        weights: tagout_search::Weights::from_array(fit.weights.to_array().map(round)),
        fitted_on: FittedOn {
            what: "evals/retrieval: corpus.jsonl with queries.jsonl, queries_twin.jsonl, \
                   no_runbook_near.jsonl, no_runbook_far.jsonl, and bundled_corpus.jsonl with \
                   bundled_queries.jsonl, both sets with the same weight; each row in the modes full \
                   with keys, full with keys and without its address, text and prose without keys; \
                   rows with a runbook also against an index without it"
                .into(),
            indexes,
            model: hexadecimal(&embedder.digest()),
            cohort: hexadecimal(&cohort_digest()),
            queries: rows_read,
            left_out_weight: LEFT_OUT_WEIGHT,
            ridge: RIDGE,
        },
    };
    print!("{}", calibration.to_json()?);
    Ok(())
}

/// Prints how far stated probabilities can be believed, for each mode and for all.
fn tell(title: &str, observed: &Observed, cases: &[Case]) {
    eprintln!("{title}:");
    for name in MODES.iter().map(|(name, ..)| *name).chain(["all"]) {
        let of_mode = |mode: &str| name == "all" || mode == name;
        let part: Vec<Case> = observed
            .iter()
            .zip(cases)
            .filter(|((mode, _), _)| of_mode(mode))
            .map(|(_, case)| *case)
            .collect();
        let rows: Vec<Case> = part.iter().copied().filter(|c| c.weight >= 1.0).collect();
        let side = |right: bool| -> Vec<f64> {
            rows.iter().filter(|c| c.right == right).map(|c| c.stated).collect()
        };
        let above: Vec<&Case> = rows.iter().filter(|c| c.stated >= 0.5).collect();
        let good = above.iter().filter(|c| c.right).count() as f64;
        eprintln!(
            "  {name:28} ECE {:.3} Brier {:.3}  right against wrong AUROC {:.3}  \
             from .5: precision {:.3}, of the right ones {:.3}   with left-out rows ECE {:.3}",
            expected_calibration_error(&rows),
            brier(&rows),
            auroc(&side(true), &side(false)).unwrap_or(f64::NAN),
            good / above.len() as f64,
            good / side(true).len() as f64,
            expected_calibration_error(&part),
        );
    }
}
