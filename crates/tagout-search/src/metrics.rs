//! Figures of merit for rankings and probabilities.

/// Bins of the expected calibration error, of equal width.
const BINS: usize = 10;

/// A probability, whether what it spoke of was so, and how much this case counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// The probability that was stated, 0 to 1.
    pub stated: f64,
    /// Whether it was so.
    pub right: bool,
    /// Weight of the case; 1 unless cases stand for more or less than themselves.
    pub weight: f64,
}

/// Expected calibration error over ten bins of equal width: the mean distance between the stated
/// probability and the observed frequency, weighted by how much falls into each bin. 0 is best.
#[must_use]
pub fn expected_calibration_error(cases: &[Case]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for case in cases {
        let bin = ((case.stated * BINS as f64) as usize).min(BINS - 1);
        if let Some((weight, stated, right)) = bins.get_mut(bin) {
            *weight += case.weight;
            *stated += case.weight * case.stated;
            *right += case.weight * f64::from(u8::from(case.right));
        }
    }
    let all: f64 = bins.iter().map(|(weight, _, _)| weight).sum();
    let apart: f64 = bins.iter().map(|(_, stated, right)| (stated - right).abs()).sum();
    ratio(apart, all)
}

/// Brier score: the mean squared distance between the stated probability and what was so (0 or 1).
/// 0 is best.
#[must_use]
pub fn brier(cases: &[Case]) -> f64 {
    let all: f64 = cases.iter().map(|case| case.weight).sum();
    let squares: f64 = cases
        .iter()
        .map(|case| {
            let was = f64::from(u8::from(case.right));
            case.weight * (case.stated - was).powi(2)
        })
        .sum();
    ratio(squares, all)
}

/// Area under the receiver operating characteristic: the probability that a random member of
/// `above` scores higher than a random member of `below`, ties counting half. `None` if either is
/// empty. 1 is best.
#[must_use]
pub fn auroc(above: &[f64], below: &[f64]) -> Option<f64> {
    if above.is_empty() || below.is_empty() {
        return None;
    }
    let wins: f64 = above
        .iter()
        .flat_map(|a| below.iter().map(move |b| a.total_cmp(b)))
        .map(|order| match order {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    Some(wins / (above.len() * below.len()) as f64)
}

/// The largest share of cases that can be answered, the surest first, while at least `precision` of
/// the answers are right. Cases of equal probability are answered together or not at all.
#[must_use]
pub fn coverage_at_precision(cases: &[Case], precision: f64) -> f64 {
    let mut sorted: Vec<&Case> = cases.iter().collect();
    sorted.sort_by(|a, b| b.stated.total_cmp(&a.stated));
    let mut answered = 0;
    let mut right = 0;
    let mut best = 0;
    for group in sorted.chunk_by(|a, b| a.stated == b.stated) {
        answered += group.len();
        right += group.iter().filter(|case| case.right).count();
        if right as f64 >= precision * answered as f64 {
            best = answered;
        }
    }
    ratio(best as f64, cases.len() as f64)
}

/// The value below which the given share of values lies (nearest rank), 0 without values.
#[must_use]
pub fn percentile(values: &[u64], share: f64) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(stated: f64, right: bool) -> Case {
        Case { stated, right, weight: 1.0 }
    }

    #[test]
    fn calibration_error_is_zero_when_frequencies_equal_the_stated_probability() {
        let cases: Vec<Case> = (0..10).map(|i| case(0.7, i < 7)).collect();
        assert!(expected_calibration_error(&cases) < 1e-12);
        let sure_and_wrong = [case(1.0, false), case(0.0, true)];
        assert!((expected_calibration_error(&sure_and_wrong) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn calibration_error_weighs_each_bin_by_what_falls_into_it() {
        let mut cases = vec![case(0.95, true); 3];
        cases.push(case(0.45, true));
        let expected = 0.75 * 0.05 + 0.25 * 0.55;
        assert!((expected_calibration_error(&cases) - expected).abs() < 1e-12);
        assert!((expected_calibration_error(&[]) - 0.0).abs() < 1e-12);
    }

    #[test]
    fn brier_is_the_mean_squared_distance() {
        assert!((brier(&[case(0.8, true), case(0.3, false)]) - 0.065).abs() < 1e-12);
    }

    #[test]
    fn auroc_counts_ties_as_half_and_needs_both_sides() {
        assert_eq!(auroc(&[0.9, 0.5], &[0.5, 0.1]), Some(0.875));
        assert_eq!(auroc(&[], &[0.5]), None);
    }

    #[test]
    fn coverage_stops_before_precision_is_lost_and_never_splits_equals() {
        let cases = [case(0.9, true), case(0.8, true), case(0.7, false), case(0.6, true)];
        assert!((coverage_at_precision(&cases, 0.95) - 0.5).abs() < 1e-12);
        assert!((coverage_at_precision(&cases, 0.75) - 1.0).abs() < 1e-12);
        let equal = [case(0.9, true), case(0.9, false)];
        assert!(coverage_at_precision(&equal, 0.95).abs() < 1e-12);
    }

    #[test]
    fn percentiles_take_the_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&values, 0.5), 50);
        assert_eq!(percentile(&values, 0.99), 99);
        assert_eq!(percentile(&[], 0.5), 0);
    }
}
