//! The example job: every departure from New York City in 2013, followed aircraft by aircraft.
//!
//! ```text
//! flights ─┬─ with a tailnum ── key by tailnum ── aircraft ── rotations-*.jsonl
//!          │  └─ without ────────────────────────────────── unknown-aircraft-*.jsonl
//!          └─ key by (carrier, month) ── monthly-totals ─── totals-*.csv
//! ```
//!
//! | uid | what | states |
//! |---|---|---|
//! | `flights` | source: the Parquet file, 8 splits | `source-positions` |
//! | `aircraft` | follows an aircraft | `position`, `visits`, `rotations`, `open-rotation`, `buffered`, event-time timers |
//! | `monthly-totals` | sums per carrier and month | `totals`, event-time timer |
//! | `rotations-sink`, `totals-sink`, `unknown-aircraft-sink` | files, exactly once | `pending-transactions` |
//!
//! # What the output is
//!
//! *Event time* is `time_hour` plus `minute` minutes: the scheduled departure, in UTC. Flights of
//! an aircraft are ordered by (event time, carrier, flight), which no two flights share.
//!
//! A **rotation** is a longest run of an aircraft's flights in that order in which each is
//! scheduled less than 12 hours after the one before; it closes when 12 hours have passed, so a
//! flight exactly 12 hours later begins the next. [`Rotation`] has
//!
//! | field | of the rotation |
//! |---|---|
//! | `tailnum` | the aircraft |
//! | `first_departure`, `last_departure` | event time of its first and last flight |
//! | `flights` | number of flights, cancelled ones too |
//! | `legs` | number of flights with an `air_time` |
//! | `minutes_delayed` | sum of max(`dep_delay`, 0); a null counts 0 |
//! | `airport` | where the aircraft then is: `dest` of its last flight with an `air_time`, of this rotation or an earlier one; null before the first |
//!
//! A **total** ([`Total`]) is per `carrier` and `month` (the file's columns), over all rows: number of
//! `flights`, number `cancelled` (no `dep_time`), and `minutes_delayed` as above. Totals are given
//! out once, at the end of the input.
//!
//! In the state `position` of an aircraft are its `airport` as above, its `last_arrival` (event time plus
//! `dep_delay` plus `air_time` minutes of the last flight with an `air_time`), and its `flights` and
//! `minutes_delayed` over all flights so far. `visits` counts, per airport, flights to it with an `air_time`.
//! The list `rotations` has the last 10 rotations.
//!
//! The same in SQL, for the rotations:
//!
//! ```sql
//! WITH f AS (SELECT tailnum, carrier, flight, dest, dep_delay, air_time,
//!                   time_hour + to_minutes(minute) AS t FROM 'flights.parquet' WHERE tailnum IS NOT NULL),
//!      g AS (SELECT *, t - lag(t) OVER w >= INTERVAL 12 HOURS AS starts,
//!                   last_value(CASE WHEN air_time IS NOT NULL THEN dest END IGNORE NULLS) OVER w AS airport
//!            FROM f WINDOW w AS (PARTITION BY tailnum ORDER BY t, carrier, flight)),
//!      n AS (SELECT *, count(*) FILTER (starts) OVER (PARTITION BY tailnum ORDER BY t, carrier, flight) AS nth FROM g)
//! SELECT tailnum, min(t) AS first_departure, max(t) AS last_departure, count(*) AS flights,
//!        count(air_time) AS legs, sum(greatest(coalesce(dep_delay, 0), 0))::BIGINT AS minutes_delayed,
//!        arg_max(airport, (t, carrier, flight)) AS airport
//! FROM n GROUP BY tailnum, nth ORDER BY tailnum, first_departure;
//! ```
#![deny(missing_docs)]

mod aircraft;
mod flight;
mod monthly;
mod options;
mod output;
mod reference;
mod variant;

use std::sync::Arc;

use alluvium::JobArgs;
use alluvium::connectors::{FileSink, TextFormat};
use alluvium::dataflow::{
    Data, DeclareProcess, Job, JobBuilder, OperatorResult, OutputTag, Process, ProcessContext, SubtaskInfo,
};

