//! A snapshot in memory for the tests of this crate.

use std::ops::ControlFlow;
use std::sync::Arc;

use alluvium_model::digest::{RowHasher, TableDigest};
use alluvium_model::source::{Damage, OperatorState, RowStream, SourceError, StateTable, Verified};
use alluvium_model::{
    ElementType, ErrorKind, Finished, KeyGroup, KeyGroupFunction, LogicalType, OperatorId, OperatorUid, Row,
    RowBatch, RowBatchBuilder, Scan, SnapshotDescription, SnapshotSource, StateKind, StateSchema, Value,
};

/// A snapshot of one operator, its rows in memory, handed out in batches of two.
pub(crate) struct Fake {
    description: SnapshotDescription,
    tables: Vec<RowBatch>,
    pub(crate) digests: bool,
}

/// Returns a snapshot of operator `air/craft` with a map, a list with time to live, a timer and an
/// operator list.
pub(crate) fn snapshot() -> Fake {
    Fake::new(
        "air/craft",
        4,
        vec![
            visits(&[(1, "N1", "JFK", 2), (1, "N1", "EWR", 1), (2, "N2", "LGA", 5)]),
            rotations(),
            timers(),
            positions(&[(0, 0, 7), (1, 0, 9)]),
        ],
    )
}

pub(crate) fn visits(rows: &[(u16, &str, &str, i64)]) -> RowBatch {
    let schema = keyed("visits", StateKind::Map)
        .with_map_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    build(
        schema,
        rows.iter().map(|(group, key, airport, count)| Row {
            key_group: KeyGroup(*group),
            key: Value::String((*key).into()),
            map_key: Value::String((*airport).into()),
            value: Value::Int(*count),
            ..Row::default()
        }),
    )
}

pub(crate) fn rotations() -> RowBatch {
    let schema = keyed("rotations", StateKind::List)
        .with_value(ElementType::nullable(LogicalType::Int64))
        .with_ttl_ms(1000);
    let rows = [(1, "N1", 10, Value::Int(1)), (1, "N1", 20, Value::Null), (2, "N2", 0, Value::Int(3))];
    build(
        schema,
        rows.into_iter().map(|(group, key, position, value)| Row {
            key_group: KeyGroup(group),
            key: Value::String(key.into()),
            position,
            value,
            last_access: Some(position + 5),
            ..Row::default()
        }),
    )
}

fn timers() -> RowBatch {
    let schema = keyed("timers", StateKind::Timer(alluvium_model::TimeDomain::Event))
        .with_namespace(LogicalType::TimeWindow);
    build(
        schema,
        [Row {
            key_group: KeyGroup(3),
            key: Value::String("N3".into()),
            namespace: Value::Window { start: 0, end: 60 },
            position: 59,
            ..Row::default()
        }],
    )
}

pub(crate) fn positions(rows: &[(i32, i64, i64)]) -> RowBatch {
    let schema = StateSchema::new("source-positions", StateKind::OperatorList)
        .with_value(ElementType::required(LogicalType::Int64));
    build(
        schema,
        rows.iter().map(|(subtask, index, value)| Row {
            subtask: *subtask,
            position: *index,
            value: Value::Int(*value),
            ..Row::default()
        }),
    )
}

pub(crate) fn keyed(name: &str, kind: StateKind) -> StateSchema {
    StateSchema::new(name, kind).with_key(LogicalType::String)
}

pub(crate) fn build(schema: StateSchema, rows: impl IntoIterator<Item = Row>) -> RowBatch {
    let mut builder = RowBatchBuilder::new(Arc::new(schema), false);
    rows.into_iter().for_each(|row| builder.push(row).unwrap());
    builder.finish().unwrap()
}

impl Fake {
    pub(crate) fn new(uid: &str, max_parallelism: u32, tables: Vec<RowBatch>) -> Self {
        let uid = OperatorUid::new(uid);
        let states = tables.iter().map(|rows| StateTable {
            schema: Arc::clone(rows.schema()),
            entries: None,
            elements: None,
            bytes: None,
            opaque: false,
            rows_by_key_group: Vec::new(),
            serializers: Default::default(),
        });
        let operator = OperatorState {
            id: uid.id(),
            uid: Some(uid),
            name: None,
            parallelism: 1,
            max_parallelism,
            key_group_function: KeyGroupFunction::JavaHash,
            finished: Finished::No,
            coordinator: false,
            states: states.collect(),
        };
        let description = SnapshotDescription {
            format: "alluvium",
            format_version: 1,
            kind: "savepoint",
            layout: "compacted".into(),
            id: Some(1),
            operators: vec![operator],
            backend: None,
            facts: Vec::new(),
        };
        Fake { description, tables, digests: false }
    }

    fn table(&self, state: &str) -> Result<&RowBatch, SourceError> {
        let found = self.tables.iter().find(|rows| rows.schema().name == state);
        found.ok_or_else(|| SourceError::new(ErrorKind::Input, "no such state"))
    }

    fn select(
        &self,
        state: &str,
        keep: impl Fn(KeyGroup, &[u8]) -> bool,
    ) -> Result<Vec<RowBatch>, SourceError> {
        let rows = self.table(state)?;
        let kept = (0..rows.len()).filter(|row| keep(rows.key_group(*row), rows.sort_key(*row)));
        Ok(kept.map(|row| rows.slice(row, 1)).collect())
    }
}

struct Batches {
    schema: Arc<StateSchema>,
    batches: std::vec::IntoIter<RowBatch>,
}

impl RowStream for Batches {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        Ok(self.batches.next())
    }
}

impl SnapshotSource for Fake {
    fn describe(&self) -> &SnapshotDescription {
        &self.description
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        let batches = self.select(&scan.state, |group, sort_key| {
            scan.key_groups.is_none_or(|range| range.contains(group))
                && scan.prefix.as_ref().is_none_or(|prefix| sort_key.starts_with(prefix))
                && scan.after.as_ref().is_none_or(|(after, key)| (group, sort_key) > (*after, key.as_slice()))
        })?;
        Ok(Box::new(Batches {
            schema: Arc::clone(self.table(&scan.state)?.schema()),
            batches: batches.into_iter(),
        }))
    }

    fn lookup(&self, _: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
        let prefix = alluvium_model::canonical::to_bytes(key, &LogicalType::String).unwrap();
        self.select(state, |_, sort_key| sort_key.starts_with(&prefix))
    }

    fn digest(&self, _: OperatorId, state: &str) -> Result<Option<TableDigest>, SourceError> {
        if !self.digests {
            return Ok(None);
        }
        let mut hasher = RowHasher::default();
        hasher.update(self.table(state)?).unwrap();
        Ok(Some(hasher.finish()))
    }

    fn verify(&self, report: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        let damage = |message: &str| Damage {
            rule: "DIGEST-2",
            place: "objects/1".into(),
            operator: None,
            state: None,
            message: message.into(),
        };
        let _ = report(damage("first")).is_continue() && report(damage("second")).is_continue();
        Ok(Verified { objects: 1, bytes: 2, rows: 3 })
    }
}
