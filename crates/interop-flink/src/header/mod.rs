//! Headers of keyed and operator state: which states a file holds and how they are serialized
//! (`KeyedBackendSerializationProxy`, `OperatorBackendSerializationProxy`).
//!
//! [`KeyedHeader::read`] takes versions 1, 3, 4, 5 and 6 (Flink 1.2 to 2.3), [`OperatorHeader::read`]
//! versions 1 to 6. The position of a state in its header is the id by which the data of that file
//! names it; another subtask's file may have another order.

mod keyed;
mod meta_info;
mod operator;
mod reader;

use alluvium_model::{StateKind, TimeDomain};

use crate::serializer::SerializerSnapshot;

pub use keyed::KeyedHeader;
pub use operator::OperatorHeader;

pub(crate) use meta_info::read_change;

/// One state of a header (`StateMetaInfoSnapshot`).
#[derive(Debug, Clone)]
pub struct StateMeta {
    /// Position in the header, by which the data names it.
    pub id: u16,
    /// Name as Flink has it.
    pub name: String,
    /// Kind of state; folding state counts as aggregating, priority queues as timers.
    pub kind: StateKind,
    /// Whether it is of the second state API (`KEY_VALUE_V2`, from 2.0), where the value serializer
    /// of a list is that of its elements and of a map that of its values.
    pub v2: bool,
    /// Serializer of the namespace; keyed state.
    pub namespace: Option<SerializerSnapshot>,
    /// Serializer of the value, of a timer, or of an element of operator state.
    pub value: Option<SerializerSnapshot>,
    /// Serializer of the keys of a map; state of the second API from 2.1.
    pub user_key: Option<SerializerSnapshot>,
    /// Serializer of the keys of broadcast state.
    pub key: Option<SerializerSnapshot>,
}

/// Prefix of the names of event-time timers; the name of the service follows.
pub(crate) const EVENT_TIMERS: &str = "_timer_state/event_";
/// Prefix of the names of processing-time timers; the name of the service follows.
pub(crate) const PROCESSING_TIMERS: &str = "_timer_state/processing_";

impl StateMeta {
    fn new(id: u16, name: String, kind: StateKind) -> Self {
        StateMeta { id, name, kind, v2: false, namespace: None, value: None, user_key: None, key: None }
    }
}

/// Returns the time domain of a priority queue by its name.
pub(crate) fn timer_domain(name: &str) -> TimeDomain {
    if name.starts_with(PROCESSING_TIMERS) { TimeDomain::Processing } else { TimeDomain::Event }
}

#[cfg(test)]
mod tests;
