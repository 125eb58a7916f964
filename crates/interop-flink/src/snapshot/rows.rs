//! Rows out of entries.

use alluvium_model::{
    ElementType, KeyGroup, LogicalType, Original, Originals, Role, Row, StateKind, StateSchema, Value,
};

use crate::bytes::Input;
use crate::layout::entry::Entry;
use crate::layout::shape::Shape;
use crate::serializer::{Plan, Serializer};
use crate::{Error, Result};

/// Serializers that give every value exactly one form, so that no column of original bytes is needed.
const EXACT: [&str; 7] = [
    "org.apache.flink.api.common.typeutils.base.LongSerializer",
    "org.apache.flink.api.common.typeutils.base.IntSerializer",
    "org.apache.flink.api.common.typeutils.base.ShortSerializer",
    "org.apache.flink.api.common.typeutils.base.ByteSerializer",
    "org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer",
    "org.apache.flink.streaming.api.windowing.windows.TimeWindow$Serializer",
    "org.apache.flink.table.runtime.operators.window.TimeWindow$Serializer",
];

/// Returns whether some value of a serializer may need its original bytes beside it.
pub(super) fn may_be_odd(serializer: &Serializer) -> bool {
    !EXACT.contains(&serializer.class())
}

/// Makes rows of one state out of the entries of one file.
pub(super) struct RowMaker<'a> {
    schema: &'a StateSchema,
    shape: &'a Shape,
    pub(super) key: Part<'a>,
    pub(super) namespace: Option<Part<'a>>,
    pub(super) map_key: Option<Part<'a>>,
    pub(super) value: Option<Part<'a>>,
}

/// A typed part of a row and what decodes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    role: Role,
    serializer: &'a Serializer,
    /// Whether the serializer's type is that of the column. The files of one state may disagree.
    agrees: bool,
    nullable: bool,
}

impl<'a> Part<'a> {
    /// Pairs a serializer with the column that takes its values.
    pub(super) fn new(role: Role, serializer: &'a Serializer, column: &LogicalType, nullable: bool) -> Self {
        let agrees = same_but_ids(&serializer.element_type().ty, column);
        Part { role, serializer, agrees, nullable }
    }

    /// Compiles the serializer; none if its values are not of the type of the column.
    pub(super) fn plan(&self) -> Option<Plan<'a>> {
        self.agrees.then(|| self.serializer.plan())
    }

    /// Returns whether the column takes nulls.
    pub(super) fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Decodes the value and returns it with its original bytes, where these must be kept.
    ///
    /// # Errors
    /// [`Error::In`] with the serializer, for bytes that it does not write.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<(Value, Option<Original>)> {
        if !self.agrees {
            return Ok((self.opaque(bytes), None));
        }
        let cell = self
            .serializer
            .decode_whole(bytes)
            .map_err(|error| error.within(format!("{} of {}", self.role.name(), self.serializer.class())))?;
        let original =
            cell.raw.map(|bytes| Original { serializer: self.serializer.class().to_owned(), bytes });
        match cell.value {
            Value::Null if !self.nullable => Ok((self.opaque(bytes), None)),
            value => Ok((value, original)),
        }
    }

    /// Decodes a value that other bytes may follow.
    ///
    /// # Errors
    /// As for [`Part::decode`].
    pub(super) fn decode_front(&self, bytes: &[u8]) -> Result<(Value, Option<Original>)> {
        let mut input = Input::new(bytes);
        let end = self.serializer.skip(&mut input).map(|()| input.consumed());
        self.decode(end.ok().and_then(|end| bytes.get(..end)).unwrap_or(bytes))
    }

    fn opaque(&self, bytes: &[u8]) -> Value {
        Value::Opaque { serializer: self.serializer.class().to_owned(), bytes: bytes.to_vec() }
    }
}

impl<'a> RowMaker<'a> {
    /// Pairs the columns of a table with the serializers of one file.
    pub(super) fn new(schema: &'a StateSchema, shape: &'a Shape) -> Self {
        let part = |role, serializer: Option<&'a Serializer>, column: Option<&LogicalType>| {
            serializer.zip(column).map(|(serializer, column)| Part::new(role, serializer, column, false))
        };
        let key = part(Role::Key, Some(&shape.key), schema.key.as_ref());
        let value = shape.value.as_ref().zip(schema.value.as_ref());
        RowMaker {
            schema,
            shape,
            key: key.unwrap_or(Part {
                role: Role::Key,
                serializer: &shape.key,
                agrees: false,
                nullable: false,
            }),
            namespace: part(Role::Namespace, Some(&shape.namespace), schema.namespace.as_ref()),
            map_key: part(Role::MapKey, shape.map_key.as_ref(), schema.map_key.as_ref()),
            value: value.map(|(serializer, column): (&Serializer, &ElementType)| {
                Part::new(Role::Value, serializer, &column.ty, column.nullable)
            }),
        }
    }

    /// Makes the row of an entry.
    ///
    /// # Errors
    /// As for [`Part::decode`]; [`Error::Truncated`] for a value without its time of last access.
    pub(super) fn row(&self, group: KeyGroup, entry: &Entry<'_>) -> Result<Row> {
        let mut row = Row { key_group: group, position: entry.position, ..Row::default() };
        let mut originals = Originals::default();
        if entry.undivided {
            row.key = self.key.opaque(entry.key);
            row.namespace = self.namespace.as_ref().map_or(Value::Null, |part| part.opaque(&[]));
            row.map_key = self.map_key.as_ref().map_or(Value::Null, |part| part.opaque(&[]));
        } else {
            (row.key, originals.key) = self.key.decode(entry.key)?;
            if let Some(part) = &self.namespace {
                (row.namespace, originals.namespace) = part.decode(entry.namespace)?;
            }
            if let Some(part) = &self.map_key {
                (row.map_key, originals.map_key) = part.decode(entry.map_key)?;
            }
        }
        if self.schema.has_last_access() {
            row.last_access = Some(last_access(entry)?);
        }
        (row.value, originals.value) = self.value(entry)?;
        if originals != Originals::default() {
            row.originals = Some(Box::new(originals));
        }
        Ok(row)
    }

    fn value(&self, entry: &Entry<'_>) -> Result<(Value, Option<Original>)> {
        let (Some(part), Some(bytes)) = (&self.value, entry.value) else { return Ok((Value::Null, None)) };
        let bytes = if self.shape.ttl { bytes.get(8..).unwrap_or_default() } else { bytes };
        if entry.whole_list { Ok((part.opaque(bytes), None)) } else { part.decode(bytes) }
    }
}

/// Reads the time of last access in front of a value; 0 for a null, which has none.
fn last_access(entry: &Entry<'_>) -> Result<i64> {
    match entry.value {
        None => Ok(0),
        Some(value) => match value.first_chunk() {
            Some(time) => Ok(i64::from_be_bytes(*time)),
            None => Err(Error::Truncated {
                section: "time of last access",
                offset: entry.offset,
                wanted: 8,
                left: value.len() as u64,
            }),
        },
    }
}

/// Returns whether two types are the same but for the ids of their fields.
pub(super) fn same_but_ids(a: &LogicalType, b: &LogicalType) -> bool {
    without_ids(a) == without_ids(b)
}

fn without_ids(ty: &LogicalType) -> LogicalType {
    let bare = StateSchema::new("", StateKind::Value).with_key(ty.clone());
    let bare = alluvium_model::evolution::assign_field_ids(&bare, None);
    bare.key.unwrap_or_else(|| ty.clone())
}
