//! Elements of streams, and the state of sinks that commit in two phases.

use alluvium_model::{ElementType, LogicalType, StructType, Value};

use super::basic::{is_null, mismatch, put_count};
use super::collections::put_marked;
use super::{Decoder, Serializer};
use crate::Result;

/// Tags of a `StreamElementSerializer`.
const RECORD: u8 = 0;
const RECORD_WITHOUT_TIMESTAMP: u8 = 1;
const WATERMARK: u8 = 2;
const LATENCY_MARKER: u8 = 3;
const STATUS: u8 = 4;
const ATTRIBUTES: u8 = 5;
const INTERNAL_WATERMARK: u8 = 6;

/// Returns the type of records: a value and its timestamp in milliseconds, null if it has none.
pub(super) fn record_type(value: &Serializer) -> LogicalType {
    let timestamp = ElementType::nullable(LogicalType::Int64);
    LogicalType::Struct(StructType::of([("value", value.element_type()), ("timestamp", timestamp)]))
}

/// Reads an element; those that are no records have no type here, only an end.
pub(super) fn decode_element(value: &Serializer, d: &mut Decoder<'_, '_>) -> Result<Value> {
    let other = match d.input.u8("stream element")? {
        RECORD => {
            let timestamp = Value::Int(d.input.i64("timestamp")?);
            d.values(2)?;
            return Ok(Value::Struct(vec![value.part(d)?, timestamp]));
        }
        RECORD_WITHOUT_TIMESTAMP => {
            d.values(2)?;
            return Ok(Value::Struct(vec![value.part(d)?, Value::Null]));
        }
        WATERMARK => 8,
        LATENCY_MARKER => 8 + 16 + 4,
        STATUS => 4,
        ATTRIBUTES => 1,
        INTERNAL_WATERMARK => 4 + 8,
        tag => return Err(d.input.malformed("stream element", "a tag from 0 to 6", tag)),
    };
    d.input.take(other, "stream element")?;
    Ok(d.untyped())
}

/// Appends a record.
pub(super) fn encode_element(inner: &Serializer, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let parts = match value {
        Value::Struct(parts) => parts.as_slice(),
        _ => &[],
    };
    match parts {
        [value, Value::Int(timestamp)] => {
            out.push(RECORD);
            out.extend(timestamp.to_be_bytes());
            inner.encode(value, out)
        }
        [value, Value::Null] => {
            out.push(RECORD_WITHOUT_TIMESTAMP);
            inner.encode(value, out)
        }
        _ => Err(mismatch(&record_type(inner).to_string(), value)),
    }
}

/// The state of a `TwoPhaseCommitSinkFunction`: the open transaction, those waiting for their commit,
/// and what the user keeps beside them.
#[derive(Debug, Clone)]
pub(super) struct TwoPhaseCommit {
    pub(super) transaction: Serializer,
    pub(super) context: Serializer,
    /// Whether there may be no open transaction (since 1.19).
    pub(super) optional: bool,
}

impl TwoPhaseCommit {
    pub(super) fn ty(&self) -> LogicalType {
        let holder = LogicalType::Struct(StructType::of([
            ("transaction", self.transaction.element_type()),
            ("start_time", ElementType::required(LogicalType::timestamp_ms())),
        ]));
        let open = ElementType { ty: holder.clone(), nullable: self.optional };
        let waiting = LogicalType::List(Box::new(ElementType::required(holder)));
        LogicalType::Struct(StructType::of([
            ("pending_transaction", open),
            ("pending_commit_transactions", ElementType::required(waiting)),
            ("context", ElementType::nullable(self.context.element_type().ty)),
        ]))
    }

    pub(super) fn delimits(&self) -> bool {
        self.transaction.is_self_delimiting() && self.context.is_self_delimiting()
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let mut state = d.values(3)?;
        d.inner(|d| {
            let open = if !self.optional || d.flag()? { self.holder(d)? } else { Value::Null };
            state.push(open);
            let count = d.count(self.transaction.least().saturating_add(8))?;
            let mut waiting = Vec::with_capacity(count);
            for _ in 0..count {
                waiting.push(self.holder(d)?);
            }
            state.push(Value::List(waiting));
            Ok(())
        })?;
        state.push(if d.flag()? { self.context.part(d)? } else { Value::Null });
        Ok(Value::Struct(state))
    }

    fn holder(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let transaction = self.transaction.part(d)?;
        d.values(2)?;
        Ok(Value::Struct(vec![transaction, Value::Int(d.input.i64("transaction start time")?)]))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.ty().to_string(), value);
        let Value::Struct(parts) = value else { return Err(wrong()) };
        let [open, Value::List(waiting), context] = parts.as_slice() else { return Err(wrong()) };
        if self.optional {
            out.push(u8::from(!is_null(open)));
        }
        if !self.optional || !is_null(open) {
            self.put_holder(open, out)?;
        }
        put_count(waiting.len(), out)?;
        waiting.iter().try_for_each(|holder| self.put_holder(holder, out))?;
        put_marked(&self.context, context, true, out)
    }

    fn put_holder(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let parts = match value {
            Value::Struct(parts) => parts.as_slice(),
            _ => &[],
        };
        match parts {
            [transaction, Value::Int(start)] => {
                self.transaction.encode(transaction, out)?;
                out.extend(start.to_be_bytes());
                Ok(())
            }
            _ => Err(mismatch("a transaction and its start time", value)),
        }
    }
}
