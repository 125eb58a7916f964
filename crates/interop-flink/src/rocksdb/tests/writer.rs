//! Writes what no engine would: databases made by hand.

use super::Files;
use crate::rocksdb::checksum::masked_crc;

pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

pub(super) fn internal(user: &[u8], sequence: u64, kind: u8) -> Vec<u8> {
    [user, &(sequence << 8 | u64::from(kind)).to_le_bytes()].concat()
}

/// Appends a fragment of a log. `log` is the number that recyclable types carry.
pub(super) fn fragment(kind: u8, log: Option<u32>, payload: &[u8], out: &mut Vec<u8>) {
    let mut covered = vec![kind];
    covered.extend(log.iter().flat_map(|log| log.to_le_bytes()));
    covered.extend(payload);
    out.extend(masked_crc(&covered).to_le_bytes());
    out.extend((payload.len() as u16).to_le_bytes());
    out.extend(covered);
}

/// A block of entries with a restart at each.
pub(super) fn block(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut restarts) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        restarts.push(out.len() as u32);
        varint(0, &mut out);
        varint(key.len() as u64, &mut out);
        varint(value.len() as u64, &mut out);
        out.extend(key);
        out.extend(value);
    }
    if restarts.is_empty() {
        restarts.push(0);
    }
    out.extend(restarts.iter().flat_map(|restart| restart.to_le_bytes()));
    out.extend((restarts.len() as u32).to_le_bytes());
    out
}

/// A table that is put together block by block.
#[derive(Debug, Clone, Default)]
pub(super) struct TableWriter {
    bytes: Vec<u8>,
    index: Vec<(Vec<u8>, Vec<u8>)>,
    meta: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) properties: Vec<(Vec<u8>, Vec<u8>)>,
}

impl TableWriter {
    /// Appends a block with its trailer and returns its handle.
    pub(super) fn raw(&mut self, bytes: &[u8], compression: u8) -> Vec<u8> {
        let mut handle = Vec::new();
        varint(self.bytes.len() as u64, &mut handle);
        varint(bytes.len() as u64, &mut handle);
        let stored = [bytes, &[compression]].concat();
        self.bytes.extend(&stored);
        self.bytes.extend(masked_crc(&stored).to_le_bytes());
        handle
    }

    /// Appends a data block with the last key that the index is to have for it.
    pub(super) fn data(&mut self, bytes: &[u8], compression: u8, last: &[u8]) {
        let handle = self.raw(bytes, compression);
        self.index.push((last.to_vec(), handle));
    }

    /// Appends a data block of entries.
    pub(super) fn entries(&mut self, entries: &[(Vec<u8>, Vec<u8>)]) {
        let last = entries.last().unwrap().0.clone();
        self.data(&block(entries), 0, &last);
    }

    /// Adds an entry to the index.
    pub(super) fn index(&mut self, key: &[u8], handle: Vec<u8>) {
        self.index.push((key.to_vec(), handle));
    }

    /// Appends a block that the metaindex names.
    pub(super) fn meta(&mut self, name: &str, bytes: &[u8]) {
        let handle = self.raw(bytes, 0);
        self.meta.push((name.as_bytes().to_vec(), handle));
    }

    pub(super) fn property(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.properties.push((name.as_bytes().to_vec(), value.into()));
    }

    /// Appends index, properties, metaindex and a footer of format version 2.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let index = self.raw(&block(&self.index), 0);
        self.properties.sort();
        self.meta("rocksdb.properties", &block(&self.properties));
        self.meta.sort();
        let metaindex = self.raw(&block(&self.meta), 0);
        let mut footer = vec![1];
        footer.extend(metaindex);
        footer.extend(index);
        footer.resize(41, 0);
        footer.extend(2u32.to_le_bytes());
        footer.extend(0x88e2_41b7_85f4_cff7u64.to_le_bytes());
        self.bytes.extend(footer);
        self.bytes
    }
}

/// The edit that adds a table to column family 0.
pub(super) fn added(level: u64, number: u64, table: &[u8], smallest: &[u8], largest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in [100, level, number, table.len() as u64] {
        varint(value, &mut out);
    }
    prefixed(smallest, &mut out);
    prefixed(largest, &mut out);
    varint(0, &mut out);
    varint(1000, &mut out);
    out
}

/// The edit that sets the last sequence number.
pub(super) fn last_sequence(sequence: u64) -> Vec<u8> {
    let mut out = vec![4];
    varint(sequence, &mut out);
    out
}

/// A database with the given records in its MANIFEST.
pub(super) fn database(records: &[Vec<u8>], tables: &[(u64, Vec<u8>)]) -> Files {
    let mut log = Vec::new();
    for record in records {
        fragment(1, None, record, &mut log);
    }
    with_log(log, tables)
}

pub(super) fn with_log(log: Vec<u8>, tables: &[(u64, Vec<u8>)]) -> Files {
    let mut files =
        vec![("CURRENT".to_owned(), b"MANIFEST-000001\n".to_vec()), ("MANIFEST-000001".to_owned(), log)];
    files.extend(tables.iter().map(|(number, bytes)| (format!("{number:06}.sst"), bytes.clone())));
    files
}

/// A database of one table in level 1 that holds keys from `a` to `z`.
pub(super) fn of_table(table: Vec<u8>) -> Files {
    let (first, last) = (internal(b"a", 1000, 1), internal(b"z", 1, 1));
    database(&[last_sequence(1000), added(1, 7, &table, &first, &last)], &[(7, table)])
}
