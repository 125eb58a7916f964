//! Typed tokens through which operators reach their state.
//!
//! A handle is a slot number and a type; it is `Copy` and holds no state. Every verb takes the
//! host, which knows the current key. On the native host a verb costs one downcast and one virtual
//! call besides the look-up itself; on any other it becomes a [`crate::Request`].

mod folding;
mod list;
mod map;
mod timers;
mod value;

use alluvium_model::Value;
use alluvium_model::typed::StateType;

pub use folding::{Aggregate, AggregatingState, ReducingState};
pub use list::ListState;
pub use map::MapState;
pub use timers::Timers;
pub use value::ValueState;

use crate::{Reply, Request, StateHost};

/// Implements what every handle has without asking that its type parameters have it.
macro_rules! token {
    ($name:ident<$($param:ident),+>) => {
        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($param),+> Copy for $name<$($param),+> {}

        impl<$($param),+> std::fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.slot)
            }
        }
    };
}
pub(crate) use token;

/// Reads a value that a remote host gave; a wrong type is the host's mistake.
fn typed<T: StateType>(value: &Value) -> T {
    T::from_value(value).expect("a host answers with values of the declared type")
}

fn get(host: &mut dyn StateHost, slot: usize, entry: Option<Value>) -> Option<Value> {
    match host.exchange(slot, Request::Get { entry }) {
        Reply::Value(value) => value,
        _ => None,
    }
}

fn scan(host: &mut dyn StateHost, slot: usize) -> Vec<(Value, Value)> {
    match host.exchange(slot, Request::Scan) {
        Reply::Entries(entries) => entries,
        _ => Vec::new(),
    }
}
