use std::sync::Arc;

use super::Database;
use super::key::{InternalKey, Kind};
use super::sst::{Block, Codec, Source, Table};
use crate::{Error, Result};

const SECTION: &str = "table";

/// What was verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Tables of which every block is as it was written.
    pub tables: u64,
    /// Blocks whose checksum was compared.
    pub blocks: u64,
    /// Their bytes in the files.
    pub bytes: u64,
    /// Entries of the tables: every version, deletion and operand.
    pub entries: u64,
}

impl Database {
    /// Reads every block of every table and hands what is wrong to `report`: checksums, entries that
    /// do not decode or are out of order, keys outside of what the `MANIFEST` has, other counts than
    /// the properties have, tables that the `MANIFEST` does not name. A table with a fault is left,
    /// the others are still read.
    pub fn verify(&self, report: &mut dyn FnMut(Error)) -> Verified {
        let mut verified = Verified::default();
        for name in self.unreferenced() {
            report(Error::Malformed {
                section: "database",
                offset: 0,
                wanted: "tables that the MANIFEST names",
                found: name.clone(),
            });
        }
        for family in 0..self.column_families().len() {
            for index in 0..self.tables().family(family).len() {
                let table = match self.tables().open(family, index) {
                    Ok(table) => table,
                    Err(error) => {
                        report(error);
                        continue;
                    }
                };
                match verify_table(&table, &mut verified) {
                    Ok(()) => verified.tables += 1,
                    Err(error) => report(self.tables().within(family, index, error)),
                }
            }
        }
        verified
    }
}

fn verify_table(table: &Table, verified: &mut Verified) -> Result<()> {
    let mut source = Source::ahead(Arc::clone(table.file()));
    let mut meta_source = Source::exact(Arc::clone(table.file()));
    let mut codec = Codec::default();
    for handle in table.meta() {
        // The properties were verified when the table was opened; see there for why their checksum
        // can be another one.
        if !table.is_properties(*handle) {
            verified.bytes += table.check(&mut meta_source, *handle)?;
        }
        verified.blocks += 1;
    }
    let top = table.block(&mut meta_source, &mut codec, table.index())?;
    let mut index = table.index_cursor(top);
    let mut order = Order { table, last: Vec::new(), entries: 0 };
    let mut found = index.seek(None, |handle| table.block(&mut meta_source, &mut codec, handle))?;
    while found {
        let handle = index.handle();
        let block = table.block(&mut source, &mut codec, handle)?;
        order.block(block, index.separator())?;
        verified.blocks += 1;
        verified.bytes += handle.size;
        found = index.advance(|handle| table.block(&mut meta_source, &mut codec, handle))?;
    }
    verified.entries += order.entries;
    order.finish()
}

/// Follows the order of the entries of a table.
struct Order<'a> {
    table: &'a Table,
    last: Vec<u8>,
    entries: u64,
}

impl Order<'_> {
    fn block(&mut self, block: Block, separator: &[u8]) -> Result<()> {
        let mut entries = self.table.entries(block);
        while entries.advance()? {
            let key = InternalKey::read(entries.key(), entries.value_offset())?;
            Kind::of(key.trailer, entries.value_offset())?;
            let before = InternalKey::split(&self.last);
            if before.is_some_and(|before| before >= key) {
                return Err(malformed(entries.value_offset(), "a key behind the one before", "another"));
            }
            let file = self.table.description();
            if key.user < file.first_key() || key.user > file.last_key() {
                return Err(malformed(
                    entries.value_offset(),
                    "a key within the bounds of the table",
                    "another",
                ));
            }
            if key.user > separator {
                return Err(malformed(entries.value_offset(), "a key that its index covers", "another"));
            }
            self.last.clear();
            self.last.extend_from_slice(entries.key());
            self.entries += 1;
        }
        Ok(())
    }

    /// Compares the count with the properties, which count deleted ranges or, in old releases, do not.
    fn finish(self) -> Result<()> {
        let stored = self.table.properties().entries;
        let ranges = self.table.deleted_ranges();
        if stored != self.entries && stored != self.entries + ranges {
            return Err(malformed(0, "as many entries as the properties have", self.entries));
        }
        Ok(())
    }
}

fn malformed(offset: u64, wanted: &'static str, found: impl ToString) -> Error {
    Error::Malformed { section: SECTION, offset, wanted, found: found.to_string() }
}
