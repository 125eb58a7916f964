//! Rust types as state: how keys and values of a job become columns, canonical bytes and back.
//!
//! [`StateType`] is what may be a value, [`StateKey`] what may also be a key. Both are implemented
//! for the primitives, text, [`Bytes`], [`Timestamp`], [`Date`], options, vectors, maps and tuples, and
//! derived for structs and for enums of unit variants by `#[derive(State)]`.
//!
//! | Rust | logical type | key |
//! |---|---|---|
//! | `bool`, `i8` to `i64`, `u8` to `u64` | of the same name | yes |
//! | `f32`, `f64` | `float32`, `float64` | no: NaN is not equal to itself |
//! | `String` | `string` | yes |
//! | [`Bytes`] | `bytes`; a `Vec<u8>` is a list of `uint8` | yes |
//! | [`Timestamp`], [`Date`] | timestamp in milliseconds UTC, date | yes |
//! | `Option<T>` | the type of `T` in a place that may be null | inside a key |
//! | `Vec<T>` | list | yes |
//! | `BTreeMap<K, V>` | map | no |
//! | tuples of 1 to 6 | tuple | yes |
//!
//! ```
//! use alluvium_model::typed;
//!
//! type Pair = (i64, Option<String>);
//! let column = typed::column::<Pair>(&[(1, Some("JFK".into())), (2, None)]);
//! assert_eq!(typed::cells::<Pair>(&column)?, [(1, Some("JFK".into())), (2, None)]);
//! # Ok::<(), alluvium_model::Error>(())
//! ```

mod collections;
mod keys;
mod nested;
mod primitives;
#[doc(hidden)]
pub mod support;
mod text;
mod tuples;

use std::cmp::Ordering;
use std::hash::Hash;

use arrow_array::{Array, ArrayRef};

use crate::key_group::canonical_hash;
use crate::{ElementType, KeyGroup, KeyGroupFunction, LogicalType, MaxParallelism, Result, Value};

pub use primitives::{Date, Timestamp};
pub use text::Bytes;

/// A Rust type that can be the value of a state.
///
/// The logical type depends on the Rust type alone. [`StateType::to_value`] and
/// [`StateType::from_value`] are for edges (remote hosts, tests); rows travel through
/// [`StateType::Builder`] and [`StateType::Reader`].
pub trait StateType: Clone + Send + Sync + Sized + 'static {
    /// Builds columns of this type.
    type Builder: ColumnBuilder<Self>;
    /// Reads columns of this type.
    type Reader: ColumnReader<Self>;

    /// Whether a value may be null where it stands; true for `Option` alone.
    const NULLABLE: bool = false;

    /// Returns the logical type.
    fn logical_type() -> LogicalType;

    /// Returns the logical type with whether null may stand in its place.
    fn element_type() -> ElementType {
        ElementType { ty: Self::logical_type(), nullable: Self::NULLABLE }
    }

    /// Returns this as a single value.
    fn to_value(&self) -> Value;

    /// Reads a single value.
    ///
    /// # Errors
    /// [`crate::Error::Mismatch`] when the value is not of this type.
    fn from_value(value: &Value) -> Result<Self>;
}

/// A Rust type that can be a key, or the key of a map entry.
///
/// `Eq` and `Hash` must agree with canonical bytes: equal exactly when the bytes are equal.
pub trait StateKey: StateType + Eq + Hash {
    /// Number of canonical bytes where every value has as many.
    const WIDTH: Option<usize> = None;

    /// Whether Java has a hash code for keys of this type.
    ///
    /// Spec: KEYGROUP-5.
    const HAS_JAVA_HASH: bool;

    /// Makes a key of its [`StateKey::word`], where that is cheap.
    const OF_WORD: Option<fn(u64) -> Self> = None;

    /// Appends the canonical bytes; for an option with its null marker.
    ///
    /// Spec: CANON-1 to CANON-21.
    fn canonical(&self, out: &mut Vec<u8>);

