use std::sync::Arc;

use alluvium_model::{
    Error, KeyGroup, Result, Role, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema, canonical,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, RecordBatchOptions, UInt16Array, UInt32Array,
};
use arrow_buffer::{Buffer as Bytes, OffsetBuffer, ScalarBuffer};
use arrow_select::{interleave::interleave, take::take};

use super::Buffer;

/// Rows of a keyed table in columns: those of whole key groups, in canonical order, and those of the key
/// group that is being read, as they come.
#[derive(Debug)]
pub(crate) struct Pending {
    schema: Arc<StateSchema>,
    /// What of a row is being appended.
    pub(crate) staged: Staged,
    groups: Vec<u16>,
    positions: Vec<i64>,
    last_accesses: Vec<i64>,
    /// Sort keys as rows come; one offset more than rows.
    sort_offsets: Vec<usize>,
    sort_bytes: Vec<u8>,
    /// Rows that columns cannot hold, or not exactly, with their numbers; null in the columns.
    single: Vec<(u32, Row)>,
    /// Numbers of the rows in canonical order.
    order: Vec<u32>,
    /// Number of the first row of the key group that is being read.
    begin: usize,
}

/// A batch of rows that columns cannot hold; and for each row of the result whether it lies in the columns (0)
/// or in that batch (1), and where.
type Singles = (RowBatch, Vec<(usize, usize)>);

/// The typed columns.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) key: Buffer,
    pub(crate) namespace: Option<Buffer>,
    pub(crate) map_key: Option<Buffer>,
    pub(crate) value: Option<Buffer>,
}

impl Staged {
    fn each(&mut self) -> impl Iterator<Item = &mut Buffer> {
        let others = [&mut self.namespace, &mut self.map_key, &mut self.value];
        std::iter::once(&mut self.key).chain(others.into_iter().flatten())
    }
}

impl Pending {
    /// Starts without rows; none for a table that is not one of keyed state.
    pub(crate) fn new(schema: &Arc<StateSchema>) -> Option<Self> {
        let key = schema.key.as_ref().filter(|_| schema.kind.is_keyed())?;
        let has_map_key = schema.kind == StateKind::Map;
        if has_map_key != schema.map_key.is_some() {
            return None;
        }
        let staged = Staged {
            key: Buffer::new(key),
            namespace: schema.namespace.as_ref().map(Buffer::new),
            map_key: schema.map_key.as_ref().map(Buffer::new),
            value: schema.value.as_ref().map(|value| Buffer::new(&value.ty)),
        };
        Some(Pending {
            schema: Arc::clone(schema),
            staged,
            groups: Vec::new(),
            positions: Vec::new(),
            last_accesses: Vec::new(),
            sort_offsets: vec![0],
            sort_bytes: Vec::new(),
            single: Vec::new(),
            order: Vec::new(),
            begin: 0,
        })
    }

    /// Returns the number of rows in canonical order.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes the row whose parts were appended to [`Pending::staged`]; none if its parts have no sort
    /// key, after which [`Pending::undo`] comes.
    pub(crate) fn commit(&mut self, group: KeyGroup, position: i64, last_access: i64) -> Option<()> {
        let row = self.groups.len();
        let out = &mut self.sort_bytes;
        self.staged.key.canonical(row, out)?;
        if let Some(namespace) = &self.staged.namespace {
            namespace.canonical(row, out)?;
        }
        out.push(0x01);
        if let Some(map_key) = &self.staged.map_key {
            map_key.canonical(row, out)?;
        }
        if matches!(self.schema.kind, StateKind::List | StateKind::Timer(_)) {
            canonical::push_i64(position, out);
        }
        self.end_row(group, position, last_access);
        Some(())
    }

    /// Takes a row that the columns cannot hold.
    pub(crate) fn push_single(&mut self, sort_key: &[u8], row: Row) {
        let number = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        self.staged.each().for_each(Buffer::push_null);
        self.sort_bytes.extend_from_slice(sort_key);
        self.end_row(row.key_group, row.position, row.last_access.unwrap_or(0));
        self.single.push((number, row));
    }

