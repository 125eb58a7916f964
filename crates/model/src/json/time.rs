use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use serde_json::Value as Json;

use crate::TimeUnit;

/// ISO 8601, or the bare number where the calendar ends.
pub(super) fn date(days: i64) -> Json {
    let date =
        TimeDelta::try_days(days).and_then(|d| NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(d));
    date.map_or_else(|| Json::from(days), |d| Json::String(d.to_string()))
}

pub(super) fn time_of_day(value: i64, unit: TimeUnit) -> Json {
    let (seconds, nanos) = split(value, unit);
    let time =
        u32::try_from(seconds).ok().and_then(|s| NaiveTime::from_num_seconds_from_midnight_opt(s, nanos));
    time.map_or_else(|| Json::from(value), |t| Json::String(clock(t)))
}

pub(super) fn timestamp(value: i64, unit: TimeUnit, utc: bool) -> Json {
    let (seconds, nanos) = split(value, unit);
    match DateTime::from_timestamp(seconds, nanos) {
        None => Json::from(value),
        Some(at) => {
            let zone = if utc { "Z" } else { "" };
            Json::String(format!("{}T{}{zone}", at.date_naive(), clock(at.time())))
        }
    }
}

fn clock(time: NaiveTime) -> String {
    let text = time.format("%H:%M:%S").to_string();
    match time.nanosecond() {
        0 => text,
        n if n % 1_000_000 == 0 => format!("{text}.{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{text}.{:06}", n / 1_000),
        n => format!("{text}.{n:09}"),
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Milli => 1_000,
        TimeUnit::Micro => 1_000_000,
        TimeUnit::Nano => 1_000_000_000,
    }
}

fn split(value: i64, unit: TimeUnit) -> (i64, u32) {
    let scale = per_second(unit);
    let nanos = value.rem_euclid(scale) * (1_000_000_000 / scale);
    (value.div_euclid(scale), nanos as u32)
}

fn join(seconds: i64, nanos: u32, unit: TimeUnit) -> Option<i64> {
    let scale = per_second(unit);
    let step = 1_000_000_000 / scale;
    let nanos = i64::from(nanos);
    if nanos % step != 0 {
        return None;
    }
    // The first second of the range may begin before it.
    i64::try_from(i128::from(seconds) * i128::from(scale) + i128::from(nanos / step)).ok()
}

pub(super) fn parse_date(text: &str) -> Option<i64> {
    let date: NaiveDate = text.parse().ok()?;
    Some((date - NaiveDate::from_ymd_opt(1970, 1, 1)?).num_days())
}

pub(super) fn parse_time(text: &str, unit: TimeUnit) -> Option<i64> {
    let time: NaiveTime = text.parse().ok()?;
    join(i64::from(time.num_seconds_from_midnight()), time.nanosecond(), unit)
}

pub(super) fn parse_timestamp(text: &str, unit: TimeUnit, utc: bool) -> Option<i64> {
    let at = match text.strip_suffix('Z') {
        // RFC 3339 ends with the year 9999, ISO 8601 does not.
        Some(local) if utc => local.parse::<NaiveDateTime>().ok()?.and_utc(),
        _ if utc => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
        _ => text.parse::<NaiveDateTime>().ok()?.and_utc(),
    };
    join(at.timestamp(), at.timestamp_subsec_nanos(), unit)
}
