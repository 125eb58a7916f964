//! A snapshot in memory: a source with positions, and an operator with one state of each kind.

use std::ops::ControlFlow;
use std::sync::Arc;

use alluvium_model::digest::TableDigest;
use alluvium_model::source::{Damage, OperatorState, SourceError, StateTable, Verified};
use alluvium_model::{
    ElementType, ErrorKind, Finished, KeyGroup, KeyGroupFunction, LogicalType, MaxParallelism, OperatorId,
    OperatorUid, Row, RowBatch, RowBatchBuilder, RowStream, Scan, SnapshotDescription, SnapshotSource,
    StateKind, StateSchema, StructType, TimeDomain, Value, canonical,
};

/// Keys in the state `position`: several pages.
pub(crate) const KEYS: usize = 1000;

pub(crate) struct Fake {
    description: SnapshotDescription,
    tables: Vec<(OperatorId, Arc<StateSchema>, RowBatch)>,
    /// A row of `position` before which reading fails once, as if a block were damaged.
    pub(crate) damage_at: Option<usize>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let (aircraft, source) = (OperatorUid::new("aircraft"), OperatorUid::new("flights/source"));
        let keyed = [position(), visits(), rotations(), timers()];
        let tables: Vec<_> = keyed
            .into_iter()
            .map(|batch| (aircraft.id(), Arc::clone(batch.schema()), batch))
            .chain([positions()].map(|batch| (source.id(), Arc::clone(batch.schema()), batch)))
            .collect();
        let operator = |uid: &OperatorUid, name: &str| OperatorState {
            id: uid.id(),
            uid: Some(uid.clone()),
            name: Some(name.into()),
            parallelism: 2,
            max_parallelism: 128,
            key_group_function: KeyGroupFunction::JavaHash,
            finished: Finished::No,
            coordinator: false,
            states: tables
                .iter()
                .filter(|(id, ..)| *id == uid.id())
                .map(|(_, _, batch)| table(batch))
                .collect(),
        };
        let description = SnapshotDescription {
            format: "alluvium",
            format_version: 1,
            kind: "savepoint",
            layout: "compacted".into(),
            id: Some(12),
            operators: vec![operator(&source, "flights"), operator(&aircraft, "follow aircraft")],
            backend: None,
            facts: vec![],
        };
        Fake { description, tables, damage_at: None }
    }

    fn table(&self, operator: OperatorId, state: &str) -> Result<&RowBatch, SourceError> {
        let found = self.tables.iter().find(|(id, schema, _)| *id == operator && schema.name == state);
        found.map(|(.., batch)| batch).ok_or_else(|| SourceError::new(ErrorKind::Input, "no such state"))
    }
}

fn table(batch: &RowBatch) -> StateTable {
    let mut rows_by_key_group: Vec<(KeyGroup, u64)> = Vec::new();
    for row in 0..batch.len() {
        match rows_by_key_group.last_mut() {
            Some((group, n)) if *group == batch.key_group(row) => *n += 1,
            _ => rows_by_key_group.push((batch.key_group(row), 1)),
        }
    }
    let is_list = batch.schema().kind == StateKind::List;
    StateTable {
        schema: Arc::clone(batch.schema()),
        entries: Some(if is_list { 2 } else { batch.len() as u64 }),
        elements: is_list.then_some(batch.len() as u64),
        bytes: Some(batch.len() as u64 * 21),
        opaque: false,
        rows_by_key_group,
        serializers: Default::default(),
    }
}

fn row(key: &str) -> Row {
    let key = Value::String(key.into());
    let bytes = canonical::to_bytes(&key, &LogicalType::String).unwrap();
    let max = MaxParallelism::new(128).unwrap();
    Row {
        key_group: KeyGroupFunction::JavaHash.place(&key, &LogicalType::String, &bytes, max).unwrap(),
        key,
        ..Row::default()
    }
}

fn build(schema: StateSchema, rows: impl IntoIterator<Item = Row>) -> RowBatch {
    let mut builder = RowBatchBuilder::new(Arc::new(schema), false);
    rows.into_iter().for_each(|row| builder.push(row).unwrap());
    builder.finish().unwrap()
}

