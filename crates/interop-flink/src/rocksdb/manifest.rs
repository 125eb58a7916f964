//! `CURRENT`, the `MANIFEST` it names, and the version of the database that its edits add up to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::edit::Edit;
use super::key::InternalKey;
use super::log::LogReader;
use crate::{Error, ReadAt, Result};

pub(super) const COMPARATOR: &str = "leveldb.BytewiseComparator";
const SECTION: &str = "version edit";

/// A column family: the entries of one Flink state, or of `default`, which Flink leaves empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFamily {
    /// The number that the engine gave it.
    pub id: u32,
    /// The name of the state.
    pub name: String,
    /// Its tables: those of level 0, newest first, then level by level in key order.
    pub files: Vec<TableFile>,
}

/// A table that a database consists of, as its `MANIFEST` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// Its level: tables of level 0 overlap, those of another level do not.
    pub level: u32,
    /// Its number, from which its name is made: `000015.sst`.
    pub number: u64,
    /// Its length in bytes.
    pub size: u64,
    pub(super) smallest: Bytes,
    pub(super) largest: Bytes,
    /// The oldest change in it.
    pub smallest_sequence: u64,
    /// The newest change in it.
    pub largest_sequence: u64,
    /// Where it stands among the tables of level 0; zero before release 7.10 of the engine.
    pub(super) epoch: u64,
}

impl TableFile {
    /// Returns the name of the file.
    pub fn name(&self) -> String {
        format!("{:06}.sst", self.number)
    }

    /// Returns the first key.
    pub fn first_key(&self) -> &[u8] {
        self.smallest().user
    }

    /// Returns the last key; a deleted range may reach up to it without touching it.
    pub fn last_key(&self) -> &[u8] {
        self.largest().user
    }

    pub(super) fn smallest(&self) -> InternalKey<'_> {
        split(&self.smallest)
    }

    pub(super) fn largest(&self) -> InternalKey<'_> {
        split(&self.largest)
    }
}

/// Splits a key that was checked when it was decoded.
fn split(key: &[u8]) -> InternalKey<'_> {
    InternalKey::split(key).unwrap_or(InternalKey { user: &[], trailer: 0 })
}

/// What a `MANIFEST` adds up to.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) families: Vec<ColumnFamily>,
    pub(super) last_sequence: u64,
}

#[derive(Debug, Default)]
struct Builder {
    families: BTreeMap<u32, Family>,
    last_sequence: Option<u64>,
    group: Vec<(u64, Edit)>,
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    files: HashMap<u64, TableFile>,
}

/// Reads `CURRENT` and the `MANIFEST`.
///
/// # Errors
/// [`Error::Missing`] without one of them; what [`Edit::decode`] refuses; [`Error::Malformed`] for
/// edits that contradict each other.
pub(super) fn read(files: &HashMap<String, Arc<dyn ReadAt>>) -> Result<Version> {
    let current = file(files, "CURRENT")?;
    let text = current.read_from(0, 4096)?;
    let name = text.strip_suffix(b"\n").and_then(|name| std::str::from_utf8(name).ok());
    let Some(name) = name.filter(|name| name.starts_with("MANIFEST-")) else {
        let found = String::from_utf8_lossy(text.get(..text.len().min(40)).unwrap_or_default()).into_owned();
        return Err(Error::Malformed {
            section: "CURRENT",
            offset: 0,
            wanted: "the name of a MANIFEST",
            found,
        });
    };
    version(&**file(files, name)?).map_err(|error| error.within(name))
}

fn file<'a>(files: &'a HashMap<String, Arc<dyn ReadAt>>, name: &str) -> Result<&'a Arc<dyn ReadAt>> {
    files.get(name).ok_or_else(|| Error::Missing { path: name.to_owned() })
}

/// Adds up the edits of a `MANIFEST`. Memory is that of the live files, not of the `MANIFEST`, which
/// grows for as long as a database is open.
fn version(manifest: &dyn ReadAt) -> Result<Version> {
    let mut builder = Builder::default();
    builder.families.insert(0, Family { name: "default".to_owned(), files: HashMap::new() });
    let mut log = LogReader::new(manifest);
    let mut record = Vec::new();
    while let Some(offset) = log.next(&mut record)? {
        builder.collect(offset, Edit::decode(&record, offset)?)?;
    }
    builder.finish(manifest.len())
}

