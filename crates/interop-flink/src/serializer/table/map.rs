use std::mem::size_of;

use alluvium_model::{LogicalType, Value};

use super::super::Decoder;
use super::super::basic::{is_null, mismatch};
use super::array;
use super::slots::{Region, put_at};
use super::types::TableType;
use super::{framed, put_framed};
use crate::{Error, Result};

/// A map or a multiset of Flink SQL (`MapDataSerializer`): an array of keys and one of values.
#[derive(Debug, Clone)]
pub(in super::super) struct BinaryMap(pub(in super::super) TableType, pub(in super::super) TableType);

impl BinaryMap {
    pub(in super::super) fn ty(&self) -> LogicalType {
        LogicalType::Map(Box::new(self.0.element_type().ty), Box::new(self.1.element_type()))
    }

    pub(in super::super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        framed(d, |region, d| decode_arrays(&self.0, &self.1, region, d))
    }

    pub(in super::super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let Value::Map(entries) = value else { return Err(mismatch(&self.ty().to_string(), value)) };
        put_framed(out, |out| encode_arrays(&self.0, &self.1, entries, out))
    }
}

/// Decodes a map.
pub(super) fn decode(
    types: &(TableType, TableType),
    region: Region<'_>,
    d: &mut Decoder<'_, '_>,
) -> Result<Value> {
    decode_arrays(&types.0, &types.1, region, d)
}

/// Appends a map.
pub(super) fn encode(
    types: &(TableType, TableType),
    entries: &[(Value, Value)],
    out: &mut Vec<u8>,
) -> Result<()> {
    encode_arrays(&types.0, &types.1, entries, out)
}

fn decode_arrays(
    key: &TableType,
    value: &TableType,
    region: Region<'_>,
    d: &mut Decoder<'_, '_>,
) -> Result<Value> {
    let size = u32::from_le_bytes(region.array(0)?) as usize;
    let keys = Region::new(region.get(4, size)?, region.base + 4);
    let behind = 4 + size;
    let rest = region.bytes.get(behind..).unwrap_or_default();
    let (keys, values) = (
        array::decode(key, keys, d)?,
        array::decode(value, Region::new(rest, region.base + behind as u64), d)?,
    );
    let (Value::List(keys), Value::List(values)) = (keys, values) else { return Ok(d.untyped()) };
    if keys.len() != values.len() {
        return Err(region.malformed(0, "as many values as keys", values.len()));
    }
    if keys.iter().any(is_null) {
        return Ok(d.untyped());
    }
    d.charge(2 * keys.len() * size_of::<Value>())?;
    Ok(Value::Map(keys.into_iter().zip(values).collect()))
}

fn encode_arrays(
    key: &TableType,
    value: &TableType,
    entries: &[(Value, Value)],
    out: &mut Vec<u8>,
) -> Result<()> {
    let (keys, values): (Vec<_>, Vec<_>) = entries.iter().cloned().unzip();
    let start = out.len();
    out.extend([0; 4]);
    array::encode(key, &keys, out)?;
    let size = out.len() - start - 4;
    let limit = i32::MAX as u64;
    let prefix = u32::try_from(size).map_err(|_| Error::TooLarge {
        section: "binary map",
        offset: start as u64,
        size: size as u64,
        limit,
    })?;
    put_at(out, start, &prefix.to_le_bytes());
    array::encode(value, &values, out)
}