    fn end_row(&mut self, group: KeyGroup, position: i64, last_access: i64) {
        self.sort_offsets.push(self.sort_bytes.len());
        self.groups.push(group.0);
        self.positions.push(position);
        self.last_accesses.push(last_access);
    }

    /// Takes back what was appended of a row.
    pub(crate) fn undo(&mut self) {
        self.truncate(self.groups.len());
    }

    fn truncate(&mut self, len: usize) {
        self.staged.each().for_each(|buffer| buffer.truncate(len));
        self.groups.truncate(len);
        self.positions.truncate(len);
        self.last_accesses.truncate(len);
        self.sort_offsets.truncate(len + 1);
        self.sort_bytes.truncate(self.sort_offsets.last().copied().unwrap_or(0));
        while self.single.pop_if(|(number, _)| *number as usize >= len).is_some() {}
    }

    fn sort_key(&self, row: usize) -> &[u8] {
        let range = self.sort_offsets.get(row).zip(self.sort_offsets.get(row + 1));
        range.and_then(|(from, to)| self.sort_bytes.get(*from..*to)).unwrap_or_default()
    }

    /// Returns the rows of the key group, each with eight bytes of its sort key: the first, or the first
    /// behind those that all have.
    fn heads(&self) -> Vec<(u64, u32)> {
        let heads = self.heads_from(0);
        let same = heads.first().is_some_and(|(first, _)| heads.iter().all(|(head, _)| head == first));
        if !same || heads.len() == 1 {
            return heads;
        }
        let first = self.sort_key(self.begin);
        let common = (self.begin..self.groups.len()).map(|row| common_len(first, self.sort_key(row)));
        self.heads_from(common.min().unwrap_or(0))
    }

    fn heads_from(&self, from: usize) -> Vec<(u64, u32)> {
        let head = |row: usize| {
            let key = self.sort_key(row).get(from..).unwrap_or_default();
            let mut head = [0; 8];
            match key.first_chunk() {
                Some(whole) => head = *whole,
                None => head.iter_mut().zip(key).for_each(|(to, from)| *to = *from),
            }
            (u64::from_be_bytes(head), u32::try_from(row).unwrap_or(u32::MAX))
        };
        (self.begin..self.groups.len()).map(head).collect()
    }

