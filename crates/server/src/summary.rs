use serde::Serialize;

/// Least, greatest, mean and quantiles of a series, as Flink's `StatsSummaryDto`.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq)]
pub(crate) struct Summary {
    min: u64,
    max: u64,
    avg: u64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
}

impl Summary {
    /// Summarises; all zero for an empty series.
    pub(crate) fn of(series: impl Iterator<Item = u64>) -> Self {
        let mut series: Vec<u64> = series.collect();
        series.sort_unstable();
        let (Some(&min), Some(&max)) = (series.first(), series.last()) else { return Summary::default() };
        let total: u128 = series.iter().map(|&n| u128::from(n)).sum();
        let avg = u64::try_from(total / series.len() as u128).unwrap_or(u64::MAX);
        let at = |q| quantile(&series, q);
        Summary { min, max, avg, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999) }
    }
}

/// Interpolates between the two nearest ranks of a sorted series, as commons-math's
/// `Percentile` does for Flink: position q·(n+1), counted from 1.
fn quantile(sorted: &[u64], q: f64) -> f64 {
    let position = (q * (sorted.len() as f64 + 1.0)).clamp(1.0, sorted.len() as f64);
    let lower = position.floor();
    let at = |rank: f64| sorted.get(rank as usize - 1).copied().unwrap_or_default() as f64;
    let below = at(lower);
    let above = if lower < sorted.len() as f64 { at(lower + 1.0) } else { below };
    below + (position - lower) * (above - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_series_is_all_zero() {
        assert_eq!(Summary::of([].into_iter()), Summary::default());
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let summary = Summary::of([4, 1, 3, 2].into_iter());
        assert_eq!((summary.min, summary.max, summary.avg), (1, 4, 2));
        assert_eq!((summary.p50, summary.p999), (2.5, 4.0));
    }
}
