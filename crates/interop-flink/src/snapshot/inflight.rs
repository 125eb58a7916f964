//! Records in flight as rows.

use alluvium_model::{ElementType, EnumType, LogicalType, StructType, Value};

use crate::layout::channels::{Element, KINDS};

/// Name for the records of an edge, whose serializer is the job's and not in the snapshot.
const RECORD: &str = "record of the edge";

/// Returns the type of a record in flight: its channel, what kind of element it is, its timestamp, and
/// its bytes.
pub(super) fn record_type() -> LogicalType {
    let symbols = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    LogicalType::Struct(StructType::of([
        ("channel", ElementType::required(LogicalType::Int32)),
        ("kind", ElementType::required(LogicalType::Enum(EnumType { symbols }))),
        ("timestamp", ElementType::nullable(LogicalType::Int64)),
        ("record", ElementType::required(LogicalType::Opaque { serializer: RECORD.into() })),
    ]))
}

/// Returns the value of an element of a channel.
pub(super) fn record(channel: u32, element: &Element<'_>) -> Value {
    Value::Struct(vec![
        Value::Int(channel.into()),
        Value::Enum(element.kind),
        element.timestamp.map_or(Value::Null, Value::Int),
        Value::Opaque { serializer: RECORD.into(), bytes: element.bytes.to_vec() },
    ])
}
