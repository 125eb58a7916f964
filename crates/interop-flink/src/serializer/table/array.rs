use alluvium_model::{LogicalType, Value};

use super::super::Decoder;
use super::super::basic::{is_null, mismatch};
use super::slots::{Region, pad, set_bit};
use super::types::TableType;
use super::{framed, put_framed};
use crate::{Error, Result};

/// An array of Flink SQL (`ArrayDataSerializer`).
#[derive(Debug, Clone)]
pub(in super::super) struct BinaryArray(pub(in super::super) TableType);

impl BinaryArray {
    pub(in super::super) fn ty(&self) -> LogicalType {
        LogicalType::List(Box::new(self.0.element_type()))
    }

    pub(in super::super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        framed(d, |region, d| decode(&self.0, region, d))
    }

    pub(in super::super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let Value::List(values) = value else { return Err(mismatch(&self.ty().to_string(), value)) };
        put_framed(out, |out| encode(&self.0, values, out))
    }
}

/// Returns where the elements of an array begin: behind the count and a bit for each in words of 4
/// bytes.
fn head(count: usize) -> usize {
    4 + 4 * count.div_ceil(32)
}

/// Decodes an array.
pub(super) fn decode(element: &TableType, mut region: Region<'_>, d: &mut Decoder<'_, '_>) -> Result<Value> {
    let found = i32::from_le_bytes(region.array(0)?);
    let count =
        usize::try_from(found).map_err(|_| region.malformed(0, "a count that is not negative", found))?;
    let (head, width) = (head(count), element.width());
    let slots = count.checked_mul(width).ok_or_else(|| region.truncated(0, usize::MAX))?;
    let fixed = head.saturating_add(slots);
    region.items_from(fixed.next_multiple_of(8))?;
    d.odd_if(!region.is_zero(fixed, fixed.next_multiple_of(8) - fixed));
    d.odd_if((count..8 * (head - 4)).any(|index| region.bit(4, index)));
    let mut values = d.values(count)?;
    for index in 0..count {
        let at = head + width * index;
        values.push(match region.bit(4, index) {
            true => {
                d.odd_if(!region.is_zero(at, width));
                Value::Null
            }
            false => element.decode_slot(&mut region, at, width, d)?,
        });
    }
    region.finish(d);
    Ok(Value::List(values))
}

/// Appends an array.
pub(super) fn encode(element: &TableType, values: &[Value], out: &mut Vec<u8>) -> Result<()> {
    let (start, head, width) = (out.len(), head(values.len()), element.width());
    let count = i32::try_from(values.len()).map_err(|_| Error::TooLarge {
        section: "binary array",
        offset: start as u64,
        size: values.len() as u64,
        limit: i32::MAX as u64,
    })?;
    out.extend(count.to_le_bytes());
    out.resize(start + head + width * values.len(), 0);
    pad(start, out);
    for (index, value) in values.iter().enumerate() {
        match is_null(value) {
            true => set_bit(out, start + 4, index),
            false => element.encode_slot(value, start, start + head + width * index, out)?,
        }
    }
    Ok(())
}
