//! The value state of an aircraft, in the versions of the job.

use alluvium::State;
use alluvium::model::typed::{StateType, Timestamp};

/// What the job knows of an aircraft over all its flights so far.
pub(crate) trait Position: StateType + Default {
    /// Whether this version of the job also has the state `longest-delay`.
    const HAS_LONGEST_DELAY: bool = false;

    /// Counts a flight, and its arrival if it has one.
    fn depart(&mut self, minutes_delayed: i64, arrival: Option<(&str, i64)>);

    /// Returns the airport of the last arrival.
    fn airport(&self) -> Option<&str>;
}

/// The position as the job has it.
#[derive(Debug, Clone, PartialEq, Default, State)]
pub(crate) struct PlainPosition {
    airport: Option<String>,
    last_arrival: Option<Timestamp>,
    flights: i64,
    minutes_delayed: i64,
}

/// The position with one more field: flights without an arrival since this version has run.
#[derive(Debug, Clone, PartialEq, Default, State)]
pub(crate) struct CompatiblePosition {
    airport: Option<String>,
    last_arrival: Option<Timestamp>,
    flights: i64,
    minutes_delayed: i64,
    flights_without_arrival: Option<i64>,
}

/// The position with a narrower field, which loses information.
#[derive(Debug, Clone, PartialEq, Default, State)]
pub(crate) struct NarrowPosition {
    airport: Option<String>,
    last_arrival: Option<Timestamp>,
    flights: i16,
    minutes_delayed: i64,
}

macro_rules! common {
    () => {
        fn airport(&self) -> Option<&str> {
            self.airport.as_deref()
        }
    };
}

impl Position for PlainPosition {
    common!();

    fn depart(&mut self, minutes_delayed: i64, arrival: Option<(&str, i64)>) {
        self.flights += 1;
        self.minutes_delayed += minutes_delayed;
        arrive(&mut self.airport, &mut self.last_arrival, arrival);
    }
}

impl Position for CompatiblePosition {
    const HAS_LONGEST_DELAY: bool = true;

    common!();

    fn depart(&mut self, minutes_delayed: i64, arrival: Option<(&str, i64)>) {
        self.flights += 1;
        self.minutes_delayed += minutes_delayed;
        if arrival.is_none() {
            *self.flights_without_arrival.get_or_insert(0) += 1;
        }
        arrive(&mut self.airport, &mut self.last_arrival, arrival);
    }
}

impl Position for NarrowPosition {
    common!();

    fn depart(&mut self, minutes_delayed: i64, arrival: Option<(&str, i64)>) {
        self.flights = self.flights.saturating_add(1);
        self.minutes_delayed += minutes_delayed;
        arrive(&mut self.airport, &mut self.last_arrival, arrival);
    }
}

/// A flight without an arrival leaves the aircraft where it was.
fn arrive(airport: &mut Option<String>, last_arrival: &mut Option<Timestamp>, arrival: Option<(&str, i64)>) {
    if let Some((dest, at_ms)) = arrival {
        *airport = Some(dest.to_owned());
        *last_arrival = Some(Timestamp(at_ms));
    }
}
