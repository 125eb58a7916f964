use alluvium_model::KeyGroup;
use serde_json::{Value as Json, json};

/// How evenly the rows of a state lie in its key groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skew {
    /// Number of key groups of the operator.
    pub key_groups: u32,
    /// Number of those that hold rows.
    pub occupied: u32,
    /// Rows of the fullest group.
    pub rows_max: u64,
    /// The fullest group.
    pub fullest: KeyGroup,
    /// Rows of a group on average, empty ones included.
    pub rows_mean: f64,
    /// `rows_max` divided by `rows_mean`: 1 is even.
    pub ratio: f64,
}

impl Skew {
    /// Computes the figures; none without rows.
    pub fn of(rows_by_key_group: &[(KeyGroup, u64)], max_parallelism: u32) -> Option<Skew> {
        let (fullest, rows_max) = rows_by_key_group.iter().copied().rev().max_by_key(|(_, rows)| *rows)?;
        let total: u64 = rows_by_key_group.iter().map(|(_, rows)| rows).sum();
        if total == 0 || max_parallelism == 0 {
            return None;
        }
        let rows_mean = total as f64 / f64::from(max_parallelism);
        Some(Skew {
            key_groups: max_parallelism,
            occupied: rows_by_key_group.iter().filter(|(_, rows)| *rows > 0).count() as u32,
            rows_max,
            fullest,
            rows_mean,
            ratio: rows_max as f64 / rows_mean,
        })
    }

    /// Prints the figures, rounded to three decimals.
    pub fn to_json(&self) -> Json {
        let rounded = |x: f64| (x * 1000.0).round() / 1000.0;
        json!({
            "key_groups": self.key_groups,
            "occupied": self.occupied,
            "rows_max": self.rows_max,
            "fullest": self.fullest.0,
            "rows_mean": rounded(self.rows_mean),
            "ratio": rounded(self.ratio),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_compares_the_fullest_group_with_the_mean() {
        let skew = Skew::of(&[(KeyGroup(1), 2), (KeyGroup(3), 6)], 4).unwrap();
        assert_eq!((skew.fullest, skew.rows_max, skew.occupied), (KeyGroup(3), 6, 2));
        assert_eq!((skew.rows_mean, skew.ratio), (2.0, 3.0));
        assert_eq!(Skew::of(&[], 4), None);
    }
}
