use alluvium_model::{LogicalType, Value};

use super::super::Decoder;
use super::super::basic::{is_null, mismatch};
use super::super::row::{kind_value, row_type, split_kind};
use super::slots::{Region, put_at, set_bit};
use super::types::{TableType, fields_type};
use super::{framed, put_framed};
use crate::Result;

/// Rows of Flink SQL (`RowDataSerializer`).
#[derive(Debug, Clone)]
pub(in super::super) struct BinaryRow {
    pub(in super::super) fields: Vec<(Option<String>, TableType)>,
    /// Whether the kind is a field of the type; otherwise another kind than insert is odd.
    pub(in super::super) shows_kind: bool,
}

impl BinaryRow {
    pub(in super::super) fn ty(&self) -> LogicalType {
        if !self.shows_kind {
            return fields_type(&self.fields);
        }
        row_type(true, self.fields.iter().map(|(name, ty)| (name.as_deref(), ty.element_type())).collect())
    }

    pub(in super::super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        framed(d, |region, d| decode(&self.fields, self.shows_kind, region, d))
    }

    pub(in super::super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let Value::Struct(values) = value else { return Err(mismatch(&self.ty().to_string(), value)) };
        put_framed(out, |out| encode(&self.fields, self.shows_kind, values, out))
    }
}

/// Returns the bytes of the kind and the null bits of so many fields.
fn head(fields: usize) -> usize {
    (fields + 63 + 8) / 64 * 8
}

/// Decodes a row.
pub(super) fn decode(
    fields: &[(Option<String>, TableType)],
    shows_kind: bool,
    mut region: Region<'_>,
    d: &mut Decoder<'_, '_>,
) -> Result<Value> {
    let head = head(fields.len());
    region.items_from(head + 8 * fields.len())?;
    let mut values = d.values(fields.len() + usize::from(shows_kind))?;
    let [kind] = region.array(0)?;
    let kind_value = kind_value(kind).ok_or_else(|| region.malformed(0, "a row kind from 0 to 3", kind))?;
    match shows_kind {
        true => values.push(kind_value),
        false => d.odd_if(kind != 0),
    }
    for (index, (_, ty)) in fields.iter().enumerate() {
        let at = head + 8 * index;
        values.push(match region.bit(1, index) {
            true => {
                d.odd_if(!region.is_zero(at, 8));
                Value::Null
            }
            false => ty.decode_slot(&mut region, at, 8, d)?,
        });
    }
    d.odd_if((fields.len()..8 * (head - 1)).any(|index| region.bit(1, index)));
    region.finish(d);
    Ok(Value::Struct(values))
}

/// Appends a row.
pub(super) fn encode(
    fields: &[(Option<String>, TableType)],
    shows_kind: bool,
    values: &[Value],
    out: &mut Vec<u8>,
) -> Result<()> {
    let split = split_kind(shows_kind, values).filter(|(_, values)| values.len() == fields.len());
    let (kind, values) =
        split.ok_or_else(|| mismatch(&format!("a row of {} fields", fields.len()), &Value::Null))?;
    let (start, head) = (out.len(), head(fields.len()));
    out.resize(start + head + 8 * fields.len(), 0);
    put_at(out, start, &[kind]);
    for (index, ((_, ty), value)) in fields.iter().zip(values).enumerate() {
        match is_null(value) {
            true => set_bit(out, start + 1, index),
            false => ty.encode_slot(value, start, start + head + 8 * index, out)?,
        }
    }
    Ok(())
}
