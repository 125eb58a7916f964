use alluvium_model::{LogicalType, TimeUnit};

use super::super::time::{DAY_NANOS, NANOS, civil, days};
use super::{Version, put_signed, put_varint, signed, varint};
use crate::Result;
use crate::bytes::Input;

/// Types of `java.time` with a fixed form in Kryo: in Kryo 2 that of their fields sorted by name, in
/// Kryo 5 their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Day,
    OfDay,
    Local,
}

/// Marks a part that was not met before.
const NEW: u8 = 1;

impl Time {
    pub(super) fn of(class: &str) -> Option<Self> {
        Some(match class {
            "java.time.LocalDate" => Time::Day,
            "java.time.LocalTime" => Time::OfDay,
            "java.time.LocalDateTime" => Time::Local,
            _ => return None,
        })
    }

    pub(super) fn ty(self) -> LogicalType {
        match self {
            Time::Day => LogicalType::Date,
            Time::OfDay => LogicalType::Time(TimeUnit::Nano),
            Time::Local => LogicalType::Timestamp { unit: TimeUnit::Nano, utc: false },
        }
    }

    /// Returns none for days and times that do not exist or that the type does not hold.
    pub(super) fn decode(self, version: Version, input: &mut Input<'_>) -> Result<Option<i64>> {
        Ok(match self {
            Time::Day => decode_date(version, input)?,
            Time::OfDay => decode_time(version, input)?,
            Time::Local => {
                let has_date = part(version, input)?;
                let date = decode_date(version, input)?;
                let has_time = part(version, input)?;
                let time = decode_time(version, input)?;
                let at = date.zip(time).filter(|_| has_date && has_time);
                at.and_then(|(days, nanos)| days.checked_mul(DAY_NANOS)?.checked_add(nanos))
            }
        })
    }

    /// Returns whether the value is one of the type.
    pub(super) fn encode(self, version: Version, value: i64, out: &mut Vec<u8>) -> bool {
        match self {
            Time::Day => encode_date(version, value, out),
            Time::OfDay => encode_time(version, value, out),
            Time::Local => {
                put_part(version, out);
                let date = encode_date(version, value.div_euclid(DAY_NANOS), out);
                put_part(version, out);
                date && encode_time(version, value.rem_euclid(DAY_NANOS), out)
            }
        }
    }
}

/// Reads what precedes a field that is an object.
fn part(version: Version, input: &mut Input<'_>) -> Result<bool> {
    Ok(version == Version::Five || input.u8("Kryo reference")? == NEW)
}

fn put_part(version: Version, out: &mut Vec<u8>) {
    if version == Version::Two {
        out.push(NEW);
    }
}

fn decode_date(version: Version, input: &mut Input<'_>) -> Result<Option<i64>> {
    let (year, month, day) = match version {
        Version::Two => {
            let (day, month) = (input.i16("day")?, input.i16("month")?);
            (signed(input)?, i64::from(month), i64::from(day))
        }
        Version::Five => {
            let year = varint(input)?.cast_signed();
            (year, input.i8("month")?.into(), input.i8("day")?.into())
        }
    };
    let date = (i64::from(year), month, day);
    let number = days(date.0, date.1, date.2);
    Ok(Some(number).filter(|number| civil(*number) == date && i32::try_from(*number).is_ok()))
}

fn encode_date(version: Version, value: i64, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = civil(value);
    let Ok(year) = i32::try_from(year) else { return false };
    match version {
        Version::Two => {
            out.extend((day as i16).to_be_bytes());
            out.extend((month as i16).to_be_bytes());
            put_signed(year, out);
        }
        Version::Five => {
            put_varint(year.cast_unsigned(), out);
            out.extend([month as u8, day as u8]);
        }
    }
    true
}

fn decode_time(version: Version, input: &mut Input<'_>) -> Result<Option<i64>> {
    let (hour, minute, second, nano) = match version {
        Version::Two => {
            let (hour, minute) = (input.i8("hour")?, input.i8("minute")?);
            let nano = signed(input)?;
            (hour, minute, input.i8("second")?, nano)
        }
        Version::Five => short_time(input)?,
    };
    let valid = (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..NANOS).contains(&nano.into());
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Ok(valid.then_some(seconds * NANOS + i64::from(nano)))
}

/// Reads a time whose last part that is not zero is inverted.
fn short_time(input: &mut Input<'_>) -> Result<(i8, i8, i8, i32)> {
    let hour = input.i8("hour")?;
    if hour < 0 {
        return Ok((!hour, 0, 0, 0));
    }
    let minute = input.i8("minute")?;
    if minute < 0 {
        return Ok((hour, !minute, 0, 0));
    }
    let second = input.i8("second")?;
    if second < 0 {
        return Ok((hour, minute, !second, 0));
    }
    Ok((hour, minute, second, varint(input)?.cast_signed()))
}

fn encode_time(version: Version, value: i64, out: &mut Vec<u8>) -> bool {
    if !(0..DAY_NANOS).contains(&value) {
        return false;
    }
    let seconds = value / NANOS;
    let [hour, minute, second] = [seconds / 3600, seconds / 60 % 60, seconds % 60].map(|part| part as u8);
    let nano = (value % NANOS) as i32;
    match (version, minute, second, nano) {
        (Version::Two, ..) => {
            out.extend([hour, minute]);
            put_signed(nano, out);
            out.push(second);
        }
        (Version::Five, 0, 0, 0) => out.push(!hour),
        (Version::Five, _, 0, 0) => out.extend([hour, !minute]),
        (Version::Five, _, _, 0) => out.extend([hour, minute, !second]),
        (Version::Five, ..) => {
            out.extend([hour, minute, second]);
            put_varint(nano.cast_unsigned(), out);
        }
    }
    true
}