fn position() -> RowBatch {
    let value = StructType::of([
        ("airport", ElementType::nullable(LogicalType::String)),
        ("last_arrival", ElementType::nullable(LogicalType::timestamp_ms())),
        ("flights", ElementType::required(LogicalType::Int64)),
    ]);
    let schema = StateSchema::new("position", StateKind::Value)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Struct(value)));
    let values = |i: usize| {
        let airport = if i.is_multiple_of(7) {
            Value::Null
        } else {
            Value::String(["JFK", "LGA", "EWR"][i % 3].into())
        };
        Value::Struct(vec![airport, Value::Int(1_357_034_400_000 + i as i64 * 60_000), Value::Int(i as i64)])
    };
    build(schema, (0..KEYS).map(|i| Row { value: values(i), ..row(&format!("N{}", 10_000 + i)) }))
}

fn visits() -> RowBatch {
    let schema = StateSchema::new("visits", StateKind::Map)
        .with_key(LogicalType::String)
        .with_map_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    let keys = ["N14228", "evil\u{1b}[2J\u{202e}\n"];
    let rows = keys.iter().flat_map(|key| {
        ["IAH", "ORD", "東京"].iter().enumerate().map(|(i, airport)| Row {
            map_key: Value::String((*airport).into()),
            value: Value::Int(i as i64 + 1),
            ..row(key)
        })
    });
    build(schema, rows)
}

fn rotations() -> RowBatch {
    let schema = StateSchema::new("rotations", StateKind::List)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Bytes))
        .with_ttl_ms(86_400_000);
    let rows = [("N14228", 5), ("N24211", 1200)].into_iter().flat_map(|(key, n)| {
        (0..n).map(move |i| Row {
            position: i * 8,
            value: Value::Bytes(vec![0, 1, i as u8]),
            last_access: Some(1_000 + i),
            ..row(key)
        })
    });
    build(schema, rows)
}

fn timers() -> RowBatch {
    let schema =
        StateSchema::new("timers", StateKind::Timer(TimeDomain::Event)).with_key(LogicalType::String);
    build(schema, [Row { position: 1_357_077_600_000, ..row("N14228") }])
}

fn positions() -> RowBatch {
    let schema = StateSchema::new("source-positions", StateKind::OperatorList).with_value(
        ElementType::required(LogicalType::Tuple(vec![
            ElementType::required(LogicalType::Int32),
            ElementType::required(LogicalType::Int64),
        ])),
    );
    let rows = (0..8).map(|i| Row {
        subtask: i / 4,
        position: i64::from(i % 4),
        value: Value::Struct(vec![Value::Int(i.into()), Value::Int(1000)]),
        ..row("")
    });
    build(schema, rows)
}

impl SnapshotSource for Fake {
    fn describe(&self) -> &SnapshotDescription {
        &self.description
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        let batch = self.table(scan.operator, &scan.state)?;
        let after = |row: usize| match &scan.after {
            Some((group, key)) => (batch.key_group(row), batch.sort_key(row)) > (*group, key),
            None => true,
        };
        let prefix = scan.prefix.clone().unwrap_or_default();
        let rows: Vec<usize> =
            (0..batch.len()).filter(|row| after(*row) && batch.sort_key(*row).starts_with(&prefix)).collect();
        let damage_at = self.damage_at.filter(|_| scan.state == "position");
        Ok(Box::new(Stream { batch, rows, next: 0, batch_rows: scan.batch_rows, damage_at }))
    }

    fn lookup(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
        let batch = self.table(operator, state)?;
        let prefix = canonical::to_bytes(key, &LogicalType::String).unwrap();
        let rows = (0..batch.len()).filter(|row| batch.sort_key(*row).starts_with(&prefix));
        Ok(rows.map(|row| batch.slice(row, 1)).collect())
    }

    fn digest(&self, _: OperatorId, _: &str) -> Result<Option<TableDigest>, SourceError> {
        Ok(None)
    }

    fn verify(&self, _: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        Ok(Verified::default())
    }
}

struct Stream<'a> {
    batch: &'a RowBatch,
    rows: Vec<usize>,
    next: usize,
    batch_rows: usize,
    damage_at: Option<usize>,
}

impl RowStream for Stream<'_> {
    fn schema(&self) -> &Arc<StateSchema> {
        self.batch.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        let Some(first) = self.rows.get(self.next).copied() else { return Ok(None) };
        if self.damage_at.is_some_and(|at| first >= at) {
            self.damage_at = None;
            self.next += 1;
            return Err(SourceError::new(
                ErrorKind::Corrupt,
                "object a1: block 7: digest differs (DIGEST-2)",
            ));
        }
        let mut len = 1;
        while len < self.batch_rows && self.rows.get(self.next + len) == Some(&(first + len)) {
            if self.damage_at == Some(first + len) {
                break;
            }
            len += 1;
        }
        self.next += len;
        Ok(Some(self.batch.slice(first, len)))
    }
}
