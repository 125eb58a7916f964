use std::path::Path;

use alluvium::connectors::{Columns, ParquetSource};
use alluvium::dataflow::{Batch, OperatorError, OperatorResult, ReadStatus, Source};
use alluvium::model::ErrorKind;

/// A row of the file: one scheduled departure.
#[derive(Debug, Clone, PartialEq)]
pub struct Flight {
    /// Scheduled departure: `time_hour` plus `minute`, in milliseconds since 1970 in UTC.
    pub event_time_ms: i64,
    /// Two letters of the airline.
    pub carrier: String,
    /// Number of the flight.
    pub flight: i64,
    /// Registration of the aircraft, where it is known.
    pub tailnum: Option<String>,
    /// Airport from which it was to depart.
    pub origin: String,
    /// Airport to which it was to fly.
    pub dest: String,
    /// Month in New York, from 1.
    pub month: i32,
    /// Whether it was cancelled: there is no `dep_time`.
    pub cancelled: bool,
    /// Minutes of delay at departure, negative when early.
    pub dep_delay: Option<f64>,
    /// Minutes in the air; null when cancelled or not recorded.
    pub air_time: Option<f64>,
}

impl Flight {
    /// Returns the minutes that it departed late, 0 when early or unknown.
    pub fn minutes_delayed(&self) -> i64 {
        minutes_delayed(self.dep_delay)
    }
}

/// A flight of a known aircraft.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrackedFlight {
    pub(crate) tailnum: String,
    pub(crate) flight: Flight,
}

/// Returns max(delay, 0) in whole minutes, as the file has them; 0 for none.
pub(crate) fn minutes_delayed(dep_delay: Option<f64>) -> i64 {
    dep_delay.map_or(0, |minutes| minutes.max(0.0) as i64)
}

/// Returns the source of flights: the rows of the file in order, split by blocks.
pub fn source(path: &Path) -> ParquetSource<Flight> {
    ParquetSource::new(path, COLUMNS, decode)
}

/// Reads all flights at once, in no particular order: for tests and for [`crate::reference`].
///
/// # Errors
/// What cannot be read.
pub fn read_flights(path: &Path) -> OperatorResult<Vec<Flight>> {
    let source = source(path);
    let mut flights = Vec::new();
    for position in source.splits()? {
        let mut split = source.open(position)?;
        loop {
            let mut batch = Batch::new();
            let status = split.read(10_000, &mut batch)?;
            flights.extend(batch.into_iter().map(|(flight, _)| flight));
            if status == ReadStatus::End {
                break;
            }
        }
    }
    Ok(flights)
}

const COLUMNS: [&str; 11] = [
    "month",
    "dep_time",
    "dep_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "minute",
    "time_hour",
];

fn decode(columns: &Columns<'_>) -> OperatorResult<Vec<(Flight, i64)>> {
    let (month, minute, number) =
        (columns.integer("month")?, columns.integer("minute")?, columns.integer("flight")?);
    let (dep_time, dep_delay) = (columns.float("dep_time")?, columns.float("dep_delay")?);
    let (air_time, hour) = (columns.float("air_time")?, columns.timestamp_ms("time_hour")?);
    let (carrier, tailnum) = (columns.text("carrier")?, columns.text("tailnum")?);
    let (origin, dest) = (columns.text("origin")?, columns.text("dest")?);
    let flight = |row| {
        let event_time_ms = hour.get(row)? + minute.get(row)? * MINUTE_MS;
        let flight = Flight {
            event_time_ms,
            carrier: carrier.get(row)?.to_owned(),
            flight: number.get(row)?,
            tailnum: tailnum.get(row).map(str::to_owned),
            origin: origin.get(row)?.to_owned(),
            dest: dest.get(row)?.to_owned(),
            month: i32::try_from(month.get(row)?).ok()?,
            cancelled: dep_time.get(row).is_none(),
            dep_delay: dep_delay.get(row),
            air_time: air_time.get(row),
        };
        Some((flight, event_time_ms))
    };
    let flights: Option<Vec<_>> = (0..columns.len()).map(flight).collect();
    flights.ok_or_else(|| {
        OperatorError::new(ErrorKind::Input, "a flight lacks its time, carrier, number or airport")
    })
}

/// Milliseconds in a minute.
pub(crate) const MINUTE_MS: i64 = 60_000;
