use std::fmt;

/// A day of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        if parts.next().is_some() || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
            return None;
        }
        let date = Date { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        (1..=date.month_days()).contains(&date.day).then_some(date)
    }

    /// Returns the day of a moment in seconds since 1970.
    pub fn of_unix(seconds: u64) -> Self {
        let mut days = seconds / 86_400;
        let mut date = Date { year: 1970, month: 1, day: 1 };
        while days >= u64::from(date.month_days()) && date.year < u16::MAX {
            days -= u64::from(date.month_days());
            if date.month == 12 {
                date = Date { year: date.year + 1, month: 1, day: 1 };
            } else {
                date.month += 1;
            }
        }
        date.day = u8::try_from(days + 1).unwrap_or(1);
        date
    }

    /// Days of its month; none if there is no such month.
    fn month_days(self) -> u8 {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_printed_and_compared() {
        for text in ["2026-11-23", "2024-02-29", "0001-01-01", "2000-02-29"] {
            assert_eq!(Date::parse(text).map(|date| date.to_string()).as_deref(), Some(text));
        }
        for text in
            ["2026-2-3", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "1900-02-29", "x", ""]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2026-11-23") < Date::parse("2026-12-01"));
    }

    #[test]
    fn moments_have_days() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_478_399, "2026-11-23"),
        ] {
            assert_eq!(Date::of_unix(seconds).to_string(), text);
        }
    }
}
