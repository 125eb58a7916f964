use std::ops::Range;

use alluvium_model::{LogicalType, Role, Value, canonical};
use parquet::bloom_filter::Sbbf;

use super::guarded;
use super::inbox::Inbox;
use super::plan::Segment;
use super::window::Body;
use crate::{Result, rule};

/// Most row groups whose filters are worth reading: beyond, a binary search reads less.
const FILTERS_MAX: usize = 2;
/// Largest bloom filter that is worth reading.
const FILTER_BYTES_MAX: i32 = 1024 * 1024;

/// Returns the rows of a segment whose row groups may hold the key that its bound begins with;
/// nothing while bytes are missing.
///
/// Spec: FILE-6.
pub(super) fn narrow(body: &Body, segment: &Segment, inbox: &mut Inbox) -> Result<Option<Range<u64>>> {
    let rows = segment.rows.clone();
    let Some(key) = key_of(body, segment) else { return Ok(Some(rows)) };
    let Some(leaf) = body.schema.roles(!body.base).iter().position(|role| *role == Role::Key) else {
        return Ok(Some(rows));
    };
    let (first, _) = body.group_of(rows.start)?;
    let (last, _) = body.group_of(rows.end.saturating_sub(1))?;
    if last - first >= FILTERS_MAX {
        return Ok(Some(rows));
    }
    let mut filters = Vec::new();
    for group in first..=last {
        let column = body.metadata.metadata().row_groups().get(group).and_then(|g| g.columns().get(leaf));
        let place = column.and_then(|c| Some((c.bloom_filter_offset()?, c.bloom_filter_length()?)));
        let Some((offset, length)) = place.filter(|(_, length)| (1..=FILTER_BYTES_MAX).contains(length))
        else {
            return Ok(Some(rows));
        };
        let start = u64::try_from(offset).unwrap_or(u64::MAX - u64::from(u32::MAX));
        filters.push(start..start + u64::from(length.unsigned_abs()));
    }
    let Some(bytes) = inbox.take(&filters)? else { return Ok(None) };
    let mut found: Option<Range<u64>> = None;
    for (group, bytes) in (first..).zip(bytes) {
        let perhaps = guarded("bloom filter", rule::FILE, || Ok(key.may_be_in(&Sbbf::from_bytes(&bytes)?)))?;
        if perhaps {
            let end = body.end_of(group)?.min(rows.end);
            let start = found.as_ref().map_or(body.group_start(group)?.max(rows.start), |range| range.start);
            found = Some(start..end);
        }
    }
    Ok(Some(found.unwrap_or(rows.end..rows.end)))
}

/// A key as Parquet's bloom filters hash it.
enum Key {
    Int32(i32),
    Int64(i64),
    Bytes(Vec<u8>),
}

impl Key {
    fn may_be_in(&self, filter: &Sbbf) -> bool {
        match self {
            Key::Int32(key) => filter.check(key),
            Key::Int64(key) => filter.check(key),
            Key::Bytes(key) => filter.check(key.as_slice()),
        }
    }
}

/// Returns the key that every row from the bound on with its prefix has, if the prefix holds one
/// whole and its type has filters.
fn key_of(body: &Body, segment: &Segment) -> Option<Key> {
    if !body.base || !body.schema.raw.is_empty() {
        return None;
    }
    let ty = body.schema.key.as_ref()?;
    let (value, _) = canonical::decode(segment.prefix.as_deref()?, ty).ok()?;
    use LogicalType as T;
    Some(match (ty, value) {
        (
            T::Int8 | T::Int16 | T::Int32 | T::Date | T::Time(alluvium_model::TimeUnit::Milli),
            Value::Int(v),
        ) => Key::Int32(i32::try_from(v).ok()?),
        (T::Int64 | T::Time(_) | T::Timestamp { .. }, Value::Int(v)) => Key::Int64(v),
        (T::UInt8 | T::UInt16 | T::UInt32, Value::UInt(v)) => Key::Int32(u32::try_from(v).ok()? as i32),
        (T::UInt64, Value::UInt(v)) => Key::Int64(v as i64),
        (T::String, Value::String(v)) => Key::Bytes(v.into_bytes()),
        (T::Bytes, Value::Bytes(v)) => Key::Bytes(v),
        (T::Enum(symbols), Value::Enum(v)) => {
            Key::Bytes(symbols.symbols.get(v as usize)?.clone().into_bytes())
        }
        _ => return None,
    })
}
