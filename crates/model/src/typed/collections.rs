//! Lists and maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType;

use super::support::{Validity, mismatch, wrong_column};
use super::{ColumnBuilder, ColumnReader, StateKey, StateType};
use crate::column::arrow_type;
use crate::{LogicalType, Result, Value};

/// The lengths of the lists or maps of a column.
#[derive(Debug)]
struct Lengths {
    lengths: Vec<usize>,
    total: usize,
    validity: Validity,
}

impl Lengths {
    fn with_capacity(rows: usize) -> Self {
        Lengths { lengths: Vec::with_capacity(rows), total: 0, validity: Validity::with_capacity(rows) }
    }

    fn push(&mut self, len: Option<usize>) {
        self.lengths.push(len.unwrap_or(0));
        self.total += len.unwrap_or(0);
        self.validity.push(len.is_some());
    }

    fn offsets(&mut self) -> OffsetBuffer<i32> {
        self.total = 0;
        OffsetBuffer::from_lengths(std::mem::take(&mut self.lengths))
    }
}

/// Builds a column of lists.
#[derive(Debug)]
pub struct ListColumn<B> {
    elements: B,
    lengths: Lengths,
}

impl<T: StateType> ColumnBuilder<Vec<T>> for ListColumn<T::Builder> {
    fn with_capacity(rows: usize) -> Self {
        ListColumn { elements: T::Builder::with_capacity(rows), lengths: Lengths::with_capacity(rows) }
    }

    fn push(&mut self, value: &Vec<T>) {
        value.iter().for_each(|element| self.elements.push(element));
        self.lengths.push(Some(value.len()));
    }

    fn push_null(&mut self) {
        self.lengths.push(None);
    }

    fn bytes(&self) -> usize {
        self.lengths.total * size_of::<T>() + self.elements.bytes()
    }

    fn finish(&mut self) -> ArrayRef {
        let DataType::List(field) = arrow_type(&Vec::<T>::logical_type()) else {
            unreachable!("lists are stored as lists")
        };
        let offsets = self.lengths.offsets();
        let list = ListArray::try_new(field, offsets, self.elements.finish(), self.lengths.validity.finish());
        Arc::new(list.expect("lengths and elements were pushed together"))
    }
}

/// Reads a column of lists.
#[derive(Debug)]
pub struct ListCells<R> {
    offsets: OffsetBuffer<i32>,
    elements: R,
}

impl<T: StateType> ColumnReader<Vec<T>> for ListCells<T::Reader> {
    fn open(column: &ArrayRef) -> Result<Self> {
        let list =
            column.as_list_opt::<i32>().ok_or_else(|| wrong_column(&Vec::<T>::logical_type(), column))?;
        Ok(ListCells { offsets: list.offsets().clone(), elements: T::Reader::open(list.values())? })
    }

    fn get(&self, row: usize) -> Vec<T> {
        range(&self.offsets, row).map(|i| self.elements.get(i)).collect()
    }
}

fn range(offsets: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

impl<T: StateType> StateType for Vec<T> {
    type Builder = ListColumn<T::Builder>;
    type Reader = ListCells<T::Reader>;

    fn logical_type() -> LogicalType {
        LogicalType::List(Box::new(T::element_type()))
    }

    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::List(elements) => elements.iter().map(T::from_value).collect(),
            other => Err(mismatch::<Self>(other)),
        }
    }
}

/// Builds a column of maps.
#[derive(Debug)]
pub struct MapColumn<A, B> {
    keys: A,
    values: B,
    lengths: Lengths,
}

impl<K: StateKey + Ord, V: StateType> ColumnBuilder<BTreeMap<K, V>> for MapColumn<K::Builder, V::Builder> {
    fn with_capacity(rows: usize) -> Self {
        MapColumn {
            keys: K::Builder::with_capacity(rows),
            values: V::Builder::with_capacity(rows),
            lengths: Lengths::with_capacity(rows),
        }
    }

    fn push(&mut self, map: &BTreeMap<K, V>) {
        for (key, value) in map {
            self.keys.push(key);
            self.values.push(value);
        }
        self.lengths.push(Some(map.len()));
    }

    fn push_null(&mut self) {
        self.lengths.push(None);
    }

    fn bytes(&self) -> usize {
        self.lengths.total * size_of::<(K, V)>() + self.keys.bytes() + self.values.bytes()
    }

    fn finish(&mut self) -> ArrayRef {
        let DataType::Map(entry, _) = arrow_type(&BTreeMap::<K, V>::logical_type()) else {
            unreachable!("maps are stored as maps")
        };
        let DataType::Struct(fields) = entry.data_type().clone() else {
            unreachable!("entries of maps are structs")
        };
        let offsets = self.lengths.offsets();
        let columns = vec![self.keys.finish(), self.values.finish()];
        let map = StructArray::try_new(fields, columns, None).and_then(|entries| {
            MapArray::try_new(entry, offsets, entries, self.lengths.validity.finish(), false)
        });
        Arc::new(map.expect("lengths, keys and values were pushed together"))
    }
}

/// Reads a column of maps.
#[derive(Debug)]
pub struct MapCells<A, B> {
    offsets: OffsetBuffer<i32>,
    keys: A,
    values: B,
}

impl<K: StateKey + Ord, V: StateType> ColumnReader<BTreeMap<K, V>> for MapCells<K::Reader, V::Reader> {
    fn open(column: &ArrayRef) -> Result<Self> {
        let map =
            column.as_map_opt().ok_or_else(|| wrong_column(&BTreeMap::<K, V>::logical_type(), column))?;
        Ok(MapCells {
            offsets: map.offsets().clone(),
            keys: K::Reader::open(map.keys())?,
            values: V::Reader::open(map.values())?,
        })
    }

    fn get(&self, row: usize) -> BTreeMap<K, V> {
        range(&self.offsets, row).map(|i| (self.keys.get(i), self.values.get(i))).collect()
    }
}

impl<K: StateKey + Ord, V: StateType> StateType for BTreeMap<K, V> {
    type Builder = MapColumn<K::Builder, V::Builder>;
    type Reader = MapCells<K::Reader, V::Reader>;

    fn logical_type() -> LogicalType {
        LogicalType::Map(Box::new(K::logical_type()), Box::new(V::element_type()))
    }

    fn to_value(&self) -> Value {
        Value::Map(self.iter().map(|(key, value)| (key.to_value(), value.to_value())).collect())
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Map(entries) => {
                entries.iter().map(|(key, value)| Ok((K::from_value(key)?, V::from_value(value)?))).collect()
            }
            other => Err(mismatch::<Self>(other)),
        }
    }
}
