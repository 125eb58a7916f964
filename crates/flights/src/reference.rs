use std::collections::BTreeMap;

use crate::flight::Flight;
use crate::output::{Rotation, Total};

/// Recomputes what the job puts out, from all flights at once and in any order, without a line of
/// the operators: sorted by tailnum and time, and by carrier and month.
///
/// Takes memory for all flights. It is an oracle for tests, not a way to run the job.
pub fn reference(flights: &[Flight]) -> (Vec<Rotation>, Vec<Total>) {
    (rotations(flights), totals(flights))
}

fn rotations(flights: &[Flight]) -> Vec<Rotation> {
    let mut tracked: Vec<(&str, &Flight)> =
        flights.iter().filter_map(|f| f.tailnum.as_deref().map(|tailnum| (tailnum, f))).collect();
    tracked.sort_by(|(a, f), (b, g)| {
        (a, f.event_time_ms, &f.carrier, f.flight).cmp(&(b, g.event_time_ms, &g.carrier, g.flight))
    });
    let mut rotations = Vec::new();
    for of_aircraft in tracked.chunk_by(|(a, _), (b, _)| a == b) {
        let mut airport = None;
        let half_day_ms = 43_200_000;
        for run in of_aircraft.chunk_by(|(_, f), (_, g)| g.event_time_ms - f.event_time_ms < half_day_ms) {
            let flown = run.iter().filter(|(_, f)| f.air_time.is_some());
            airport = flown.clone().next_back().map(|(_, f)| f.dest.clone()).or(airport);
            rotations.push(Rotation {
                tailnum: run[0].0.to_owned(),
                first_departure_ms: run[0].1.event_time_ms,
                last_departure_ms: run[run.len() - 1].1.event_time_ms,
                flights: run.len() as i64,
                legs: flown.count() as i64,
                minutes_delayed: run.iter().map(|(_, f)| late(f)).sum::<f64>() as i64,
                airport: airport.clone(),
            });
        }
    }
    rotations
}

fn totals(flights: &[Flight]) -> Vec<Total> {
    let mut groups: BTreeMap<(&str, i32), Vec<&Flight>> = BTreeMap::new();
    for flight in flights {
        groups.entry((&flight.carrier, flight.month)).or_default().push(flight);
    }
    let total = |((carrier, month), flights): ((&str, i32), Vec<&Flight>)| Total {
        carrier: carrier.to_owned(),
        month,
        flights: flights.len() as i64,
        cancelled: flights.iter().filter(|f| f.cancelled).count() as i64,
        minutes_delayed: flights.iter().map(|f| late(f)).sum::<f64>() as i64,
    };
    groups.into_iter().map(total).collect()
}

fn late(flight: &Flight) -> f64 {
    match flight.dep_delay {
        Some(minutes) if minutes > 0.0 => minutes,
        _ => 0.0,
    }
}
