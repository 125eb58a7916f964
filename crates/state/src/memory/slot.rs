//! One state of a backend, whatever its kind and types.

use std::any::Any;
use std::sync::Arc;

use alluvium_model::{RowBatch, StateSchema};
use foldhash::fast::FixedState;

use super::layers::Current;
use crate::host::At;
use crate::{BackendOptions, Error, FrozenId, FrozenTable, Garbage, Reply, Request, Result};

/// What a slot is made of.
pub(crate) struct SlotOptions {
    pub(crate) slot: usize,
    pub(crate) schema: Arc<StateSchema>,
    pub(crate) backend: BackendOptions,
}

impl SlotOptions {
    /// Returns the hasher that all slots of the backend share.
    pub(super) fn hasher(&self) -> FixedState {
        FixedState::with_seed(self.backend.hash_seed)
    }

    /// Returns the time to live; without meaning where there is none.
    pub(super) fn ttl_ms(&self) -> u64 {
        self.schema.ttl_ms.unwrap_or_default()
    }

    /// Checks that restored rows are of this state's kind and have no operations or opaque keys.
    pub(super) fn check(&self, rows: &RowBatch) -> Result<()> {
        let odd = |found: String| Err(Error::Rows { state: self.schema.name.clone(), found });
        if rows.schema().kind != self.schema.kind {
            return odd(format!("rows of kind {}", rows.schema().kind.name()));
        }
        if rows.schema().namespace != self.schema.namespace {
            return odd("rows of another namespace".into());
        }
        if rows.has_ops() {
            return odd("rows with operations".into());
        }
        Ok(())
    }
}

/// One state of a backend.
pub(crate) trait Slot: Send {
    /// Returns the holder that [`access`] opens.
    fn native(&mut self) -> &mut dyn Any;

    /// Answers a request without types.
    fn exchange(&mut self, at: At<'_>, request: Request) -> Result<Reply>;

    /// Freezes the active layer, if anything was written.
    fn freeze(&mut self, id: FrozenId) -> Option<Arc<dyn FrozenTable>>;

    /// Moves entries of a durable layer to the base; returns whether all are moved.
    fn absorb(&mut self, id: FrozenId, budget: &mut usize) -> bool;

    /// Gives up what is to be dropped away from the task.
    fn take_garbage(&mut self, into: &mut Garbage);

    /// Takes restored rows.
    fn restore(&mut self, rows: RowBatch) -> Result<()>;

    /// Makes restored rows readable.
    fn finish_restore(&mut self) -> Result<()>;
}

/// Holds a state's table behind the interface of its kind, so that a handle, which does not know the
/// key type, can open it.
pub(super) struct Holder<A: ?Sized>(pub(super) Box<A>);

/// Opens the table of a slot.
///
/// # Panics
/// When the handle is of another state's type: it was not given by the declarations of this backend.
#[inline]
pub(crate) fn access<A: ?Sized + 'static>(table: &mut dyn Any) -> &mut A {
    let holder: &mut Holder<A> =
        table.downcast_mut().expect("a handle is used with the backend of its declarations");
    &mut holder.0
}

/// Returns the current key.
#[inline]
pub(super) fn current<K: 'static>(at: At<'_>) -> &Current<K> {
    at.key.downcast_ref().expect("all slots of a backend have its key type")
}

/// Implements [`Slot`] for the holder of an access trait by way of its table.
macro_rules! hold {
    ($access:ident $(<$($param:ident: $bound:ident),+>)?) => {
        impl $(<$($param: $bound),+>)? crate::memory::slot::Slot
            for crate::memory::slot::Holder<dyn $access $(<$($param),+>)?>
        {
            fn native(&mut self) -> &mut dyn std::any::Any {
                self
            }

            fn exchange(
                &mut self,
                at: crate::host::At<'_>,
                request: crate::Request,
            ) -> crate::Result<crate::Reply> {
                self.0.exchange(at, request)
            }

            fn freeze(&mut self, id: crate::FrozenId) -> Option<std::sync::Arc<dyn crate::FrozenTable>> {
                self.0.freeze(id)
            }

            fn absorb(&mut self, id: crate::FrozenId, budget: &mut usize) -> bool {
                self.0.absorb(id, budget)
            }

            fn take_garbage(&mut self, into: &mut crate::Garbage) {
                self.0.take_garbage(into);
            }

            fn restore(&mut self, rows: alluvium_model::RowBatch) -> crate::Result<()> {
                self.0.restore(rows)
            }

            fn finish_restore(&mut self) -> crate::Result<()> {
                self.0.finish_restore()
            }
        }
    };
}
pub(super) use hold;

/// What every table does, behind the access trait of its kind.
pub(crate) trait Table: Send {
    fn exchange(&mut self, at: At<'_>, request: Request) -> Result<Reply>;
    fn freeze(&mut self, id: FrozenId) -> Option<Arc<dyn FrozenTable>>;
    fn absorb(&mut self, id: FrozenId, budget: &mut usize) -> bool;
    fn take_garbage(&mut self, into: &mut Garbage);
    fn restore(&mut self, rows: RowBatch) -> Result<()>;
    fn finish_restore(&mut self) -> Result<()>;
}

/// A request that does not fit the kind of state.
pub(super) fn unfit(schema: &StateSchema) -> Error {
    Error::Rows { state: schema.name.clone(), found: "a request of another kind of state".into() }
}
