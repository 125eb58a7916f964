use super::super::Codec;
use super::super::collections::{Map, Masked};
use super::super::composite::Fields;
use super::super::names::long;
use super::super::snapshot::Reader;
use super::row::BinaryRow;
use super::sql::sql_type;
use super::types::{TableType, table_type};
use super::{BinaryArray, BinaryMap, TableDecimal, TableTimestamp};
use crate::{Result, java};

/// Reads the payload of a snapshot of a table serializer; none for a class that is not known.
pub(in super::super) fn read(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    if let Some(name) = name.strip_prefix("runtime.typeutils.") {
        return data(r, name, version);
    }
    if let Some(name) = name.strip_prefix("dataview.") {
        return view(r, name, version);
    }
    match name.strip_prefix("runtime.sequencedmultisetstate.linked.") {
        Some(name) => linked(r, name, version),
        None => Ok(None),
    }
}

/// Serializers of `org.apache.flink.table.runtime.typeutils`.
fn data(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "RowDataSerializer" => row(r)?,
        "BinaryRowDataSerializer" => {
            r.input.length("number of fields")?;
            Codec::Framed
        }
        "DecimalDataSerializer" => {
            let (precision, scale) = (r.input.i32("precision")?, r.input.i32("scale")?);
            match (u8::try_from(precision), i8::try_from(scale)) {
                (Ok(precision @ 1..=38), Ok(scale @ 0..=38)) => {
                    Codec::TableDecimal(TableDecimal { precision, scale })
                }
                _ => return Err(r.input.malformed("decimal", "1 to 38 digits", precision)),
            }
        }
        "TimestampDataSerializer" => {
            let precision = r.input.i32("precision")?;
            match u8::try_from(precision) {
                Ok(precision @ 0..=9) => Codec::TableTimestamp(TableTimestamp { precision }),
                _ => return Err(r.input.malformed("timestamp", "0 to 9 digits", precision)),
            }
        }
        "ArrayDataSerializer" => {
            let element = stream_type(r)?;
            java::read(r.input)?;
            element.map_or(Codec::Framed, |element| Codec::BinaryArray(Box::new(BinaryArray(element))))
        }
        "MapDataSerializer" => {
            let types = (stream_type(r)?, stream_type(r)?);
            java::read(r.input)?;
            java::read(r.input)?;
            match types {
                (Some(key), Some(value)) => Codec::BinaryMap(Box::new(BinaryMap(key, value))),
                _ => Codec::Framed,
            }
        }
        "RawValueDataSerializer" => {
            r.composite(version)?;
            r.nested_notes()?;
            Codec::Framed
        }
        "ExternalSerializer" => {
            r.composite(version)?;
            java::read(r.input)?;
            r.input.bool("input is internal")?;
            Codec::Same(Box::new(r.only()?))
        }
        "LinkedListSerializer" => {
            let mask = match r.composite(version)? {
                ..2 => false,
                2 => true,
                _ => r.input.bool("null mask")?,
            };
            let element = r.only()?;
            match mask {
                true => Codec::Masked(Box::new(Masked { element })),
                false => Codec::List(Box::new(element)),
            }
        }
        "SortedMapSerializer" => {
            java::read(r.input)?;
            map(r, false)?
        }
        "WindowKeySerializer" => {
            r.composite(version)?;
            Codec::Fields(Fields::named([long(), r.only()?], &["window", "key"]))
        }
        _ => return Ok(None),
    }))
}

/// Serializers of `org.apache.flink.table.dataview`.
fn view(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    let marked_keys = match name {
        "ListViewSerializer" | "MapViewSerializer" => {
            r.composite(version)?;
            return Ok(Some(Codec::Same(Box::new(r.only()?))));
        }
        "NullAwareMapSerializer" => true,
        _ => return Ok(None),
    };
    r.composite(version)?;
    map(r, marked_keys).map(Some)
}

/// Serializers of `org.apache.flink.table.runtime.sequencedmultisetstate.linked`, since 2.3.
fn linked(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "RowSqnInfoSerializer" => {
            r.composite(version)?;
            Codec::Fields(Fields::named(r.exactly()?, &["first", "last"]))
        }
        "MetaSqnInfoSerializer" => {
            r.composite(version)?;
            Codec::Fields(Fields::named(r.exactly()?, &["high", "size"]))
        }
        "NodeSerializer" => {
            r.composite(version)?;
            let names = &["row", "sqn", "previous", "next", "next_for_record", "timestamp"];
            Codec::Fields(Fields::named(r.exactly()?, names))
        }
        "RowDataKeySerializer" => {
            r.input.bytes32("generated equaliser")?;
            r.input.bytes32("generated hash function")?;
            Codec::Same(Box::new(r.versioned()?))
        }
        _ => return Ok(None),
    }))
}

fn map(r: &mut Reader<'_, '_>, marked_keys: bool) -> Result<Codec> {
    let [key, value] = r.exactly()?;
    Ok(Codec::Map(Box::new(Map { key, value, marked_keys })))
}

/// Reads the types of a row's fields and, only to pass them, their serializers.
fn row(r: &mut Reader<'_, '_>) -> Result<Codec> {
    // A stream has at least its header and one byte.
    let count = r.input.count(5, "number of fields")?;
    let mut fields: Option<Vec<(Option<String>, TableType)>> = Some(Vec::new());
    for _ in 0..count {
        let ty = stream_type(r)?;
        fields = fields.zip(ty).map(|(mut fields, ty)| {
            fields.push((None, ty));
            fields
        });
    }
    r.nested_notes()?;
    Ok(fields
        .map_or(Codec::Framed, |fields| Codec::BinaryRow(Box::new(BinaryRow { fields, shows_kind: true }))))
}

/// Reads a Java object stream of a logical type; none for a type that is not known.
fn stream_type(r: &mut Reader<'_, '_>) -> Result<Option<TableType>> {
    let object = java::read(r.input)?;
    r.notes.types.push(sql_type(object.root()));
    Ok(table_type(object.root()))
}
