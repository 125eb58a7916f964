use alluvium::State;
use alluvium::dataflow::{Declare, KeyedContext, KeyedProcess, OperatorResult, Timer};
use alluvium::model::typed::Timestamp;
use alluvium::state::{ListState, MapState, StateOptions, Timers, ValueState};

use crate::flight::{MINUTE_MS, TrackedFlight, minutes_delayed};
use crate::output::Rotation;
use crate::variant::Position;

/// Time after its last departure at which a rotation closes.
pub(crate) const ROTATION_GAP_MS: i64 = 12 * 60 * MINUTE_MS;
/// Most rotations in the list.
const ROTATIONS_KEPT: usize = 10;
/// Time to live of the list, in processing time.
const ROTATIONS_TTL_MS: u64 = 24 * 60 * 60 * 1000;

/// Follows an aircraft through its flights.
///
/// Flights come in any order above the watermark. They are buffered until the watermark has
/// passed them and then applied in the order of (event time, carrier, flight), so that results
/// do not depend on how the source interleaves. At equal time the rotation closes before the
/// flight is applied.
pub(crate) struct FollowAircraft<P> {
    position: ValueState<P>,
    visits: MapState<String, i64>,
    rotations: ListState<PastRotation>,
    open: ValueState<OpenRotation>,
    buffered: MapState<FlightKey, BufferedFlight>,
    longest_delay: Option<ValueState<i64>>,
    timers: Timers,
}

/// The place of a flight in the order of its aircraft's flights.
#[derive(Debug, Clone, PartialEq, Eq, Hash, State)]
#[state(key)]
struct FlightKey {
    event_time: Timestamp,
    carrier: String,
    flight: i64,
}

/// What of a flight is needed when it is applied.
#[derive(Debug, Clone, PartialEq, State)]
struct BufferedFlight {
    origin: String,
    dest: String,
    dep_delay: Option<f64>,
    air_time: Option<f64>,
}

/// A rotation that may go on.
#[derive(Debug, Clone, PartialEq, State)]
struct OpenRotation {
    first_departure: Timestamp,
    last_departure: Timestamp,
    flights: i64,
    legs: i64,
    minutes_delayed: i64,
}

/// A rotation that has closed.
#[derive(Debug, Clone, PartialEq, State)]
struct PastRotation {
    first_departure: Timestamp,
    last_departure: Timestamp,
    flights: i64,
    legs: i64,
    minutes_delayed: i64,
    airport: Option<String>,
}

type Context<'a> = KeyedContext<'a, String, Rotation>;

impl<P: Position> FollowAircraft<P> {
    pub(crate) fn declare(states: &mut Declare<String>) -> Self {
        FollowAircraft {
            position: states.value("position"),
            visits: states.map("visits"),
            rotations: states.list_with("rotations", StateOptions::ttl_ms(ROTATIONS_TTL_MS)),
            open: states.value("open-rotation"),
            buffered: states.map("buffered"),
            longest_delay: P::HAS_LONGEST_DELAY.then(|| states.value("longest-delay")),
            timers: states.timers(),
        }
    }

    /// Applies the buffered flights up to a time, in their order.
    fn apply_until(&self, until_ms: i64, ctx: &mut Context<'_>) {
        while let Some((key, flight)) = self.buffered.first(ctx) {
            if key.event_time.0 > until_ms {
                break;
            }
            self.buffered.remove(ctx, &key);
            self.close_until(key.event_time.0, ctx);
            self.apply(key.event_time, &flight, ctx);
        }
    }

    fn apply(&self, departure: Timestamp, flight: &BufferedFlight, ctx: &mut Context<'_>) {
        let delayed = minutes_delayed(flight.dep_delay);
        let arrival = arrival_ms(departure.0, flight);
        self.position.modify(ctx, P::default, |position| {
            position.depart(delayed, arrival.map(|at_ms| (flight.dest.as_str(), at_ms)));
        });
        if arrival.is_some() {
            self.visits.modify(ctx, flight.dest.clone(), || 0, |visits| *visits += 1);
        }
        if let Some(longest) = &self.longest_delay {
            longest.modify(ctx, || 0, |longest| *longest = delayed.max(*longest));
        }
        let start = || OpenRotation {
            first_departure: departure,
            last_departure: departure,
            flights: 0,
            legs: 0,
            minutes_delayed: 0,
        };
        self.open.modify(ctx, start, |rotation| {
            rotation.last_departure = departure;
            rotation.flights += 1;
            rotation.legs += i64::from(arrival.is_some());
            rotation.minutes_delayed += delayed;
        });
        self.timers.register_event(ctx, departure.0 + ROTATION_GAP_MS);
    }

    /// Closes the open rotation if 12 hours have passed at a time. A timer of an earlier departure
    /// than the last finds it open still.
    fn close_until(&self, at_ms: i64, ctx: &mut Context<'_>) {
        let Some(open) = self.open.get(ctx) else { return };
        let closes_ms = open.last_departure.0 + ROTATION_GAP_MS;
        if closes_ms > at_ms {
            return;
        }
        self.open.clear(ctx);
        let airport = self.position.get(ctx).and_then(|position| position.airport().map(str::to_owned));
        let rotation = Rotation {
            tailnum: ctx.key().clone(),
            first_departure_ms: open.first_departure.0,
            last_departure_ms: open.last_departure.0,
            flights: open.flights,
            legs: open.legs,
            minutes_delayed: open.minutes_delayed,
            airport: airport.clone(),
        };
        self.remember(open, airport, ctx);
        ctx.emit_at(rotation, closes_ms);
    }

    fn remember(&self, open: OpenRotation, airport: Option<String>, ctx: &mut Context<'_>) {
        let past = PastRotation {
            first_departure: open.first_departure,
            last_departure: open.last_departure,
            flights: open.flights,
            legs: open.legs,
            minutes_delayed: open.minutes_delayed,
            airport,
        };
        let mut kept = self.rotations.get(ctx);
        if kept.len() < ROTATIONS_KEPT {
            return self.rotations.add(ctx, past);
        }
        kept.push(past);
        let older = kept.len() - ROTATIONS_KEPT;
        self.rotations.update(ctx, kept.drain(older..));
    }
}

impl<P: Position> KeyedProcess for FollowAircraft<P> {
    type Key = String;
    type In = TrackedFlight;
    type Out = Rotation;

    fn process(&mut self, tracked: TrackedFlight, ctx: &mut Context<'_>) -> OperatorResult {
        let flight = tracked.flight;
        let event_time_ms = flight.event_time_ms;
        let key = FlightKey {
            event_time: Timestamp(event_time_ms),
            carrier: flight.carrier,
            flight: flight.flight,
        };
        let buffered = BufferedFlight {
            origin: flight.origin,
            dest: flight.dest,
            dep_delay: flight.dep_delay,
            air_time: flight.air_time,
        };
        self.buffered.put(ctx, key, buffered);
        // At the timer's time the watermark has passed every flight that goes before.
        self.timers.register_event(ctx, event_time_ms);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) -> OperatorResult {
        self.close_until(timer.timestamp, ctx);
        self.apply_until(timer.timestamp, ctx);
        Ok(())
    }
}

/// Returns when a flight arrives; none where its time in the air is not known.
fn arrival_ms(departure_ms: i64, flight: &BufferedFlight) -> Option<i64> {
    let minutes = flight.dep_delay? + flight.air_time?;
    Some(departure_ms + minutes as i64 * MINUTE_MS)
}