impl Builder {
    /// Applies an edit, or keeps it until its atomic group is complete.
    fn collect(&mut self, offset: u64, edit: Edit) -> Result<()> {
        let Some(left) = edit.group else {
            return match self.group.is_empty() {
                true => self.apply(offset, edit),
                false => Err(malformed(offset, "the rest of an atomic group", "another edit")),
            };
        };
        self.group.push((offset, edit));
        if left == 0 {
            for (offset, edit) in std::mem::take(&mut self.group) {
                self.apply(offset, edit)?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, offset: u64, edit: Edit) -> Result<()> {
        if let Some(name) = edit.comparator.filter(|name| name != COMPARATOR) {
            let what = format!("the comparator {name}");
            return Err(Error::Unsupported { section: SECTION, offset, what });
        }
        self.last_sequence = edit.last_sequence.or(self.last_sequence);
        if let Some(name) = edit.added_family {
            let family = Family { name, files: HashMap::new() };
            if self.families.insert(edit.family, family).is_some() {
                return Err(malformed(offset, "a new column family", edit.family));
            }
        }
        if edit.dropped_family {
            let dropped = self.families.remove(&edit.family);
            return dropped.map(drop).ok_or_else(|| malformed(offset, "a column family", edit.family));
        }
        let Some(family) = self.families.get_mut(&edit.family) else {
            return Err(malformed(offset, "a column family", edit.family));
        };
        for (level, number) in edit.deleted {
            let file = family.files.remove(&number);
            if file.is_none_or(|file| file.level != level) {
                let found = format!("{number:06}.sst of level {level}");
                return Err(malformed(offset, "a table of the database to delete", found));
            }
        }
        for file in edit.added {
            if let Some(file) = family.files.insert(file.number, file) {
                return Err(malformed(offset, "a new table", file.name()));
            }
        }
        Ok(())
    }

    fn finish(self, end: u64) -> Result<Version> {
        if !self.group.is_empty() {
            return Err(malformed(end, "the rest of an atomic group", "the end of the file"));
        }
        let Some(last_sequence) = self.last_sequence else {
            return Err(malformed(end, "a last sequence number", "none"));
        };
        let mut families = Vec::with_capacity(self.families.len());
        for (id, family) in self.families {
            let mut files: Vec<_> = family.files.into_values().collect();
            files.sort_by(in_order);
            check_levels(&files, end).map_err(|error| error.within(format!("state {}", family.name)))?;
            families.push(ColumnFamily { id, name: family.name, files });
        }
        Ok(Version { families, last_sequence })
    }
}

/// Orders tables: level 0 from new to old, other levels by key.
fn in_order(a: &TableFile, b: &TableFile) -> std::cmp::Ordering {
    let age = |file: &TableFile| (file.epoch, file.largest_sequence, file.smallest_sequence, file.number);
    a.level.cmp(&b.level).then_with(|| match a.level {
        0 => age(b).cmp(&age(a)),
        _ => a.smallest().cmp(&b.smallest()),
    })
}

/// Checks that the tables of a level do not overlap: a scan relies on it.
fn check_levels(files: &[TableFile], end: u64) -> Result<()> {
    for file in files {
        if file.smallest() > file.largest() {
            return Err(malformed(end, "a first key before the last", file.name()));
        }
    }
    for (file, next) in files.iter().zip(files.iter().skip(1)) {
        if next.level > 0 && next.level == file.level && file.largest() >= next.smallest() {
            let found = format!("{} and {}", file.name(), next.name());
            return Err(malformed(end, "tables of one level that do not overlap", found));
        }
    }
    Ok(())
}

fn malformed(offset: u64, wanted: &'static str, found: impl ToString) -> Error {
    Error::Malformed { section: SECTION, offset, wanted, found: found.to_string() }
}