pub use flight::{Flight, read_flights, source};
pub use options::{Options, Variant, default_data};
pub use output::{Output, Rotation, Total};
pub use reference::reference;

use aircraft::FollowAircraft;
use flight::TrackedFlight;
use monthly::{CarrierMonth, SumMonth};
use variant::{CompatiblePosition, NarrowPosition, PlainPosition};

/// Uid of the source.
pub const SOURCE: &str = "flights";
/// Uid of the operator that follows aircraft.
pub const AIRCRAFT: &str = "aircraft";
/// Uid of the operator that sums per carrier and month.
pub const MONTHLY_TOTALS: &str = "monthly-totals";

/// What keeps the job from being described.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Makes the job of its arguments: `--data PATH`, `--out DIR`, `--rate N`, `--variant NAME`.
///
/// # Errors
/// What is wrong with the arguments.
pub fn job(args: JobArgs) -> Result<Job, Error> {
    job_of(&Options::from_args(&args)?)
}

/// Makes the job of its options. Nothing is read or written.
///
/// # Errors
/// What is wrong with the job; there is no such option.
pub fn job_of(options: &Options) -> Result<Job, Error> {
    let builder = JobBuilder::new("flights");
    let flights = builder
        .source(source(&options.data))
        .uid(SOURCE)
        .name("departures from New York City")
        .rate(options.rate);

    let known = flights.process(SplitByTailnum::declare).name("has a tailnum");
    known
        .side_output(&without_tailnum())
        .sink(sink(options, output::UNKNOWN_AIRCRAFT, output::flight_lines))
        .uid("unknown-aircraft-sink")
        .name("flights without a tailnum");

    let by_tailnum = known.key_by(|tracked| tracked.tailnum.clone());
    let rotations = match options.variant {
        Variant::Plain => by_tailnum.process(FollowAircraft::<PlainPosition>::declare),
        Variant::Compatible => by_tailnum.process(FollowAircraft::<CompatiblePosition>::declare),
        Variant::Incompatible => by_tailnum.process(FollowAircraft::<NarrowPosition>::declare),
    };
    rotations
        .uid(AIRCRAFT)
        .name("follow every aircraft")
        .sink(sink(options, output::ROTATIONS, output::rotation_lines))
        .uid("rotations-sink")
        .name("rotations");

    let variant = options.variant;
    flights
        .key_by(|flight: &Flight| CarrierMonth { carrier: flight.carrier.clone(), month: flight.month })
        .process(move |states| SumMonth::declare(states, variant))
        .uid(MONTHLY_TOTALS)
        .name("totals per carrier and month")
        .sink(sink(options, output::TOTALS, output::total_cells))
        .uid("totals-sink")
        .name("monthly totals");
    Ok(builder.build()?)
}

/// Returns the factory of a sink into the job's directory.
fn sink<T: Data, F: TextFormat<T>>(
    options: &Options,
    prefix: &'static str,
    format: fn() -> F,
) -> impl Fn(&SubtaskInfo) -> OperatorResult<FileSink<T, F>> + Send + Sync + 'static {
    let directory = Arc::new(options.out.clone());
    move |info| FileSink::new(directory.as_path(), prefix, format(), info)
}

/// Flights without a tailnum.
fn without_tailnum() -> OutputTag<Flight> {
    OutputTag::new("without-tailnum")
}

/// Passes flights with a tailnum on and writes the others to the side output.
struct SplitByTailnum {
    without_tailnum: OutputTag<Flight>,
}

impl SplitByTailnum {
    fn declare(declare: &mut DeclareProcess) -> Self {
        let without_tailnum = without_tailnum();
        declare.side_output(&without_tailnum);
        SplitByTailnum { without_tailnum }
    }
}

impl Process for SplitByTailnum {
    type In = Flight;
    type Out = TrackedFlight;

    fn process(&mut self, flight: Flight, ctx: &mut ProcessContext<'_, TrackedFlight>) -> OperatorResult {
        match flight.tailnum.clone() {
            Some(tailnum) => ctx.emit(TrackedFlight { tailnum, flight }),
            None => ctx.side_output(&self.without_tailnum, flight),
        }
        Ok(())
    }
}
