//! Medians and shares with their 95 % intervals, in whole numbers.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How long answers took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The median in milliseconds; of two middle values the mean, rounded down.
    pub median: Span,
    /// The median's 95 % confidence interval in milliseconds, from order statistics; absent
    /// below six answers, where there is none.
    pub interval: Option<(Span, Span)>,
}

/// A share of the answers in basis points (hundredths of a percent).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The share itself, rounded down.
    pub basis_points: u64,
    /// The lower end of its 95 % Wilson score interval, rounded down.
    pub low: u64,
    /// The upper end, rounded up.
    pub high: u64,
}

impl Latency {
    pub(super) fn of(latencies: &[Span]) -> Option<Self> {
        let mut sorted = latencies.to_vec();
        sorted.sort_unstable();
        let n = sorted.len();
        let (low, high) = (sorted.get(n.checked_sub(1)? / 2)?, sorted.get(n / 2)?);
        let median = Span::from_millis(low.millis().midpoint(high.millis()));
        let interval = median_rank(n).and_then(|rank| {
            Some((*sorted.get(rank.checked_sub(1)?)?, *sorted.get(n.checked_sub(rank)?)?))
        });
        Some(Self { median, interval })
    }
}

/// The rank `k`, from 1, for which the `k`-th smallest and the `k`-th largest of `n` values
/// enclose the median with at least 95 % confidence.
///
/// Each value lies below the median with probability one half, so the number that does is
/// binomial: `k` is the greatest with `P(fewer than k) <= 2.5 %`. Up to 120 values this is
/// summed exactly; above, the normal approximation serves, rounded outward.
fn median_rank(n: usize) -> Option<usize> {
    let n = u128::try_from(n).ok()?;
    let rank = if n <= 120 {
        let (mut rank, mut below, mut term) = (0, 0u128, 1u128);
        loop {
            below += term;
            if below * 40 > 1 << n {
                break;
            }
            term = term * (n - rank) / (rank + 1);
            rank += 1;
        }
        rank
    } else {
        // 1.96 * sqrt(n) is the root of 3.8416 * n.
        let width = (38_416 * n).isqrt() / 100 + 1;
        (n - width) / 2
    };
    usize::try_from(rank).ok().filter(|rank| *rank > 0)
}

impl Rate {
    /// The share of `part` in `whole` with its 95 % Wilson score interval (z = 1.96); `None`
    /// if `whole` is 0.
    ///
    /// In whole numbers: the interval is `(x + z²/2 ± z·sqrt(x(n-x)/n + z²/4)) / (n + z²)`,
    /// here with numerator and denominator scaled by 10^8. Each end lies outward of the real
    /// value and less than one basis point from it (plus the root's own 10^-8).
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        const SCALE: u128 = 100_000_000;
        // z² = 3.8416, as ten-thousandths; and half of it, scaled.
        const Z2: u128 = 38_416;
        const HALF_Z2: u128 = 192_080_000;
        // Counts beyond this would overflow the root; no log holds that many reviews.
        const MOST: u64 = 1 << 32;
        if whole == 0 || part > whole || whole > MOST {
            return None;
        }
        let (x, n) = (u128::from(part), u128::from(whole));
        let square = Z2 * (10_000 * x * (n - x) + Z2 / 4 * n) * SCALE / n;
        let root = square.isqrt();
        let rounded_up = if root * root == square { root } else { root + 1 };
        let middle = x * SCALE + HALF_Z2;
        let below = n * SCALE + 2 * HALF_Z2;
        let low = 10_000 * middle.saturating_sub(rounded_up) / below;
        let high = (10_000 * (middle + rounded_up)).div_ceil(below).min(10_000);
        let points = |n: u128| u64::try_from(n).ok();
        Some(Self { basis_points: points(10_000 * x / n)?, low: points(low)?, high: points(high)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval by the textbook formula, in basis points.
    fn wilson(part: u64, whole: u64) -> (f64, f64) {
        let (x, n, z) = (part as f64, whole as f64, 1.96_f64);
        let middle = x + z * z / 2.0;
        let width = z * (x * (n - x) / n + z * z / 4.0).sqrt();
        let below = n + z * z;
        (10_000.0 * (middle - width) / below, 10_000.0 * (middle + width) / below)
    }

    #[test]
    fn wilson_intervals_have_their_known_values() {
        let rate = |x, n| Rate::of(x, n).map(|r| (r.basis_points, r.low, r.high));
        // 0 of 10 is the example of many a textbook: 0 to 27.8 %.
        assert_eq!(rate(0, 10), Some((0, 0, 2_776)));
        assert_eq!(rate(10, 10), Some((10_000, 7_224, 10_000)));
        assert_eq!(rate(5, 10), Some((5_000, 2_365, 7_635)));
        assert_eq!(rate(1, 3), Some((3_333, 614, 7_924)));
        assert_eq!(rate(0, 0), None);
        assert_eq!(rate(4, 3), None);
    }

    #[test]
    fn wilson_intervals_lie_outward_of_the_real_ones_by_less_than_a_basis_point() {
        let mut worst = 0.0_f64;
        for whole in (1..=120).chain([1_000, 65_537, 1 << 32]) {
            for part in (0..=whole.min(120)).chain([whole / 3, whole / 2, whole]) {
                let (low, high) = wilson(part, whole);
                let rate = Rate::of(part, whole).unwrap();
                let (under, over) = (low - rate.low as f64, rate.high as f64 - high);
                for outward in [under, over] {
                    assert!((-1e-6..1.0001).contains(&outward), "{part} of {whole}: {outward}");
                    worst = worst.max(outward);
                }
            }
        }
        assert!(worst > 0.9, "the bound is not near what is really reached: {worst}");
    }

    /// The probability that fewer than `rank` of `n` fair coins show heads.
    fn fewer_than(rank: usize, n: usize) -> f64 {
        let mut log = -(n as f64) * std::f64::consts::LN_2;
        let mut sum = 0.0;
        for i in 0..rank {
            sum += log.exp();
            log += ((n - i) as f64 / (i + 1) as f64).ln();
        }
        sum
    }

    #[test]
    fn the_median_lies_between_the_chosen_ranks_with_at_least_95_percent() {
        for n in 6..=3_000 {
            let rank = median_rank(n).unwrap();
            let confidence = 1.0 - 2.0 * fewer_than(rank, n);
            assert!(confidence >= 0.95, "{n} values, rank {rank}: {confidence}");
            let tighter = 1.0 - 2.0 * fewer_than(rank + 1, n);
            assert!(n > 120 || tighter < 0.95, "{n} values could do with rank {}", rank + 1);
            let loose = 1.0 - 2.0 * fewer_than(rank + 3, n);
            assert!(loose < 0.95, "{n} values: rank {rank} is too wide");
        }
    }

    #[test]
    fn below_six_values_a_median_has_no_interval() {
        assert!((0..6).all(|n| median_rank(n).is_none()));
        let spans = |n: u64| (1..=n).map(Span::from_secs).collect::<Vec<_>>();
        assert_eq!(Latency::of(&[]), None);
        assert_eq!(Latency::of(&spans(5)).unwrap().interval, None);
        let six = Latency::of(&spans(6)).unwrap();
        assert_eq!(six.median, Span::from_millis(3_500));
        assert_eq!(six.interval, Some((Span::from_secs(1), Span::from_secs(6))));
    }
}
