//! Fitting the calibration: logistic regression with a ridge, by Newton's method.

use std::collections::BTreeMap;

use crate::calibration::{KeyRecords, Weights, logistic};
use crate::error::SearchError;
use crate::explain::FEATURES;
use crate::keys::Key;
use crate::metrics::Case;

/// Unknowns of the fit: the weights and the intercept.
const UNKNOWNS: usize = FEATURES + 1;
/// Newton's method converges in about ten steps here.
const STEPS: usize = 100;

/// One observation: what a search said of its first candidate, and whether it was right.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// [`crate::Features::for_calibration`] of the first candidate.
    pub features: [f64; FEATURES],
    /// The exact key that decided, if one did. Such observations count for the record of that kind
    /// of key and not for the weights.
    pub key: Option<Key>,
    /// Whether the first candidate was right.
    pub right: bool,
    /// How much the observation counts.
    pub weight: f64,
    /// Observations of one group are never split between fitting and checking.
    pub group: String,
}

/// The coefficients of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// What was observed of exact keys.
    pub keys: KeyRecords,
    /// What the logistic function starts from.
    pub intercept: f64,
    /// One weight per feature.
    pub weights: Weights,
}

impl Fit {
    /// The probability that an observation like this one is right.
    #[must_use]
    pub fn probability(&self, sample: &Sample) -> f64 {
        let weights = self.weights.to_array();
        let terms = weights.iter().zip(&sample.features);
        let sum: f64 = terms.map(|(w, x)| w * x).sum();
        let text = logistic(self.intercept + sum);
        sample.key.map_or(text, |key| self.keys.probability(key).max(text))
    }
}

/// Scales the weights of several sets of observations so that each set counts the same in all, and
/// joins them. The sum of all weights stays what it was.
#[must_use]
pub fn balance(sets: &[&[Sample]]) -> Vec<Sample> {
    let total = |set: &[Sample]| set.iter().map(|sample| sample.weight).sum::<f64>();
    let share = sets.iter().map(|set| total(set)).sum::<f64>() / sets.len().max(1) as f64;
    let scaled = |set: &&[Sample]| {
        let factor = share / total(set).max(f64::MIN_POSITIVE);
        set.iter()
            .map(|sample| Sample { weight: sample.weight * factor, ..sample.clone() })
            .collect::<Vec<_>>()
    };
    sets.iter().flat_map(scaled).collect()
}

/// Fits the coefficients. `ridge` pulls the weights of the standardised features towards zero
/// (never the intercept), so that a feature that separates the observations stays finite.
///
/// # Errors
/// [`SearchError::Evaluation`] if there are no observations.
pub fn fit(samples: &[Sample], ridge: f64) -> Result<Fit, SearchError> {
    let mut keys = KeyRecords::default();
    for sample in samples {
        let record = match sample.key {
            Some(Key::RunbookUrl) => &mut keys.runbook_url,
            Some(Key::AlertName) => &mut keys.alert_name,
            Some(Key::Labels) | None => continue,
        };
        record.hits += 1;
        record.right += u32::from(sample.right);
    }
    let samples: Vec<&Sample> = samples.iter().filter(|s| s.key.is_none()).collect();
    let samples = samples.as_slice();
    let total: f64 = samples.iter().map(|s| s.weight).sum();
    if total <= 0.0 {
        return Err(SearchError::Evaluation("there is nothing to fit a calibration on".into()));
    }
    let (mean, deviation) = spread(samples, total);
    let standardised: Vec<[f64; UNKNOWNS]> = samples
        .iter()
        .map(|sample| {
            let mut row = [1.0; UNKNOWNS];
            let parts = sample.features.iter().zip(mean.iter().zip(&deviation));
            for (slot, (x, (mean, deviation))) in row.iter_mut().zip(parts) {
                *slot = (x - mean) / deviation;
            }
            row
        })
        .collect();
    let mut solution = [0.0; UNKNOWNS];
    for _ in 0..STEPS {
        let (gradient, curvature) = slope(samples, &standardised, &solution, ridge);
        let step = solve(curvature, gradient);
        let mut moved = 0.0;
        for (value, change) in solution.iter_mut().zip(step) {
            // A bounded step keeps the first iterations from overshooting.
            let change = change.clamp(-2.0, 2.0);
            *value -= change;
            moved += change.abs();
        }
        if moved < 1e-10 {
            break;
        }
    }
    let mut weights = [0.0; FEATURES];
    let mut intercept = solution.last().copied().unwrap_or(0.0);
    let parts = solution.iter().zip(mean.iter().zip(&deviation));
    for (weight, (value, (mean, deviation))) in weights.iter_mut().zip(parts) {
        *weight = value / deviation;
        intercept -= value * mean / deviation;
    }
    Ok(Fit { keys, intercept, weights: Weights::from_array(weights) })
}

