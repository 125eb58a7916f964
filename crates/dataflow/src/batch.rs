use std::any::Any;

/// What may travel between operators.
pub trait Data: Clone + Send + 'static {}

impl<T: Clone + Send + 'static> Data for T {}

/// Event time of a record that has none, and the watermark before the first record.
pub const MIN_TIME: i64 = i64::MIN;

/// The watermark behind the last record.
pub const MAX_TIME: i64 = i64::MAX;

/// Records with their event times in milliseconds, in the order in which they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<T> {
    records: Vec<T>,
    times: Vec<i64>,
}

impl<T> Batch<T> {
    /// Makes a batch without records.
    pub fn new() -> Self {
        Batch { records: Vec::new(), times: Vec::new() }
    }

    /// Adds a record with its event time; [`MIN_TIME`] if it has none.
    pub fn push(&mut self, record: T, time_ms: i64) {
        self.records.push(record);
        self.times.push(time_ms);
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the records.
    pub fn records(&self) -> &[T] {
        &self.records
    }

    /// Returns the event times, one per record.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Returns records with their event times, by reference.
    pub fn iter(&self) -> impl Iterator<Item = (&T, i64)> {
        self.records.iter().zip(self.times.iter().copied())
    }

    /// Takes the records out, leaving an empty batch.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Batch::new()
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = (T, i64);
    type IntoIter = std::iter::Zip<std::vec::IntoIter<T>, std::vec::IntoIter<i64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.records.into_iter().zip(self.times)
    }
}

impl<T> Extend<(T, i64)> for Batch<T> {
    fn extend<I: IntoIterator<Item = (T, i64)>>(&mut self, records: I) {
        for (record, time) in records {
            self.push(record, time);
        }
    }
}

/// A batch whose record type only its writer and its reader know.
pub struct AnyBatch(Box<dyn Erased>);

trait Erased: Send {
    fn len(&self) -> usize;
    fn copy(&self) -> Box<dyn Erased>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Data> Erased for Batch<T> {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn copy(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl AnyBatch {
    /// Hides the record type.
    pub fn new<T: Data>(batch: Batch<T>) -> Self {
        AnyBatch(Box::new(batch))
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the batch as what it is.
    ///
    /// # Panics
    /// When its records are of another type: the typed streams of the builder rule that out.
    pub fn downcast<T: Data>(self) -> Batch<T> {
        *self.0.into_any().downcast().expect("edges join outputs and inputs of one record type")
    }
}

impl Clone for AnyBatch {
    fn clone(&self) -> Self {
        AnyBatch(self.0.copy())
    }
}

impl std::fmt::Debug for AnyBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AnyBatch({} records)", self.len())
    }
}
