use chrono::{DateTime, NaiveDate};

/// Reads a day, `YYYY-MM-DD`.
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    // The library would take fewer digits.
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.to_string() == text)
}

/// Returns the day in UTC of a moment in seconds since 1970.
pub fn day_of(seconds: i64) -> NaiveDate {
    DateTime::from_timestamp(seconds, 0).map(|moment| moment.date_naive()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_printed() {
        for text in ["2026-11-23", "2024-02-29", "0001-01-01"] {
            assert_eq!(parse_day(text).map(|day| day.to_string()).as_deref(), Some(text));
        }
        for text in ["2026-2-3", "2026-02-29", "2026-13-01", "+2026-01-01", "x", ""] {
            assert_eq!(parse_day(text), None, "{text}");
        }
        assert_eq!(Some(day_of(951_782_400)), parse_day("2000-02-29"));
    }
}
