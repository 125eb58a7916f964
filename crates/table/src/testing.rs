//! Rows and runs for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_model::canonical;
use alluvium_model::{
    ElementType, EnumType, KeyGroup, LogicalType, Op, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema,
    StructType, TimeDomain, TimeUnit, Value,
};
use bytes::Bytes;

use crate::{RunMeta, RunOptions, RunWriter};

/// A sequence of numbers that looks random and never changes.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

pub(crate) fn map_schema() -> Arc<StateSchema> {
    Arc::new(
        StateSchema::new("visits", StateKind::Map)
            .with_key(LogicalType::String)
            .with_map_key(LogicalType::String)
            .with_value(ElementType::required(LogicalType::Int64)),
    )
}

pub(crate) fn value_schema() -> Arc<StateSchema> {
    Arc::new(
        StateSchema::new("count", StateKind::Value)
            .with_key(LogicalType::Int64)
            .with_value(ElementType::required(LogicalType::Int64)),
    )
}

pub(crate) fn list_schema() -> Arc<StateSchema> {
    Arc::new(
        StateSchema::new("rotations", StateKind::List)
            .with_key(LogicalType::Int64)
            .with_value(ElementType::required(LogicalType::Int64)),
    )
}

/// One type of each form.
pub(crate) fn types() -> Vec<LogicalType> {
    use LogicalType as T;
    let nullable = ElementType::nullable;
    vec![
        T::Bool,
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::UInt64,
        T::Float32,
        T::Float64,
        T::String,
        T::Bytes,
        T::Date,
        T::Time(TimeUnit::Milli),
        T::Time(TimeUnit::Micro),
        T::Time(TimeUnit::Nano),
        T::Timestamp { unit: TimeUnit::Milli, utc: true },
        T::Timestamp { unit: TimeUnit::Micro, utc: false },
        T::Timestamp { unit: TimeUnit::Nano, utc: true },
        T::Decimal { precision: 20, scale: 4 },
        T::Decimal { precision: 5, scale: 2 },
        T::List(Box::new(nullable(T::String))),
        T::Set(Box::new(T::Int32)),
        T::Map(Box::new(T::String), Box::new(nullable(T::Float64))),
        T::Struct(StructType::of([
            ("airport", nullable(T::String)),
            ("flights", ElementType::required(T::UInt32)),
            ("last", nullable(T::List(Box::new(ElementType::required(T::Int16))))),
        ])),
        T::Tuple(vec![nullable(T::Int64), ElementType::required(T::Bool)]),
        T::Enum(EnumType { symbols: vec!["EWR".into(), "JFK".into(), "LGA".into()] }),
        T::TimeWindow,
    ]
}

/// Returns a value of a type.
pub(crate) fn value(ty: &LogicalType, numbers: &mut Numbers) -> Value {
    use LogicalType as T;
    let n = numbers.below(1 << 20);
    let mut element = |e: &ElementType| match e.nullable && numbers.below(4) == 0 {
        true => Value::Null,
        false => value(&e.ty, numbers),
    };
    match ty {
        T::Bool => Value::Bool(n & 1 == 1),
        T::Int8 => Value::Int(i64::from(n as i8)),
        T::Int16 => Value::Int(i64::from(n as i16)),
        T::Int32 | T::Date | T::Int64 | T::Time(_) | T::Timestamp { .. } => Value::Int(n as i64 - 500_000),
        T::UInt8 => Value::UInt(n & 0xFF),
        T::UInt16 => Value::UInt(n & 0xFFFF),
        T::UInt32 | T::UInt64 => Value::UInt(n),
        T::Float32 => Value::Float32(n as f32 - 7.5),
        T::Float64 => Value::Float64(if n.is_multiple_of(9) { -0.0 } else { n as f64 / 3.0 }),
        T::String => Value::String(format!("N{n}\u{0}é")),
        T::Bytes => Value::Bytes(n.to_be_bytes().to_vec()),
        T::Decimal { .. } => Value::Decimal(i128::from(n % 90_000) - 45_000),
        T::List(e) => Value::List((0..n % 4).map(|_| element(e)).collect()),
        T::Set(member) => {
            let members = BTreeMap::from_iter((0..n % 4).map(|_| {
                let v = value(member, numbers);
                (canonical::to_bytes(&v, member).unwrap(), v)
            }));
            Value::List(members.into_values().collect())
        }
        T::Map(key, e) => {
            let mut entries = BTreeMap::new();
            for _ in 0..n % 3 {
                let k = value(key, numbers);
                let v = if numbers.below(3) == 0 { Value::Null } else { value(&e.ty, numbers) };
                entries.insert(canonical::to_bytes(&k, key).unwrap(), (k, v));
            }
            Value::Map(entries.into_values().collect())
        }
        T::Struct(s) => Value::Struct(s.fields.iter().map(|f| element(&f.ty)).collect()),
        T::Tuple(types) => Value::Struct(types.iter().map(element).collect()),
        T::Enum(e) => Value::Enum((n % e.symbols.len() as u64) as u32),
        T::TimeWindow => Value::Window { start: n as i64, end: n as i64 + 10 },
        other => panic!("no values of {other}"),
    }
}

