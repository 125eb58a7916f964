//! Uids for operators of snapshots that hold only hashes of them (metadata before version 5).
//!
//! An operator id is a hash of the operator's uid and cannot be turned back; but who has the job's
//! source code, or a list of its uids, has the candidates. [`Recovery`] hashes them and keeps those
//! that fit.
//!
//! ```
//! use alluvium_interop_flink::uids::{Label, Recovery};
//!
//! let id = "b71731f1c0df9c3076c4a455334d0ad6".parse()?;
//! let mut recovery = Recovery::new([id]);
//! recovery.line(r#"counts.keyBy(v -> v.f0).sum(1).uid("count").name("Count");"#);
//! assert!(matches!(recovery.label(id), Some(Label::Uid(uid)) if uid.as_str() == "count"));
//! # Ok::<(), alluvium_model::Error>(())
//! ```

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use alluvium_model::{OperatorId, OperatorUid};

use crate::metadata::Metadata;
use crate::{Error, Result};

/// Endings of files whose string literals are candidates; of any other file a line is one.
const SOURCES: [&str; 9] = ["java", "scala", "sc", "kt", "kts", "py", "sql", "rs", "groovy"];

/// Longest candidate in bytes.
const CANDIDATE_MAX: usize = 1024;

/// Larger files are skipped; longer lines are cut.
const FILE_MAX: u64 = 16 << 20;

/// Files read of a source tree.
const FILES_MAX: u64 = 200_000;

/// Folders within folders.
const DEPTH_MAX: usize = 64;

/// Folders that hold no sources of a job.
const NO_SOURCES: [&str; 2] = ["node_modules", "target"];

/// What an operator id was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// The hash of a uid.
    Uid(OperatorUid),
    /// Given as it is, 32 hex digits (`setUidHash`).
    UidHash,
}

/// What a scan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scanned {
    /// Files read.
    pub files: u64,
    /// Candidates tried.
    pub candidates: u64,
    /// Files not read: larger than 16 MiB, no text, or past 200,000 of them.
    pub skipped: u64,
}

/// Finds what operator ids were made of. Holds only what fits.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    wanted: HashSet<OperatorId>,
    labels: HashMap<OperatorId, Label>,
    scanned: Scanned,
}

impl Recovery {
    /// Begins for some operators.
    pub fn new(ids: impl IntoIterator<Item = OperatorId>) -> Self {
        Recovery { wanted: ids.into_iter().collect(), ..Recovery::default() }
    }

    /// Begins for the operators of a snapshot that have no uid.
    pub fn of(metadata: &Metadata) -> Self {
        let hashed = metadata.operators.iter().filter(|operator| operator.uid.is_none());
        Self::new(hashed.map(|operator| operator.id))
    }

    /// Tries a uid; and those that Flink derives from it for the committers of a sink
    /// (`SinkTransformationTranslator`).
    pub fn candidate(&mut self, text: &str) {
        if text.is_empty() || text.len() > CANDIDATE_MAX {
            return;
        }
        self.scanned.candidates += 1;
        if let Ok(id) = text.parse::<OperatorId>() {
            self.keep(id, || Label::UidHash);
        }
        for uid in [
            text.to_owned(),
            format!("Sink Committer: {text}"),
            format!("Sink {text} Global Committer"),
            format!("Sink Global Committer: {text}"),
        ] {
            let uid = OperatorUid::new(uid);
            self.keep(uid.id(), || Label::Uid(uid.clone()));
        }
    }

    /// Tries every string literal of a line of source code, in double quotes, single quotes and
    /// backquotes; what lies between two literals is tried too, which does no harm.
    pub fn line(&mut self, line: &str) {
        for quote in ['"', '\'', '`'] {
            let mut start = None;
            let mut escaped = false;
            for (at, character) in line.char_indices() {
                if escaped || character != quote {
                    escaped = !escaped && character == '\\';
                    continue;
                }
                if let Some(literal) = start.and_then(|start| line.get(start..at)) {
                    self.literal(literal);
                }
                start = Some(at + quote.len_utf8());
            }
        }
    }

