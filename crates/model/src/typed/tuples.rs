//! Tuples of one to six parts.

use std::cmp::Ordering;

use arrow_array::ArrayRef;

use super::support::{StructCells, Validity, finish_struct, parts, tuple_hash, width};
use super::{ColumnBuilder, ColumnReader, StateKey, StateType};
use crate::canonical::PRESENT;
use crate::{LogicalType, Result, Value};

/// Builds a column of tuples from the builders of its parts.
#[derive(Debug)]
pub struct TupleColumn<B> {
    parts: B,
    validity: Validity,
}

/// Reads a column of tuples through the readers of its parts.
#[derive(Debug)]
pub struct TupleCells<R>(R);

macro_rules! tuple {
    ($len:literal: $($part:ident $index:tt $name:literal),+) => {
        impl<$($part: StateType),+> ColumnBuilder<($($part,)+)> for TupleColumn<($($part::Builder,)+)> {
            fn with_capacity(rows: usize) -> Self {
                TupleColumn {
                    parts: ($($part::Builder::with_capacity(rows),)+),
                    validity: Validity::with_capacity(rows),
                }
            }

            fn push(&mut self, value: &($($part,)+)) {
                $(self.parts.$index.push(&value.$index);)+
                self.validity.push(true);
            }

            fn push_null(&mut self) {
                $(self.parts.$index.push_null();)+
                self.validity.push(false);
            }

            fn bytes(&self) -> usize {
                0 $(+ self.parts.$index.bytes())+
            }

            fn finish(&mut self) -> ArrayRef {
                let columns = vec![$(self.parts.$index.finish()),+];
                finish_struct(&<($($part,)+)>::logical_type(), columns, &mut self.validity)
            }
        }

        impl<$($part: StateType),+> ColumnReader<($($part,)+)> for TupleCells<($($part::Reader,)+)> {
            fn open(column: &ArrayRef) -> Result<Self> {
                let cells = StructCells::open(&<($($part,)+)>::logical_type(), column)?;
                Ok(TupleCells(($(cells.field::<$part>($name)?,)+)))
            }

            fn get(&self, row: usize) -> ($($part,)+) {
                ($(self.0.$index.get(row),)+)
            }
        }

        impl<$($part: StateType),+> StateType for ($($part,)+) {
            type Builder = TupleColumn<($($part::Builder,)+)>;
            type Reader = TupleCells<($($part::Reader,)+)>;

            fn logical_type() -> LogicalType {
                LogicalType::Tuple(vec![$($part::element_type()),+])
            }

            fn to_value(&self) -> Value {
                Value::Struct(vec![$(self.$index.to_value()),+])
            }

            fn from_value(value: &Value) -> Result<Self> {
                let parts = parts::<Self>(value, $len)?;
                Ok(($($part::from_value(&parts[$index])?,)+))
            }
        }

        impl<$($part: StateKey),+> StateKey for ($($part,)+) {
            const WIDTH: Option<usize> = width(&[$($part::WIDTH),+]);
            const HAS_JAVA_HASH: bool = true $(&& $part::HAS_JAVA_HASH)+;

            fn canonical(&self, out: &mut Vec<u8>) {
                out.push(PRESENT);
                $(self.$index.canonical(out);)+
            }

            fn canonical_cmp(&self, other: &Self) -> Ordering {
                Ordering::Equal$(.then_with(|| self.$index.canonical_cmp(&other.$index)))+
            }

            fn java_hash(&self) -> i32 {
                tuple_hash(&[$(self.$index.java_hash()),+])
            }
        }
    };
}

tuple!(1: A 0 "f0");
tuple!(2: A 0 "f0", B 1 "f1");
tuple!(3: A 0 "f0", B 1 "f1", C 2 "f2");
tuple!(4: A 0 "f0", B 1 "f1", C 2 "f2", D 3 "f3");
tuple!(5: A 0 "f0", B 1 "f1", C 2 "f2", D 3 "f3", E 4 "f4");
tuple!(6: A 0 "f0", B 1 "f1", C 2 "f2", D 3 "f3", E 4 "f4", F 5 "f5");
