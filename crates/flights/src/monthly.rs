use alluvium::State;
use alluvium::dataflow::{Declare, KeyedContext, KeyedProcess, MAX_TIME, OperatorResult, Timer};
use alluvium::state::{ReducingState, Timers, ValueState};

use crate::flight::Flight;
use crate::options::Variant;
use crate::output::Total;

/// Key of a total.
#[derive(Debug, Clone, PartialEq, Eq, Hash, State)]
#[state(key)]
pub(crate) struct CarrierMonth {
    pub(crate) carrier: String,
    pub(crate) month: i32,
}

/// Sums of a carrier's month so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, State)]
struct Sums {
    flights: i64,
    cancelled: i64,
    minutes_delayed: i64,
}

impl Sums {
    fn of(flight: &Flight) -> Self {
        Sums { flights: 1, cancelled: i64::from(flight.cancelled), minutes_delayed: flight.minutes_delayed() }
    }

    fn add(&self, other: &Sums) -> Sums {
        Sums {
            flights: self.flights + other.flights,
            cancelled: self.cancelled + other.cancelled,
            minutes_delayed: self.minutes_delayed + other.minutes_delayed,
        }
    }
}

/// Sums the flights of a carrier's month and gives the total out once, at the end of the input.
pub(crate) struct SumMonth {
    sums: SumsState,
    timers: Timers,
}

/// The state `totals`, whose kind one version of the job has changed.
enum SumsState {
    Reducing(ReducingState<Sums>),
    Value(ValueState<Sums>),
}

type Context<'a> = KeyedContext<'a, CarrierMonth, Total>;

impl SumMonth {
    pub(crate) fn declare(states: &mut Declare<CarrierMonth>, variant: Variant) -> Self {
        let sums = match variant {
            Variant::Plain | Variant::Compatible => SumsState::Reducing(states.reducing("totals", Sums::add)),
            Variant::Incompatible => SumsState::Value(states.value("totals")),
        };
        SumMonth { sums, timers: states.timers() }
    }

    fn get(&self, ctx: &mut Context<'_>) -> Option<Sums> {
        match &self.sums {
            SumsState::Reducing(state) => state.get(ctx),
            SumsState::Value(state) => state.get(ctx),
        }
    }

    fn add(&self, sums: Sums, ctx: &mut Context<'_>) {
        match &self.sums {
            SumsState::Reducing(state) => state.add(ctx, sums),
            SumsState::Value(state) => {
                let so_far = state.get(ctx);
                state.set(ctx, so_far.map_or(sums, |so_far| so_far.add(&sums)));
            }
        }
    }
}

impl KeyedProcess for SumMonth {
    type Key = CarrierMonth;
    type In = Flight;
    type Out = Total;

    fn process(&mut self, flight: Flight, ctx: &mut Context<'_>) -> OperatorResult {
        // The watermark reaches the end of time once nothing more will come.
        self.timers.register_event(ctx, MAX_TIME);
        self.add(Sums::of(&flight), ctx);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, ctx: &mut Context<'_>) -> OperatorResult {
        if let Some(sums) = self.get(ctx) {
            let key = ctx.key().clone();
            ctx.emit(Total {
                carrier: key.carrier,
                month: key.month,
                flights: sums.flights,
                cancelled: sums.cancelled,
                minutes_delayed: sums.minutes_delayed,
            });
        }
        Ok(())
    }
}