    /// Tries what a person gives: a word list with a uid on each line, a source file, or a tree of
    /// source files. Symbolic links within a tree, hidden folders, `target` and `node_modules` are
    /// left out.
    ///
    /// # Errors
    /// [`Error::Missing`]; faults of the medium.
    pub fn scan(&mut self, path: &Path) -> Result<Scanned> {
        let before = self.scanned;
        let metadata = fs::metadata(path).map_err(|error| fault(path, error))?;
        if metadata.is_dir() {
            self.scan_tree(path, DEPTH_MAX)?;
        } else {
            self.scan_file(path, metadata.len())?;
        }
        let Scanned { files, candidates, skipped } = self.scanned;
        Ok(Scanned {
            files: files - before.files,
            candidates: candidates - before.candidates,
            skipped: skipped - before.skipped,
        })
    }

    /// Returns what an operator id was made of, if a candidate fits.
    pub fn label(&self, id: OperatorId) -> Option<&Label> {
        self.labels.get(&id)
    }

    /// Gives the operators of a snapshot the uids that fit; returns how many got one. What
    /// [`crate::metadata::write`] then writes differs from what was read only from version 5.
    pub fn apply(&self, metadata: &mut Metadata) -> usize {
        let mut given = 0;
        for operator in metadata.operators.iter_mut().filter(|operator| operator.uid.is_none()) {
            if let Some(Label::Uid(uid)) = self.label(operator.id) {
                operator.uid = Some(uid.clone());
                given += 1;
            }
        }
        given
    }

    fn keep(&mut self, id: OperatorId, label: impl FnOnce() -> Label) {
        if self.wanted.contains(&id) {
            self.labels.entry(id).or_insert_with(label);
        }
    }

    fn literal(&mut self, literal: &str) {
        self.candidate(literal);
        if literal.contains('\\') {
            self.candidate(&unescaped(literal));
        }
    }

    fn scan_tree(&mut self, folder: &Path, depth: usize) -> Result<()> {
        for item in fs::read_dir(folder).map_err(|error| fault(folder, error))? {
            let item = item.map_err(|error| fault(folder, error))?;
            let (path, name) = (item.path(), item.file_name());
            let name = name.to_string_lossy();
            let Ok(metadata) = item.metadata() else { continue };
            if metadata.is_dir() {
                let has_sources = !name.starts_with('.') && !NO_SOURCES.contains(&name.as_ref());
                if depth > 0 && has_sources {
                    self.scan_tree(&path, depth - 1)?;
                }
            } else if metadata.is_file() && is_source(&path) {
                self.scan_file(&path, metadata.len())?;
            }
        }
        Ok(())
    }

    fn scan_file(&mut self, path: &Path, len: u64) -> Result<()> {
        if len > FILE_MAX || self.scanned.files >= FILES_MAX {
            self.scanned.skipped += 1;
            return Ok(());
        }
        self.scanned.files += 1;
        let file = File::open(path).map_err(|error| fault(path, error))?;
        let (mut file, mut line) = (BufReader::new(file.take(FILE_MAX)), Vec::new());
        while file.read_until(b'\n', &mut line).map_err(|error| fault(path, error))? > 0 {
            if let Ok(text) = std::str::from_utf8(&line) {
                if is_source(path) {
                    self.line(text);
                } else {
                    self.word(text);
                }
            }
            line.clear();
        }
        Ok(())
    }

    /// Tries a line of a word list, also without the space around it.
    fn word(&mut self, line: &str) {
        let line = line.trim_end_matches(['\n', '\r']);
        self.candidate(line);
        if line.trim() != line {
            self.candidate(line.trim());
        }
    }
}

fn is_source(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| SOURCES.iter().any(|source| ending.eq_ignore_ascii_case(source)))
}

/// Resolves the escapes that Java, Scala, Kotlin, Python and Rust share.
fn unescaped(literal: &str) -> String {
    let (mut text, mut rest) = (String::new(), literal.chars());
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('u') => {
                let digits: String = rest.clone().take_while(char::is_ascii_hexdigit).take(4).collect();
                let unit = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                text.extend(unit.and_then(char::from_u32));
                rest.by_ref().take(digits.len()).for_each(drop);
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}

fn fault(path: &Path, source: std::io::Error) -> Error {
    let path = path.display().to_string();
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { path },
        _ => alluvium_store::Error::Io { operation: "read", path, source }.into(),
    }
}
