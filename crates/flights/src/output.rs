use std::path::Path;

use alluvium::connectors::{Csv, JsonLines, TextFormat, committed_lines};
use alluvium::dataflow::OperatorResult;
use alluvium::model::json;
use alluvium::model::typed::{StateType, Timestamp};
use serde_json::{Value as Json, json};

use crate::flight::Flight;

/// Begins the names of the files with rotations.
pub(crate) const ROTATIONS: &str = "rotations";
/// Begins the names of the files with totals.
pub(crate) const TOTALS: &str = "totals";
/// Begins the names of the files with flights of unknown aircraft.
pub(crate) const UNKNOWN_AIRCRAFT: &str = "unknown-aircraft";

/// Flights of one aircraft, each less than 12 hours after the one before. The crate's first page
/// defines each field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rotation {
    /// The aircraft.
    pub tailnum: String,
    /// Event time of its first flight in milliseconds.
    pub first_departure_ms: i64,
    /// Event time of its last flight in milliseconds.
    pub last_departure_ms: i64,
    /// Number of flights, cancelled ones too.
    pub flights: i64,
    /// Number of flights with a time in the air.
    pub legs: i64,
    /// Sum of delays at departure in minutes, early ones counting 0.
    pub minutes_delayed: i64,
    /// Where the aircraft is when the rotation closes, if it ever arrived anywhere.
    pub airport: Option<String>,
}

/// Sums of a carrier's month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total {
    /// Two letters of the airline.
    pub carrier: String,
    /// Month in New York, from 1.
    pub month: i32,
    /// Number of flights, cancelled ones too.
    pub flights: i64,
    /// Number of flights without a departure.
    pub cancelled: i64,
    /// Sum of delays at departure in minutes, early ones counting 0.
    pub minutes_delayed: i64,
}

/// The rows of all committed files, sorted: what two runs are compared by, whatever the borders
/// of their files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Lines of JSON.
    pub rotations: Vec<String>,
    /// Lines of CSV, without the header.
    pub totals: Vec<String>,
    /// Lines of JSON: flights without a tailnum.
    pub unknown_aircraft: Vec<String>,
}

impl Output {
    /// Reads the output in a directory; empty if there is none.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn committed(directory: &Path) -> OperatorResult<Self> {
        let header = TextFormat::<Total>::header(&total_cells());
        Ok(Output {
            rotations: committed_lines(directory, ROTATIONS, None)?,
            totals: committed_lines(directory, TOTALS, header.as_deref())?,
            unknown_aircraft: committed_lines(directory, UNKNOWN_AIRCRAFT, None)?,
        })
    }

    /// Prints rows as the job's sinks do.
    pub fn of(rotations: &[Rotation], totals: &[Total], unknown_aircraft: &[Flight]) -> Self {
        Output {
            rotations: lines(rotations, &rotation_lines()),
            totals: lines(totals, &total_cells()),
            unknown_aircraft: lines(unknown_aircraft, &flight_lines()),
        }
    }
}

fn lines<T>(records: &[T], format: &impl TextFormat<T>) -> Vec<String> {
    let line = |record| {
        let mut line = String::new();
        format.line(record, &mut line);
        line
    };
    let mut lines: Vec<String> = records.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

/// Prints rotations; times as `cat` prints them.
pub(crate) fn rotation_lines() -> JsonLines<fn(&Rotation) -> Json> {
    JsonLines::new(|rotation: &Rotation| {
        json!({
            "tailnum": rotation.tailnum,
            "first_departure": time(rotation.first_departure_ms),
            "last_departure": time(rotation.last_departure_ms),
            "flights": rotation.flights,
            "legs": rotation.legs,
            "minutes_delayed": rotation.minutes_delayed,
            "airport": rotation.airport,
        })
    })
}

/// Prints totals.
pub(crate) fn total_cells() -> Csv<fn(&Total) -> Vec<String>> {
    Csv::new(["carrier", "month", "flights", "cancelled", "minutes_delayed"], |total: &Total| {
        vec![
            total.carrier.clone(),
            total.month.to_string(),
            total.flights.to_string(),
            total.cancelled.to_string(),
            total.minutes_delayed.to_string(),
        ]
    })
}

/// Prints flights of unknown aircraft.
pub(crate) fn flight_lines() -> JsonLines<fn(&Flight) -> Json> {
    JsonLines::new(|flight: &Flight| {
        json!({
            "departure": time(flight.event_time_ms),
            "carrier": flight.carrier,
            "flight": flight.flight,
            "origin": flight.origin,
            "dest": flight.dest,
        })
    })
}

fn time(ms: i64) -> Json {
    json::to_json(&Timestamp(ms).to_value(), &Timestamp::logical_type())
}
