//! What operators see of the place that keeps their state.

use std::any::Any;

use alluvium_model::{TimeDomain, Value};

/// The keeper of an operator's keyed state, at one current key.
///
/// Object safe, so that a remote host can serve the same operators. The native host answers
/// [`StateHost::native`] and is used typed and without encoding; any other host returns `None`
/// there and answers [`StateHost::exchange`].
pub trait StateHost {
    /// Returns typed access to a slot at the current key, if this host keeps state in memory.
    fn native(&mut self, slot: usize) -> Option<Native<'_>>;

    /// Answers a request about a slot at the current key.
    ///
    /// A host that fails to answer remembers the failure, gives [`Reply::Done`], and fails
    /// the task at the end of the batch.
    fn exchange(&mut self, slot: usize, request: Request) -> Reply;

    /// Returns the processing time of this batch in milliseconds.
    fn now_ms(&self) -> i64;

    /// Returns the current key, of the key type declared.
    ///
    /// # Panics
    /// May panic before any key was set.
    fn current_key(&self) -> &dyn Any;
}

/// Typed access to a slot of a host in memory.
pub struct Native<'a> {
    pub(crate) table: &'a mut dyn Any,
    pub(crate) at: At<'a>,
}

/// The current key and time.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    /// A `Current<K>`.
    pub(crate) key: &'a dyn Any,
    pub(crate) now_ms: i64,
}

/// A question or an order about a state at the current key; `entry` is the map key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Asks for the value; of a map for that of an entry. Answered by [`Reply::Value`].
    Get {
        /// Key of a map entry, otherwise none.
        entry: Option<Value>,
    },
    /// Sets the value, or that of a map entry.
    Put {
        /// Key of a map entry, otherwise none.
        entry: Option<Value>,
        /// The value.
        value: Value,
    },
    /// Appends an element to a list.
    Append {
        /// The element.
        value: Value,
    },
    /// Removes the value, or a map entry.
    Delete {
        /// Key of a map entry, otherwise none.
        entry: Option<Value>,
    },
    /// Removes everything.
    Clear,
    /// Asks for all elements or entries in order. Answered by [`Reply::Entries`].
    Scan,
    /// Registers a timer; nothing happens if it is registered already.
    RegisterTimer {
        /// Its time domain.
        domain: TimeDomain,
        /// When it is due, in milliseconds.
        timestamp: i64,
    },
    /// Deletes a timer; nothing happens if there is none.
    DeleteTimer {
        /// Its time domain.
        domain: TimeDomain,
        /// When it would be due, in milliseconds.
        timestamp: i64,
    },
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The order was carried out.
    Done,
    /// The value, if there is one.
    Value(Option<Value>),
    /// Elements of a list in order, with a null key, or entries of a map in canonical order of their keys.
    Entries(Vec<(Value, Value)>),
}