/// States a probability for every sample from a fit that has not seen the sample's group. The
/// groups are dealt to `folds` folds in the order of their names.
///
/// # Errors
/// [`SearchError::Evaluation`] if there are fewer than two folds or groups.
pub fn cross_validate(
    samples: &[Sample],
    folds: usize,
    ridge: f64,
) -> Result<Vec<Case>, SearchError> {
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for sample in samples {
        groups.insert(&sample.group, 0);
    }
    let folds = folds.min(groups.len());
    if folds < 2 {
        return Err(SearchError::Evaluation(
            "cross-validation needs at least two groups of queries".into(),
        ));
    }
    for (at, fold) in groups.values_mut().enumerate() {
        *fold = at % folds;
    }
    let fold_of = |sample: &Sample| groups.get(sample.group.as_str()).copied().unwrap_or(0);
    let fits = (0..folds)
        .map(|fold| {
            let others: Vec<Sample> =
                samples.iter().filter(|sample| fold_of(sample) != fold).cloned().collect();
            fit(&others, ridge)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(samples
        .iter()
        .map(|sample| Case {
            stated: fits.get(fold_of(sample)).map_or(0.0, |fit| fit.probability(sample)),
            right: sample.right,
            weight: sample.weight,
        })
        .collect())
}

/// Weighted mean and standard deviation of each feature; 1 for a feature that never varies.
fn spread(samples: &[&Sample], total: f64) -> ([f64; FEATURES], [f64; FEATURES]) {
    let mut mean = [0.0; FEATURES];
    for sample in samples {
        for (slot, x) in mean.iter_mut().zip(&sample.features) {
            *slot += sample.weight * x / total;
        }
    }
    let mut deviation = [0.0; FEATURES];
    for sample in samples {
        for (slot, (x, mean)) in deviation.iter_mut().zip(sample.features.iter().zip(&mean)) {
            *slot += sample.weight * (x - mean).powi(2) / total;
        }
    }
    let deviation = deviation.map(|v: f64| if v > 1e-12 { v.sqrt() } else { 1.0 });
    (mean, deviation)
}

type Square = [[f64; UNKNOWNS]; UNKNOWNS];

/// Gradient and curvature of the penalised negative log-likelihood.
fn slope(
    samples: &[&Sample],
    rows: &[[f64; UNKNOWNS]],
    solution: &[f64; UNKNOWNS],
    ridge: f64,
) -> ([f64; UNKNOWNS], Square) {
    let mut gradient = [0.0; UNKNOWNS];
    let mut curvature = [[0.0; UNKNOWNS]; UNKNOWNS];
    for (sample, row) in samples.iter().zip(rows) {
        let sum: f64 = row.iter().zip(solution).map(|(x, w)| x * w).sum();
        let p = logistic(sum);
        let miss = sample.weight * (p - f64::from(u8::from(sample.right)));
        let bend = sample.weight * p * (1.0 - p);
        for ((slope, line), x) in gradient.iter_mut().zip(&mut curvature).zip(row) {
            *slope += miss * x;
            for (cell, y) in line.iter_mut().zip(row) {
                *cell += bend * x * y;
            }
        }
    }
    for (at, ((slope, line), value)) in
        gradient.iter_mut().zip(&mut curvature).zip(solution).enumerate()
    {
        let pull = if at < FEATURES { 2.0 * ridge } else { 1e-9 };
        *slope += pull * value;
        if let Some(cell) = line.get_mut(at) {
            *cell += pull;
        }
    }
    (gradient, curvature)
}

/// Solves a symmetric positive definite system by elimination with row exchange.
#[allow(clippy::indexing_slicing)] // Fixed sizes; every index runs over 0..UNKNOWNS.
fn solve(mut matrix: Square, mut right: [f64; UNKNOWNS]) -> [f64; UNKNOWNS] {
    for column in 0..UNKNOWNS {
        let pivot = (column..UNKNOWNS)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let divisor = matrix[column][column];
        if divisor.abs() < 1e-300 {
            continue;
        }
        for row in column + 1..UNKNOWNS {
            let factor = matrix[row][column] / divisor;
            let above = matrix[column];
            for (cell, top) in matrix[row].iter_mut().zip(above).skip(column) {
                *cell -= factor * top;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; UNKNOWNS];
    for row in (0..UNKNOWNS).rev() {
        let known: f64 = (row + 1..UNKNOWNS).map(|at| matrix[row][at] * solution[at]).sum();
        let divisor = matrix[row][row];
        if divisor.abs() >= 1e-300 {
            solution[row] = (right[row] - known) / divisor;
        }
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(first: f64, right: bool, group: usize) -> Sample {
        let mut features = [0.0; FEATURES];
        features[0] = first;
        Sample { features, key: None, right, weight: 1.0, group: format!("group {group}") }
    }

    #[test]
    fn a_fit_recovers_the_odds_that_made_the_observations() {
        // At 0 one in four is right, at 1 three in four: intercept -ln 3, weight 2 ln 3.
        let samples: Vec<Sample> = (0..4000)
            .map(|i| {
                let x = f64::from(i % 2);
                let right = if i % 2 == 0 { (i / 2) % 4 == 0 } else { (i / 2) % 4 != 0 };
                sample(x, right, i as usize)
            })
            .collect();
        let fit = fit(&samples, 1e-9).unwrap();
        assert!((fit.intercept + 3.0_f64.ln()).abs() < 1e-4, "{fit:?}");
        assert!((fit.weights.excess - 2.0 * 3.0_f64.ln()).abs() < 1e-4, "{fit:?}");
        assert!(fit.weights.margin.abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn observations_that_separate_perfectly_still_give_finite_weights() {
        let samples: Vec<Sample> =
            (0..100).map(|i| sample(f64::from(i), i >= 50, i as usize)).collect();
        let fit = fit(&samples, 0.5).unwrap();
        assert!(fit.weights.excess.is_finite() && fit.weights.excess > 0.0, "{fit:?}");
    }

    #[test]
    fn cross_validation_never_lets_a_group_speak_for_itself() {
        // Each group is right or wrong as a whole, at random: nothing can be learned from others.
        let samples: Vec<Sample> =
            (0..40).flat_map(|g| vec![sample(g as f64, g % 2 == 0, g); 5]).collect();
        let cases = cross_validate(&samples, 40, 0.5).unwrap();
        assert!(cases.iter().all(|c| (0.3..0.7).contains(&c.stated)), "{cases:?}");
    }

    #[test]
    fn balanced_sets_weigh_the_same_whatever_their_sizes() {
        let small: Vec<Sample> = (0..2).map(|i| sample(1.0, true, i)).collect();
        let large: Vec<Sample> = (0..8).map(|i| sample(2.0, true, i)).collect();
        let both = balance(&[&small, &large]);
        let weight = |first: f64| -> f64 {
            both.iter().filter(|s| s.features[0] == first).map(|s| s.weight).sum()
        };
        assert!((weight(1.0) - 5.0).abs() < 1e-12 && (weight(2.0) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_fit_on_is_an_error() {
        assert!(fit(&[], 0.5).is_err());
        assert!(cross_validate(&[sample(1.0, true, 0)], 10, 0.5).is_err());
    }
}
