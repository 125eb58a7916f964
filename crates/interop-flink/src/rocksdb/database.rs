use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::cache::BlockCache;
use super::manifest::{self, ColumnFamily, TableFile};
use super::merge::Scan;
use super::run::{Reach, Run};
use super::sst::{Access, Table};
use crate::{Error, ReadAt, Result};

/// The files of one RocksDB or ForSt database, as a subtask's snapshot has them.
///
/// Cheap to clone; may be read by several threads at once. Tables stay open once they were reached
/// (their properties and deleted ranges: about a kilobyte each), and up to 4 MiB of index blocks and
/// of blocks that look-ups read are kept.
#[derive(Debug, Clone)]
pub struct Database {
    tables: Arc<Tables>,
    unreferenced: Arc<[String]>,
}

/// The tables of all column families.
#[derive(Debug)]
pub(super) struct Tables {
    families: Vec<ColumnFamily>,
    files: HashMap<u64, Arc<dyn ReadAt>>,
    open: HashMap<u64, OnceLock<Arc<Table>>>,
    cache: Arc<BlockCache>,
    last_sequence: u64,
}

impl Database {
    /// Opens a database from its files, each with the name that the engine knows it by: `CURRENT`,
    /// `MANIFEST-000005`, `000015.sst`. Reads `CURRENT` and the `MANIFEST`.
    ///
    /// # Errors
    /// [`Error::Missing`] for a file that is named and not given, [`Error::Malformed`] and
    /// [`Error::Truncated`] for bytes that break the format, [`Error::Unsupported`] for what is not
    /// read: another comparator, blob files, a write-ahead log that has data.
    pub fn open(files: Vec<(String, Arc<dyn ReadAt>)>) -> Result<Self> {
        let files: HashMap<String, Arc<dyn ReadAt>> = files.into_iter().collect();
        if let Some((name, _)) = files.iter().find(|(name, file)| name.ends_with(".log") && !file.is_empty())
        {
            let what = "a database with a write-ahead log".to_owned();
            return Err(Error::Unsupported { section: "database", offset: 0, what }.within(name));
        }
        let version = manifest::read(&files)?;
        let mut numbered: HashMap<u64, Arc<dyn ReadAt>> =
            files.into_iter().filter_map(|(name, file)| Some((table_number(&name)?, file))).collect();
        let live: HashSet<u64> = tables_of(&version.families).map(|file| file.number).collect();
        if let Some(file) = tables_of(&version.families).find(|file| !numbered.contains_key(&file.number)) {
            return Err(Error::Missing { path: file.name() });
        }
        let mut unreferenced: Vec<String> = Vec::new();
        numbered.retain(|number, file| {
            let is_live = live.contains(number);
            if !is_live {
                unreferenced.push(file.name().to_owned());
            }
            is_live
        });
        unreferenced.sort();
        let tables = Tables {
            families: version.families,
            open: live.into_iter().map(|number| (number, OnceLock::new())).collect(),
            files: numbered,
            cache: Arc::default(),
            last_sequence: version.last_sequence,
        };
        Ok(Database { tables: Arc::new(tables), unreferenced: unreferenced.into() })
    }

    /// Returns the column families, in order of their numbers; `default` comes first.
    pub fn column_families(&self) -> &[ColumnFamily] {
        &self.tables.families
    }

    /// Returns the names of tables that were given and that the database does not consist of. Flink
    /// stores none such: they are a sign of a `MANIFEST` that is not whole.
    pub fn unreferenced(&self) -> &[String] {
        &self.unreferenced
    }

    /// Goes through the live entries of a column family in order of their keys, bytes unsigned:
    /// those at or behind `from` and before `to`. Only the newest version of a key is returned,
    /// deletions are resolved, and merge operands are joined with `,` in the order of writing.
    ///
    /// Memory is one block per table of level 0 and per other level, plus up to 1 MiB each for
    /// reading ahead.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that the database does not have. Faults of tables come from the
    /// [`Scan`].
    pub fn scan(&self, family: &str, from: Option<&[u8]>, to: Option<&[u8]>) -> Result<Scan> {
        let family = self.family(family)?;
        Ok(self.scan_of(family, Access::Scan, from, to))
    }