    /// Ends a key group: puts its rows in order, of equal ones the first, and keeps those that are
    /// wanted by their sort keys. Returns how many rows were equal to another.
    pub(crate) fn end_group(&mut self, wants: impl Fn(&[u8]) -> bool) -> usize {
        let mut order = self.heads();
        let tail = |a: u32, b: u32| self.sort_key(a as usize).cmp(self.sort_key(b as usize));
        let less = |a: &(u64, u32), b: &(u64, u32)| a.0.cmp(&b.0).then_with(|| tail(a.1, b.1));
        if !order.is_sorted_by(|a, b| less(a, b).is_lt()) {
            order.sort_unstable();
            for equal in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|equal| equal.len() > 1) {
                equal.sort_by(|a, b| tail(a.1, b.1));
            }
        }
        let all = order.len();
        order.dedup_by(|later, earlier| less(later, earlier).is_eq());
        let equal = all - order.len();
        let wanted = order.into_iter().map(|(_, row)| row).filter(|row| wants(self.sort_key(*row as usize)));
        let wanted: Vec<u32> = wanted.collect();
        if wanted.is_empty() {
            self.truncate(self.begin);
        }
        self.order.extend(wanted);
        self.begin = self.groups.len();
        equal
    }

    /// Returns the rows.
    ///
    /// # Errors
    /// As for [`RowBatchBuilder::finish`].
    pub(crate) fn finish(mut self) -> Result<RowBatch> {
        let schema = Arc::clone(&self.schema);
        let (sort_keys, order) = (self.sort_keys()?, std::mem::take(&mut self.order));
        let single = self.singles(&order)?;
        let in_order = order.len() == self.groups.len() && order.iter().zip(0..).all(|(a, b)| *a == b);
        let arrange = Arrange { order: UInt32Array::from(order), in_order, single };
        let len = arrange.order.len();
        let columns = schema.roles(false).into_iter().zip(0..);
        let columns =
            columns.map(|(role, place)| self.column(role, place, &arrange)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        let rows = RecordBatch::try_new_with_options(schema.arrow_schema(false), columns, &options)?;
        RowBatch::new(schema, false, rows, sort_keys)
    }

    fn sort_keys(&self) -> Result<BinaryArray> {
        let mut offsets = Vec::with_capacity(self.order.len() + 1);
        let mut bytes = Vec::with_capacity(self.sort_bytes.len());
        offsets.push(0);
        for row in &self.order {
            bytes.extend_from_slice(self.sort_key(*row as usize));
            offsets.push(i32::try_from(bytes.len()).map_err(|_| Error::Layout {
                state: self.schema.name.clone(),
                column: "sort_key".into(),
                found: "more than 2 GiB".into(),
            })?);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(BinaryArray::try_new(offsets, Bytes::from_vec(bytes), None)?)
    }

    /// Makes a batch of the rows that columns cannot hold, in canonical order; and says of each row of the
    /// result whether it is one of these, and which.
    fn singles(&mut self, order: &[u32]) -> Result<Option<Singles>> {
        if self.single.is_empty() {
            return Ok(None);
        }
        let mut left: Vec<(u32, Option<Row>)> =
            self.single.drain(..).map(|(number, row)| (number, Some(row))).collect();
        let mut builder = RowBatchBuilder::new(Arc::clone(&self.schema), false);
        let mut places = Vec::with_capacity(order.len());
        for number in order {
            let found = left.binary_search_by_key(number, |(number, _)| *number).ok();
            match found.and_then(|at| left.get_mut(at)).and_then(|(_, row)| row.take()) {
                Some(row) => {
                    places.push((1, builder.len()));
                    builder.push_keyed(self.sort_key(*number as usize).to_vec(), row);
                }
                None => places.push((0, *number as usize)),
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        Ok(Some((builder.finish()?, places)))
    }

    fn column(&mut self, role: Role, place: usize, arrange: &Arrange) -> Result<ArrayRef> {
        let staged = &mut self.staged;
        let typed = |buffer: Option<&mut Buffer>| match buffer {
            Some(buffer) => {
                std::mem::replace(buffer, Buffer::new(&alluvium_model::LogicalType::Bool)).finish()
            }
            None => Err(Error::Layout {
                state: self.schema.name.clone(),
                column: role.name().into(),
                found: "no type".into(),
            }),
        };
        let column: ArrayRef = match role {
            Role::KeyGroup => Arc::new(UInt16Array::from(std::mem::take(&mut self.groups))),
            Role::ListPos | Role::Timestamp => {
                Arc::new(Int64Array::from(std::mem::take(&mut self.positions)))
            }
            Role::LastAccess => Arc::new(Int64Array::from(std::mem::take(&mut self.last_accesses))),
            Role::Key => typed(Some(&mut staged.key))?,
            Role::Namespace => typed(staged.namespace.as_mut())?,
            Role::MapKey => typed(staged.map_key.as_mut())?,
            Role::Value => typed(staged.value.as_mut())?,
            _ => match &arrange.single {
                None => return Ok(Arc::new(BinaryArray::new_null(arrange.order.len()))),
                Some(_) => Arc::new(BinaryArray::new_null(self.sort_offsets.len().saturating_sub(1))),
            },
        };
        arrange.column(&column, place)
    }
}

fn common_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Where the rows of the result come from.
struct Arrange {
    order: UInt32Array,
    /// Whether this is the order of the columns.
    in_order: bool,
    single: Option<(RowBatch, Vec<(usize, usize)>)>,
}

impl Arrange {
    fn column(&self, column: &ArrayRef, place: usize) -> Result<ArrayRef> {
        match &self.single {
            None if self.in_order => Ok(Arc::clone(column)),
            None => Ok(take(column, &self.order, None)?),
            Some((batch, places)) => {
                let single = batch.rows().columns().get(place);
                let columns: Vec<&dyn Array> =
                    std::iter::once(column).chain(single).map(AsRef::as_ref).collect();
                Ok(interleave(&columns, places)?)
            }
        }
    }
}
