//! Decimals and timestamps, inside rows and by themselves.

use alluvium_model::{LogicalType, TimeUnit, Value};

use super::super::Decoder;
use super::super::basic::{mismatch, put_bytes};
use super::types::unit;
use crate::Result;

/// Digits that fit into 64 bits.
const COMPACT: u8 = 18;

/// A decimal by itself (`DecimalDataSerializer`).
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct TableDecimal {
    pub(in super::super) precision: u8,
    pub(in super::super) scale: i8,
}

/// A timestamp by itself (`TimestampDataSerializer`); whether it is an instant is not known.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct TableTimestamp {
    pub(in super::super) precision: u8,
}

impl TableDecimal {
    pub(in super::super) fn ty(self) -> LogicalType {
        LogicalType::Decimal { precision: self.precision, scale: self.scale }
    }

    pub(in super::super) fn decode(self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let unscaled = if self.precision <= COMPACT {
            Some(d.input.i64("decimal")?.into())
        } else {
            let bytes = d.input.bytes32("decimal")?;
            decimal_from_bytes(bytes, d)
        };
        let unscaled = unscaled.filter(|unscaled| fits(*unscaled, self.precision));
        Ok(unscaled.map_or_else(|| d.untyped(), Value::Decimal))
    }

    pub(in super::super) fn encode(self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Decimal(v) if fits(*v, self.precision) => match i64::try_from(*v) {
                Ok(v) if self.precision <= COMPACT => out.extend(v.to_be_bytes()),
                _ => put_bytes(&decimal_bytes(*v), out)?,
            },
            other => return Err(mismatch(&self.ty().to_string(), other)),
        }
        Ok(())
    }
}

impl TableTimestamp {
    pub(in super::super) fn ty(self) -> LogicalType {
        LogicalType::Timestamp { unit: unit(self.precision), utc: false }
    }

    pub(in super::super) fn fixed_length(self) -> Option<usize> {
        Some(if self.precision <= 3 { 8 } else { 12 })
    }

    pub(in super::super) fn decode(self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let millis = d.input.i64("timestamp")?;
        let nanos = if self.precision <= 3 { 0 } else { d.input.i32("timestamp")? };
        Ok(timestamp(millis, nanos, self.precision, d))
    }

    pub(in super::super) fn encode(self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let Value::Int(value) = value else { return Err(mismatch(&self.ty().to_string(), value)) };
        let (millis, nanos) = timestamp_parts(*value, self.precision);
        out.extend(millis.to_be_bytes());
        if self.precision > 3 {
            out.extend(nanos.to_be_bytes());
        }
        Ok(())
    }
}

/// Returns whether a decimal has at most so many digits.
pub(in super::super) fn fits(unscaled: i128, precision: u8) -> bool {
    10u128.checked_pow(precision.into()).is_none_or(|limit| unscaled.unsigned_abs() < limit)
}

/// Returns a number of its big-endian two's complement; none above 128 bits.
pub(in super::super) fn decimal_from_bytes(bytes: &[u8], d: &mut Decoder<'_, '_>) -> Option<i128> {
    let first = bytes.first()?;
    let mut wide = [if first & 0x80 == 0 { 0 } else { 0xFF }; 16];
    let start = wide.len().checked_sub(bytes.len())?;
    wide.get_mut(start..)?.copy_from_slice(bytes);
    let unscaled = i128::from_be_bytes(wide);
    d.odd_if(decimal_bytes(unscaled).len() != bytes.len());
    Some(unscaled)
}

/// Returns the shortest big-endian two's complement of a number.
pub(in super::super) fn decimal_bytes(unscaled: i128) -> Vec<u8> {
    let bytes = unscaled.to_be_bytes();
    let spare =
        (if unscaled < 0 { unscaled.leading_ones() } else { unscaled.leading_zeros() }).saturating_sub(1);
    bytes.get((spare / 8) as usize..).unwrap_or_default().to_vec()
}

/// Returns the value of milliseconds and the nanoseconds behind them, in the unit of the precision.
pub(super) fn timestamp(millis: i64, nanos: i32, precision: u8, d: &mut Decoder<'_, '_>) -> Value {
    let value = match unit(precision) {
        TimeUnit::Milli => Some(millis),
        unit => {
            let (per_milli, per_nanos) = per_milli(unit);
            millis.checked_mul(per_milli).and_then(|value| value.checked_add(i64::from(nanos) / per_nanos))
        }
    };
    match value {
        Some(value) => {
            d.odd_if(timestamp_parts(value, precision) != (millis, nanos.cast_unsigned()));
            Value::Int(value)
        }
        None => d.untyped(),
    }
}

/// Returns the milliseconds of a value in the unit of the precision, and the nanoseconds behind them.
pub(super) fn timestamp_parts(value: i64, precision: u8) -> (i64, u32) {
    match unit(precision) {
        TimeUnit::Milli => (value, 0),
        unit => {
            let (per_milli, nanos) = per_milli(unit);
            (value.div_euclid(per_milli), (value.rem_euclid(per_milli) * nanos) as u32)
        }
    }
}

/// Returns how many of a unit make a millisecond, and how many nanoseconds it has.
fn per_milli(unit: TimeUnit) -> (i64, i64) {
    match unit {
        TimeUnit::Milli => (1, 1_000_000),
        TimeUnit::Micro => (1_000, 1_000),
        TimeUnit::Nano => (1_000_000, 1),
    }
}