    /// Looks one key up. Reads, of each table that can hold it, the index and one or two blocks.
    ///
    /// # Errors
    /// As for [`Database::scan`], and faults of the tables.
    pub fn get(&self, family: &str, key: &[u8]) -> Result<Option<Bytes>> {
        let family = self.family(family)?;
        let mut behind = key.to_vec();
        behind.push(0);
        let mut scan = self.scan_of(family, Access::Point, Some(key), Some(&behind));
        Ok(scan.advance()?.then(|| Bytes::copy_from_slice(scan.value())))
    }

    /// Returns about how many entries a column family has: all that its tables hold, without those
    /// that delete. Older versions and merge operands count, so that it is mostly an upper bound.
    /// Opens every table.
    ///
    /// # Errors
    /// As for [`Database::get`].
    pub fn approximate_entries(&self, family: &str) -> Result<u64> {
        let family = self.family(family)?;
        let mut entries = 0u64;
        for index in 0..self.tables.family(family).len() {
            let table = self.tables.open(family, index)?;
            let properties = table.properties();
            entries = entries.saturating_add(properties.entries.saturating_sub(properties.deletions));
        }
        Ok(entries)
    }

    pub(super) fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    fn family(&self, name: &str) -> Result<usize> {
        let found = self.tables.families.iter().position(|family| family.name == name);
        found.ok_or_else(|| Error::Unknown { what: format!("the column family {name}") })
    }

    fn scan_of(&self, family: usize, access: Access, from: Option<&[u8]>, to: Option<&[u8]>) -> Scan {
        let files = self.tables.family(family);
        let within = |file: &TableFile| {
            from.is_none_or(|from| file.last_key() >= from) && to.is_none_or(|to| file.first_key() < to)
        };
        let runs = runs(files).into_iter().filter_map(|run| {
            let first = run.clone().find(|index| files.get(*index).is_some_and(within))?;
            let last = run.rev().find(|index| files.get(*index).is_some_and(within))?;
            Some(Run::new(first..last + 1))
        });
        let to = to.map(Bytes::copy_from_slice);
        let reach = Reach { tables: Arc::clone(&self.tables), family, access, to };
        Scan::new(reach, runs.collect(), from.map(Bytes::copy_from_slice), self.tables.last_sequence)
    }
}

impl Tables {
    /// Returns the tables of a column family.
    pub(super) fn family(&self, family: usize) -> &[TableFile] {
        self.families.get(family).map_or(&[], |family| &family.files)
    }

    pub(super) fn cache(&self) -> &Arc<BlockCache> {
        &self.cache
    }

    /// Opens a table of a column family, once.
    pub(super) fn open(&self, family: usize, index: usize) -> Result<Arc<Table>> {
        let unknown = || Error::Unknown { what: format!("table {index}") };
        let description = self.family(family).get(index).ok_or_else(unknown)?;
        let slot = self.open.get(&description.number).ok_or_else(unknown)?;
        if let Some(table) = slot.get() {
            return Ok(Arc::clone(table));
        }
        let file = self.files.get(&description.number).ok_or_else(unknown)?;
        let table = Table::open(Arc::clone(file), description.clone());
        let table = table.map_err(|error| error.within(file.name()))?;
        Ok(Arc::clone(slot.get_or_init(|| Arc::new(table))))
    }

    /// Says in which table an error arose.
    pub(super) fn within(&self, family: usize, index: usize, error: Error) -> Error {
        let file = self.family(family).get(index).and_then(|file| self.files.get(&file.number));
        match file {
            Some(file) => error.within(file.name()),
            None => error,
        }
    }
}

fn tables_of(families: &[ColumnFamily]) -> impl Iterator<Item = &TableFile> {
    families.iter().flat_map(|family| &family.files)
}

/// Returns the tables that can be read one after the other: each of level 0 by itself, then all of
/// each other level. What comes first is newer.
fn runs(files: &[TableFile]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut level = 0;
    for (index, file) in files.iter().enumerate() {
        match runs.last_mut().filter(|_| file.level > 0 && file.level == level) {
            Some(run) => run.end = index + 1,
            None => runs.push(index..index + 1),
        }
        level = file.level;
    }
    runs
}

/// Returns the number of a table from its name.
fn table_number(name: &str) -> Option<u64> {
    let name = name.rsplit('/').next()?;
    name.strip_suffix(".sst").or_else(|| name.strip_suffix(".ldb"))?.parse().ok()
}
