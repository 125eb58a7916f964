//! Lengths of time as people write them: `500ms`, `10s`, `5min`, `2h`, `1d`.

use std::time::Duration;

/// Reads a length of time: a whole number and a unit (`ms`, `s`, `m` or `min`, `h`, `d`), with or
/// without a space between. A number alone counts milliseconds, as in Flink's configuration.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(alluvium::duration::parse("10 s"), Ok(Duration::from_secs(10)));
/// assert!(alluvium::duration::parse("ten").is_err());
/// ```
///
/// # Errors
/// A sentence that says what is wanted.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let wanted = || format!("{text:?} is not a length of time such as 500ms, 10s or 5min");
    let number: u64 = number.parse().map_err(|_| wanted())?;
    let unit_ms: u64 = match unit.trim() {
        "" | "ms" => 1,
        "s" | "sec" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wanted()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wanted)
}

/// Writes a length of time so that [`parse`] reads it back, to the millisecond.
pub fn print(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood() {
        let check = |text: &str, ms| assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        check("7", 7);
        check("500ms", 500);
        check("10 s", 10_000);
        check("5min", 300_000);
        check("5m", 300_000);
        check("2h", 7_200_000);
        check(&print(Duration::from_secs(3)), 3000);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "-1s", "1.5s", "3 weeks", "99999999999999999999", "18446744073709551615d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
