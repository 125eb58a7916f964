use std::marker::PhantomData;

use crate::{AnyBatch, Batch, Data, Host, MAIN, Operator, OperatorResult};

/// Turns each batch into another without state.
pub(crate) struct Stateless<T, U, F> {
    each: F,
    types: PhantomData<fn(T) -> U>,
}

impl<T: Data, U: Data, F: FnMut(Batch<T>) -> Batch<U> + Send> Stateless<T, U, F> {
    pub(crate) fn new(each: F) -> Self {
        Stateless { each, types: PhantomData }
    }
}

impl<T: Data, U: Data, F: FnMut(Batch<T>) -> Batch<U> + Send> Operator for Stateless<T, U, F> {
    fn process_batch(&mut self, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult {
        host.outputs.write(MAIN, (self.each)(batch.downcast()));
        Ok(())
    }
}