    /// Compares as the canonical bytes compare.
    fn canonical_cmp(&self, other: &Self) -> Ordering;

    /// Returns the Java hash code; without meaning where [`StateKey::HAS_JAVA_HASH`] is false.
    ///
    /// Spec: KEYGROUP-5.
    fn java_hash(&self) -> i32;

    /// Returns the canonical bytes as a big-endian number where [`StateKey::WIDTH`] is at most 8;
    /// otherwise 0.
    fn word(&self) -> u64 {
        if Self::WIDTH.is_none_or(|width| width > 8) {
            return 0;
        }
        let mut bytes = Vec::with_capacity(8);
        self.canonical(&mut bytes);
        bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

/// Builds a column of one type, value by value.
pub trait ColumnBuilder<T>: Send {
    /// Starts a column with room for so many rows.
    fn with_capacity(rows: usize) -> Self;

    /// Appends a value.
    fn push(&mut self, value: &T);

    /// Appends a null, whatever the type: for rows without a value, such as deletes.
    fn push_null(&mut self);

    /// Returns about how many bytes the values pushed take beside what every value takes.
    fn bytes(&self) -> usize {
        0
    }

    /// Returns the column and starts over.
    fn finish(&mut self) -> ArrayRef;
}

/// Reads a column of one type.
pub trait ColumnReader<T>: Send + Sync + Sized {
    /// Opens a column, checking everything that [`ColumnReader::get`] relies on.
    ///
    /// # Errors
    /// [`crate::Error::Mismatch`] when the column is not of the type's Arrow type, or an enum's
    /// symbol is unknown.
    fn open(column: &ArrayRef) -> Result<Self>;

    /// Returns the value of a row; something arbitrary where a required value is null.
    ///
    /// # Panics
    /// When `row` is not below the length of the column.
    fn get(&self, row: usize) -> T;

    /// Reads the value of a row into an existing one, keeping its memory where possible.
    ///
    /// # Panics
    /// As for [`ColumnReader::get`].
    fn read_into(&self, row: usize, value: &mut T) {
        *value = self.get(row);
    }

    /// Returns whether the value of a row equals another.
    ///
    /// # Panics
    /// As for [`ColumnReader::get`].
    fn matches(&self, row: usize, value: &T) -> bool
    where
        T: PartialEq,
    {
        self.get(row) == *value
    }
}

/// Returns a column of values.
pub fn column<'a, T: StateType>(values: impl IntoIterator<Item = &'a T>) -> ArrayRef {
    let values = values.into_iter();
    let mut column = T::Builder::with_capacity(values.size_hint().0);
    values.for_each(|value| column.push(value));
    column.finish()
}

/// Returns all values of a column.
///
/// # Errors
/// As for [`ColumnReader::open`].
pub fn cells<T: StateType>(column: &ArrayRef) -> Result<Vec<T>> {
    let reader = T::Reader::open(column)?;
    Ok((0..column.len()).map(|row| reader.get(row)).collect())
}

/// Returns the key-group function of new state with keys of this type.
pub fn key_group_function<K: StateKey>() -> KeyGroupFunction {
    KeyGroupFunction::default_for(&K::logical_type())
}

/// Returns the key group of a key under the default function of its type.
///
/// Spec: KEYGROUP-4 to KEYGROUP-6.
#[inline]
pub fn key_group<K: StateKey>(key: &K, max: MaxParallelism) -> KeyGroup {
    let hash = if K::HAS_JAVA_HASH { key.java_hash() as u32 } else { canonical_hash(&canonical_bytes(key)) };
    max.key_group_of_hash(hash)
}

/// Returns the canonical bytes of a key.
pub fn canonical_bytes<K: StateKey>(key: &K) -> Vec<u8> {
    let mut out = Vec::with_capacity(K::WIDTH.unwrap_or(24));
    key.canonical(&mut out);
    out
}

#[cfg(test)]
mod tests;
