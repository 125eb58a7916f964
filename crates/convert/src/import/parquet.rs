use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_model::column::value_with_raw;
use alluvium_model::{Error as ModelError, LogicalType, Role, Row, RowBatch, StateKind, StateSchema, Value};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, UInt16Array, UInt32Array,
};
use arrow_cast::cast::cast;
use arrow_schema::Field;
use arrow_select::take::{take, take_record_batch};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::StateFile;
use super::place::Placer;
use crate::Error;
use crate::error::{BadRow, Result};

/// Batches of a Parquet file, each in canonical order.
pub(super) struct Chunks {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    schema: Arc<StateSchema>,
    placer: Placer,
    last_access_ms: Option<i64>,
    row: u64,
    /// Elements so far of each list whose rows have no position.
    ranks: HashMap<Vec<u8>, i64>,
}

impl Chunks {
    pub(super) fn open(
        file: &StateFile,
        schema: &Arc<StateSchema>,
        placer: Placer,
        last_access_ms: Option<i64>,
    ) -> Result<Self> {
        let path = file.path.clone();
        let opened = File::open(&path).map_err(Error::io(&path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(Error::parquet(&path))?;
        let known = |name: &String| schema.roles(false).iter().any(|role| role.name() == name);
        if let Some(field) = builder.schema().fields().iter().find(|field| !known(field.name())) {
            return Err(Error::BadColumn {
                path,
                column: field.name().clone(),
                found: "no column of this state".into(),
            });
        }
        let reader = builder.with_batch_size(CHUNK_ROWS).build().map_err(Error::parquet(&path))?;
        let schema = Arc::clone(schema);
        Ok(Chunks { path, reader, schema, placer, last_access_ms, row: 0, ranks: HashMap::new() })
    }

    fn chunk(&mut self, batch: &RecordBatch) -> Result<RowBatch> {
        let given = self.given(batch)?;
        let mut rows = Vec::with_capacity(batch.num_rows());
        for i in 0..batch.num_rows() {
            self.row += 1;
            let row = self.read(&given, i).map_err(|what| self.bad(what))?;
            rows.push(row);
        }
        let sort_keys = rows.iter().map(|row| row.sort_key(&self.schema)).collect::<Result<Vec<_>, _>>()?;
        let columns = self.schema.roles(false).into_iter().map(|role| self.column(role, &given, &rows));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let columns = RecordBatch::try_new(self.schema.arrow_schema(false), columns)
            .map_err(Error::arrow(&self.path))?;
        self.sorted(columns, &rows, &sort_keys)
    }

    /// Returns the columns that the file has, cast to the types of the table.
    fn given(&self, batch: &RecordBatch) -> Result<HashMap<Role, ArrayRef>> {
        let wanted = self.schema.arrow_schema(false);
        let mut given = HashMap::new();
        for (role, field) in self.schema.roles(false).into_iter().zip(wanted.fields()) {
            if let Some(column) = batch.column_by_name(role.name()) {
                given.insert(role, self.cast(column, field)?);
            }
        }
        Ok(given)
    }

    fn cast(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast(column, field.data_type()).map_err(|_| Error::BadColumn {
            path: self.path.clone(),
            column: field.name().clone(),
            found: format!("type {} instead of {}", column.data_type(), field.data_type()),
        })
    }

    fn bad(&self, what: BadRow) -> Error {
        Error::BadRow { path: self.path.clone(), row: self.row, what }
    }

    /// Reads what places a row: everything but its value.
    fn read(&mut self, given: &HashMap<Role, ArrayRef>, i: usize) -> Result<Row, BadRow> {
        let schema = Arc::clone(&self.schema);
        let typed = |role, raw, ty: Option<&LogicalType>| -> Result<Value, BadRow> {
            let Some(ty) = ty else { return Ok(Value::Null) };
            let column = given.get(&role).ok_or(BadRow::Missing(role.name()))?;
            match value_with_raw(column.as_ref(), given.get(&raw).map(|raw| raw.as_ref()), ty, i)? {
                Value::Null => Err(BadRow::Missing(role.name())),
                value => Ok(value),
            }
        };
        let mut row = Row {
            key: typed(Role::Key, Role::KeyRaw, schema.key.as_ref())?,
            namespace: typed(Role::Namespace, Role::NamespaceRaw, schema.namespace.as_ref())?,
            map_key: typed(Role::MapKey, Role::MapKeyRaw, schema.map_key.as_ref())?,
            ..Row::default()
        };
        let held = integer(given, Role::KeyGroup, i)?.map(i64::unsigned_abs);
        row.key_group = self.placer.place(&row, held)?;
        match schema.kind {
            StateKind::List => row.position = self.rank(integer(given, Role::ListPos, i)?, &row)?,
            StateKind::Timer(_) => {
                row.position = integer(given, Role::Timestamp, i)?.ok_or(BadRow::Missing("timestamp"))?;
            }
            StateKind::Broadcast => {}
            kind if !kind.is_keyed() => {
                row.subtask =
                    integer(given, Role::Subtask, i)?.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
                row.position = integer(given, Role::Index, i)?.unwrap_or(self.row as i64 - 1);
            }
            _ => {}
        }
        if schema.has_last_access() {
            let found = integer(given, Role::LastAccess, i)?.or(self.last_access_ms);
            row.last_access = Some(found.ok_or(BadRow::Missing("last_access"))?);
        }
        Ok(row)
    }

    /// Returns the position of a list element: the one it has, else the number of those before it.
    fn rank(&mut self, held: Option<i64>, row: &Row) -> Result<i64, BadRow> {
        match held {
            Some(held) => Ok(held),
            None => {
                let rank = self.ranks.entry(row.sort_key(&self.schema)?).or_insert(-1);
                *rank += 1;
                Ok(*rank)
            }
        }
    }

    /// Returns a column of the table: as given, or from what was computed.
    fn column(&self, role: Role, given: &HashMap<Role, ArrayRef>, rows: &[Row]) -> Result<ArrayRef> {
        let int64 = |of: &dyn Fn(&Row) -> i64| {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) as ArrayRef
        };
        Ok(match (role, given.get(&role)) {
            (Role::KeyGroup, _) => {
                Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.key_group.0)))
            }
            (Role::Subtask, _) => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.subtask))),
            (Role::ListPos | Role::Timestamp | Role::Index, _) => int64(&|row| row.position),
            (Role::LastAccess, _) => int64(&|row| row.last_access.unwrap_or_default()),
            (_, Some(column)) => Arc::clone(column),
            (Role::KeyRaw | Role::NamespaceRaw | Role::MapKeyRaw | Role::ValueRaw, None) => {
                Arc::new(BinaryArray::new_null(rows.len()))
            }
            (role, None) => {
                return Err(Error::BadColumn {
                    path: self.path.clone(),
                    column: role.name().into(),
                    found: "no such column".into(),
                });
            }
        })
    }

    fn sorted(&self, columns: RecordBatch, rows: &[Row], sort_keys: &[Vec<u8>]) -> Result<RowBatch> {
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        let key = |i: u32| (rows[i as usize].key_group, &sort_keys[i as usize]);
        order.sort_by(|a, b| key(*a).cmp(&key(*b)));
        if order.windows(2).any(|pair| key(pair[0]) == key(pair[1])) {
            let (state, found) = (self.schema.name.clone(), "two rows of one entry".into());
            return Err(ModelError::Layout { state, column: "*".into(), found }.into());
        }
        let sort_keys = BinaryArray::from_iter_values(sort_keys);
        let order = UInt32Array::from(order);
        let columns = take_record_batch(&columns, &order).map_err(Error::arrow(&self.path))?;
        let sort_keys = take(&sort_keys, &order, None).map_err(Error::arrow(&self.path))?;
        Ok(RowBatch::new(Arc::clone(&self.schema), false, columns, sort_keys.as_binary::<i32>().clone())?)
    }
}

impl Iterator for Chunks {
    type Item = Result<RowBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.reader.next()? {
            Ok(batch) => self.chunk(&batch),
            Err(error) => Err(Error::Arrow { path: self.path.clone(), source: error }),
        })
    }
}

fn integer(given: &HashMap<Role, ArrayRef>, role: Role, i: usize) -> Result<Option<i64>, BadRow> {
    let Some(column) = given.get(&role) else { return Ok(None) };
    if column.is_null(i) {
        return Ok(None);
    }
    let narrow = column.as_primitive_opt::<UInt16Type>().map(|c| i64::from(c.value(i)));
    let middle = || column.as_primitive_opt::<Int32Type>().map(|c| i64::from(c.value(i)));
    let wide = || column.as_primitive_opt::<Int64Type>().map(|c| c.value(i));
    Ok(narrow.or_else(middle).or_else(wide))
}

const CHUNK_ROWS: usize = 16_384;
