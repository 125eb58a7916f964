//! Dates and times of `java.time`, `java.util.Date` and `java.sql`.

use alluvium_model::Value;

use super::Decoder;
use crate::Result;

pub(super) const NANOS: i64 = 1_000_000_000;
pub(super) const DAY_NANOS: i64 = 86_400 * NANOS;

/// Reads milliseconds since 1970, the least number being null (`java.util.Date`, `java.sql.Date`,
/// `java.sql.Time`).
pub(super) fn decode_millis(d: &mut Decoder<'_, '_>) -> Result<Value> {
    Ok(match d.input.i64("date")? {
        i64::MIN => Value::Null,
        millis => Value::Int(millis),
    })
}

/// Reads milliseconds and the nanoseconds of their second (`java.sql.Timestamp`).
pub(super) fn decode_sql_timestamp(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let (millis, nanos) = (d.input.i64("timestamp")?, d.input.i32("timestamp")?);
    if millis == i64::MIN {
        d.odd_if(nanos != 0);
        return Ok(Value::Null);
    }
    d.odd_if(millis.rem_euclid(1000) != i64::from(nanos / 1_000_000));
    Ok(instant(millis.div_euclid(1000), nanos).unwrap_or_else(|| d.untyped()))
}

/// Reads seconds and nanoseconds (`java.time.Instant`).
pub(super) fn decode_instant(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let (seconds, nanos) = (d.input.i64("instant")?, d.input.i32("instant")?);
    if nanos == i32::MIN {
        d.odd_if(seconds != i64::MIN);
        return Ok(Value::Null);
    }
    Ok(instant(seconds, nanos).unwrap_or_else(|| d.untyped()))
}

fn instant(seconds: i64, nanos: i32) -> Option<Value> {
    let nanos = i64::from(nanos);
    if !(0..NANOS).contains(&nanos) {
        return None;
    }
    // The first second of the range may begin before it.
    i64::try_from(i128::from(seconds) * i128::from(NANOS) + i128::from(nanos)).ok().map(Value::Int)
}

/// Reads year, month and day (`java.time.LocalDate`).
pub(super) fn decode_date(d: &mut Decoder<'_, '_>) -> Result<Value> {
    Ok(match date(d)? {
        None => Value::Null,
        Some(days) => days
            .and_then(|days| i32::try_from(days).ok())
            .map_or_else(|| d.untyped(), |days| Value::Int(days.into())),
    })
}

/// Reads hour, minute, second and nanosecond (`java.time.LocalTime`).
pub(super) fn decode_time(d: &mut Decoder<'_, '_>) -> Result<Value> {
    Ok(match time(d)? {
        None => Value::Null,
        Some(nanos) => nanos.map_or_else(|| d.untyped(), Value::Int),
    })
}

/// Reads a date and a time (`java.time.LocalDateTime`).
pub(super) fn decode_date_time(d: &mut Decoder<'_, '_>) -> Result<Value> {
    Ok(match (date(d)?, time(d)?) {
        (None, None) => Value::Null,
        (Some(Some(days)), Some(Some(nanos))) => {
            let at = i128::from(days) * i128::from(DAY_NANOS) + i128::from(nanos);
            i64::try_from(at).map_or_else(|_| d.untyped(), Value::Int)
        }
        _ => d.untyped(),
    })
}

/// The outer none is null, the inner none a day that does not exist.
fn date(d: &mut Decoder<'_, '_>) -> Result<Option<Option<i64>>> {
    let (year, month, day) = (d.input.i32("date")?, d.input.i8("date")?, d.input.i8("date")?);
    if year == i32::MIN {
        d.odd_if((month, day) != (i8::MIN, 0));
        return Ok(None);
    }
    let days = days(year.into(), month.into(), day.into());
    Ok(Some(Some(days).filter(|days| civil(*days) == (year.into(), month.into(), day.into()))))
}

fn time(d: &mut Decoder<'_, '_>) -> Result<Option<Option<i64>>> {
    let (hour, minute) = (d.input.i8("time")?, d.input.i8("time")?);
    let (second, nano) = (d.input.i8("time")?, d.input.i32("time")?);
    if hour == i8::MIN {
        d.odd_if((minute, second, nano) != (i8::MIN, 0, i32::MIN));
        return Ok(None);
    }
    let valid = (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..NANOS).contains(&nano.into());
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Ok(Some(valid.then_some(seconds * NANOS + i64::from(nano))))
}

/// Appends a `java.sql.Timestamp`.
pub(super) fn encode_sql_timestamp(nanos: Option<i64>, out: &mut Vec<u8>) {
    let (millis, nanos) = match nanos {
        None => (i64::MIN, 0),
        Some(at) => (at.div_euclid(1_000_000), at.rem_euclid(NANOS) as i32),
    };
    out.extend(millis.to_be_bytes());
    out.extend(nanos.to_be_bytes());
}

/// Appends a `java.time.Instant`.
pub(super) fn encode_instant(nanos: Option<i64>, out: &mut Vec<u8>) {
    let (seconds, nanos) = match nanos {
        None => (i64::MIN, i32::MIN),
        Some(at) => (at.div_euclid(NANOS), at.rem_euclid(NANOS) as i32),
    };
    out.extend(seconds.to_be_bytes());
    out.extend(nanos.to_be_bytes());
}

/// Appends a `java.time.LocalDate`. None when the year is out of Java's range.
pub(super) fn encode_date(days: Option<i64>, out: &mut Vec<u8>) -> Option<()> {
    let (year, month, day) = match days {
        None => (i32::MIN, i8::MIN, 0),
        Some(days) => {
            let (year, month, day) = civil(days);
            (i32::try_from(year).ok()?, month as i8, day as i8)
        }
    };
    out.extend(year.to_be_bytes());
    out.extend(month.to_be_bytes());
    out.extend(day.to_be_bytes());
    Some(())
}

/// Appends a `java.time.LocalTime`. None when it is not within a day.
pub(super) fn encode_time(nanos: Option<i64>, out: &mut Vec<u8>) -> Option<()> {
    let (hour, minute, second, nano) = match nanos {
        None => (i8::MIN, i8::MIN, 0, i32::MIN),
        Some(at) if (0..DAY_NANOS).contains(&at) => {
            let seconds = at / NANOS;
            ((seconds / 3600) as i8, (seconds / 60 % 60) as i8, (seconds % 60) as i8, (at % NANOS) as i32)
        }
        Some(_) => return None,
    };
    out.extend([hour.cast_unsigned(), minute.cast_unsigned(), second.cast_unsigned()]);
    out.extend(nano.to_be_bytes());
    Some(())
}

/// Appends a `java.time.LocalDateTime`.
pub(super) fn encode_date_time(nanos: Option<i64>, out: &mut Vec<u8>) -> Option<()> {
    encode_date(nanos.map(|at| at.div_euclid(DAY_NANOS)), out)?;
    encode_time(nanos.map(|at| at.rem_euclid(DAY_NANOS)), out)
}

/// Returns the days since 1970-01-01 of a date of the proleptic Gregorian calendar.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns year, month and day of days since 1970-01-01.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let month = if part < 10 { part + 3 } else { part - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        for (date, number) in
            [((1970, 1, 1), 0), ((2024, 2, 29), 19_782), ((1969, 12, 31), -1), ((0, 3, 1), -719_468)]
        {
            assert_eq!(days(date.0, date.1, date.2), number);
            assert_eq!(civil(number), date);
        }
        for number in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = civil(number);
            assert_eq!(days(year, month, day), number);
        }
    }
}