/// Returns a schema of a kind with the given key and value types, a namespace and a time to live
/// where the kind allows them.
pub(crate) fn schema_of(
    kind: StateKind,
    key: LogicalType,
    value: LogicalType,
    extras: bool,
) -> Arc<StateSchema> {
    let mut schema = StateSchema::new("state", kind);
    if kind.is_keyed() {
        schema = schema.with_key(key.clone());
        if extras {
            schema = schema.with_namespace(LogicalType::TimeWindow);
        }
    }
    if matches!(kind, StateKind::Map | StateKind::Broadcast) {
        schema = schema.with_map_key(key);
    }
    if !matches!(kind, StateKind::Timer(TimeDomain::Event | TimeDomain::Processing)) {
        schema = schema.with_value(ElementType { ty: value, nullable: extras });
        if extras && kind.is_keyed() {
            schema = schema.with_ttl_ms(1000);
        }
    }
    Arc::new(schema)
}

/// Returns rows of a state in canonical order.
pub(crate) fn rows(schema: &StateSchema, count: usize, deltas: bool, seed: u64) -> Vec<Row> {
    let mut numbers = Numbers(seed);
    let mut rows = BTreeMap::new();
    for i in 0..count {
        let mut part =
            |ty: &Option<LogicalType>| ty.as_ref().map_or(Value::Null, |ty| value(ty, &mut numbers));
        let (key, namespace, map_key) = (part(&schema.key), part(&schema.namespace), part(&schema.map_key));
        let op = match numbers.below(5) {
            1 if deltas => Op::Delete,
            2 if deltas => Op::Clear,
            _ => Op::Put,
        };
        let put = op == Op::Put;
        let canonical = schema
            .key
            .as_ref()
            .map_or(0, |ty| canonical::to_bytes(&key, ty).unwrap().iter().map(|b| u16::from(*b)).sum());
        let null = schema.value.as_ref().is_none_or(|v| v.nullable && numbers.below(3) == 0);
        let row = Row {
            op,
            key_group: KeyGroup(canonical % 50),
            key,
            namespace,
            map_key: if op == Op::Clear { Value::Null } else { map_key },
            position: i as i64,
            subtask: (i % 3) as i32,
            value: match &schema.value {
                Some(v) if put && !null => value(&v.ty, &mut numbers),
                _ => Value::Null,
            },
            last_access: (put && schema.ttl_ms.is_some()).then(|| numbers.below(5000) as i64),
            originals: None,
        };
        rows.insert((row.key_group, row.sort_key(schema).unwrap()), row);
    }
    rows.into_values().collect()
}

/// Returns rows as one batch.
pub(crate) fn batch(schema: &Arc<StateSchema>, rows: &[Row], deltas: bool) -> RowBatch {
    let mut builder = RowBatchBuilder::new(Arc::clone(schema), deltas);
    rows.iter().for_each(|row| builder.push(row.clone()).unwrap());
    builder.finish().unwrap()
}

/// Writes rows as a run.
pub(crate) fn run(schema: &Arc<StateSchema>, rows: &[Row], options: RunOptions) -> (Bytes, RunMeta) {
    let batch = batch(schema, rows, !options.base);
    write(schema, &batch, options, 1000)
}

/// Writes a batch as a run, `piece` rows at a time.
pub(crate) fn write(
    schema: &Arc<StateSchema>,
    batch: &RowBatch,
    options: RunOptions,
    piece: usize,
) -> (Bytes, RunMeta) {
    let mut writer = RunWriter::new(Arc::clone(schema), options).unwrap();
    let mut bytes = Vec::new();
    for start in (0..batch.len()).step_by(piece) {
        writer.write(&batch.slice(start, piece.min(batch.len() - start))).unwrap();
        bytes.extend(writer.take_bytes().unwrap());
    }
    let (rest, meta) = writer.finish().unwrap();
    bytes.extend(rest);
    let bytes = Bytes::from(bytes.concat());
    assert_eq!(bytes.len() as u64, meta.bytes);
    (bytes, meta)
}

/// Options that cut small files into many row groups and pages.
pub(crate) fn small(options: RunOptions) -> RunOptions {
    RunOptions { row_group_rows: 100, page_rows: 16, page_bytes: 256, ..options }
}

/// Asserts that batches hold the rows of `expected`, in order.
pub(crate) fn assert_rows(found: &[RowBatch], expected: &RowBatch) {
    let mut at = 0;
    for batch in found {
        assert!(!batch.is_empty() && at + batch.len() <= expected.len());
        let wanted = expected.slice(at, batch.len());
        assert_eq!(batch.rows(), wanted.rows());
        assert_eq!(batch.sort_keys(), wanted.sort_keys());
        at += batch.len();
    }
    assert_eq!(at, expected.len());
}
