mod format;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};

use alluvium_dataflow::{Batch, Data, OperatorError, OperatorResult, Sink, SubtaskInfo};
use alluvium_model::ErrorKind;

pub use format::{Csv, JsonLines, TextFormat};

#[cfg(test)]
mod tests;

/// A staged file, as a snapshot holds it: its final name within the sink's directory, and its rows.
pub type StagedFile = (String, u64);

/// Writes records as lines of text files, exactly once.
///
/// The rows of an epoch go to a hidden file of their own. At the barrier it is synced and staged
/// under the name of its **token** (prefix, attempt, checkpoint, subtask, and an id that no other
/// file has); with the commit of that checkpoint it gets its final name by a rename. So a visible
/// file is always whole and covered by a complete checkpoint, and committing twice changes nothing.
///
/// In the directory are
///
/// | name | what |
/// |---|---|
/// | `PREFIX-ATTEMPT-CHECKPOINT-SUBTASK-ID.EXT` | committed |
/// | `.` ‖ that name ‖ `.staged` | staged: named by the snapshot, or an orphan of a dead attempt |
/// | `.PREFIX-ATTEMPT-SUBTASK-ID.open` | being written: never named by a snapshot |
///
/// ID is 16 hex digits that name the root of the job, and 16 that no other file has. A new attempt
/// removes what older ones of the same root were writing, and what they staged if no retained
/// snapshot names it.
pub struct FileSink<T, F> {
    directory: PathBuf,
    prefix: String,
    format: F,
    info: SubtaskInfo,
    open: Option<OpenFile>,
    records: std::marker::PhantomData<fn(T)>,
}

struct OpenFile {
    path: PathBuf,
    writer: BufWriter<File>,
    rows: u64,
    id: String,
}

impl<T: Data, F: TextFormat<T>> FileSink<T, F> {
    /// Opens the sink of a subtask, which writes into a directory; it is created if absent.
    ///
    /// `prefix` begins the names of the files and must differ among the sinks of a directory.
    ///
    /// # Errors
    /// When the directory cannot be created or read, or the prefix is no part of a file name.
    pub fn new(
        directory: impl Into<PathBuf>,
        prefix: impl Into<String>,
        format: F,
        info: &SubtaskInfo,
    ) -> OperatorResult<Self> {
        let (directory, prefix) = (directory.into(), prefix.into());
        if !is_plain_name(&prefix) {
            let text =
                format!("{prefix:?} cannot begin the name of a file: letters, digits, - _ . are wanted");
            return Err(OperatorError::new(ErrorKind::Input, text));
        }
        fs::create_dir_all(&directory).map_err(|error| at(&directory, "created", error))?;
        remove_open_files(&directory, &prefix, info)?;
        Ok(FileSink {
            directory,
            prefix,
            format,
            info: info.clone(),
            open: None,
            records: Default::default(),
        })
    }

    fn open_file(&mut self) -> OperatorResult<&mut OpenFile> {
        if self.open.is_none() {
            let unique: String = self.info.ids.next().chars().take(16).collect();
            let id = format!("{}{unique}", owner(&self.info));
            let name =
                format!(".{}-{:08}-{:04}-{id}.open", self.prefix, self.info.attempt, self.info.subtask);
            let path = self.directory.join(name);
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            let mut writer = BufWriter::new(file.map_err(|error| at(&path, "created", error))?);
            let header = self.format.header().map_or_else(String::new, |header| header + "\n");
            writer.write_all(header.as_bytes()).map_err(|error| at(&path, "written", error))?;
            self.open = Some(OpenFile { path, writer, rows: 0, id });
        }
        self.open.as_mut().ok_or_else(|| OperatorError::new(ErrorKind::Internal, "a file was just opened"))
    }

    fn staged(&self, name: &str) -> OperatorResult<(PathBuf, PathBuf)> {
        if !is_plain_name(name) {
            let text = format!("the snapshot names {name:?} as a staged file: a plain file name is wanted");
            return Err(OperatorError::new(ErrorKind::Corrupt, text));
        }
        Ok((self.directory.join(staged_name(name)), self.directory.join(name)))
    }
}

impl<T: Data, F: TextFormat<T>> Sink for FileSink<T, F> {
    type In = T;
    type Transaction = StagedFile;

    fn write(&mut self, batch: Batch<T>) -> OperatorResult {
        let mut text = String::new();
        for record in batch.records() {
            self.format.line(record, &mut text);
            text.push('\n');
        }
        let open = self.open_file()?;
        open.rows += batch.len() as u64;
        open.writer.write_all(text.as_bytes()).map_err(|error| at(&open.path, "written", error))
    }

    fn pre_commit(&mut self, checkpoint_id: u64) -> OperatorResult<Vec<StagedFile>> {
        let Some(open) = self.open.take() else { return Ok(Vec::new()) };
        let name = format!(
            "{}-{:08}-{checkpoint_id:010}-{:04}-{}.{}",
            self.prefix,
            self.info.attempt,
            self.info.subtask,
            open.id,
            self.format.extension(),
        );
        let (staged, _) = self.staged(&name)?;
        let OpenFile { path, writer, rows, .. } = open;
        let file = writer.into_inner().map_err(|error| at(&path, "written", error.into_error()))?;
        file.sync_all().map_err(|error| at(&path, "synced", error))?;
        fs::rename(&path, &staged).map_err(|error| at(&path, "staged", error))?;
        sync_directory(&self.directory)?;
        Ok(vec![(name, rows)])
    }

    fn commit(&mut self, (name, _): &StagedFile) -> OperatorResult {
        let (staged, visible) = self.staged(name)?;
        if exists(&visible)? {
            return remove(&staged);
        }
        match fs::rename(&staged, &visible) {
            Ok(()) => sync_directory(&self.directory),
            // Another process may have committed it since.
            Err(error) if error.kind() == IoKind::NotFound && exists(&visible)? => Ok(()),
            Err(error) if error.kind() == IoKind::NotFound => Err(lost(&self.directory, name)),
            Err(error) => Err(at(&staged, "committed", error)),
        }
    }

    fn abort(&mut self, (name, _): &StagedFile) -> OperatorResult {
        let (staged, _) = self.staged(name)?;
        remove(&staged)
    }

    fn discard_orphans(&mut self, named: &[StagedFile]) -> OperatorResult<usize> {
        let named: BTreeSet<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        let mut removed = 0;
        for name in names(&self.directory)? {
            let Some(visible) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".staged")) else {
                continue;
            };
            let mine = is_of(visible, &self.prefix, &self.info, |attempt| attempt <= self.info.attempt);
            if mine && !named.contains(visible) {
                remove(&self.directory.join(&name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Returns what the ids of a job's files begin with.
fn owner(info: &SubtaskInfo) -> &str {
    info.owner.get(..16).unwrap_or(&info.owner)
}

/// Returns whether a file was written for the same root, by an attempt of that kind.
fn is_of(name: &str, prefix: &str, info: &SubtaskInfo, attempt: impl Fn(u64) -> bool) -> bool {
    let id = name.rsplit('-').next().unwrap_or_default();
    attempt_of(name, prefix).is_some_and(attempt) && id.starts_with(owner(info))
}

/// Returns the lines of all committed files of a sink, sorted and without headers: its output,
/// whatever the borders of its files.
///
/// # Errors
/// When the directory or a file cannot be read.
pub fn committed_lines(directory: &Path, prefix: &str, header: Option<&str>) -> OperatorResult<Vec<String>> {
    let mut lines = Vec::new();
    for name in names(directory)? {
        if attempt_of(&name, prefix).is_none() {
            continue;
        }
        let path = directory.join(&name);
        let text = fs::read_to_string(&path).map_err(|error| at(&path, "read", error))?;
        let skipped = usize::from(header.is_some_and(|header| text.lines().next() == Some(header)));
        lines.extend(text.lines().skip(skipped).map(str::to_owned));
    }
    lines.sort_unstable();
    Ok(lines)
}

/// Removes files that older attempts of this subtask's sink were writing. An attempt that is
/// still alive has been fenced: it fails when it stages such a file.
fn remove_open_files(directory: &Path, prefix: &str, info: &SubtaskInfo) -> OperatorResult {
    for name in names(directory)? {
        let Some(open) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".open")) else { continue };
        if is_of(open, prefix, info, |attempt| attempt < info.attempt) {
            remove(&directory.join(&name))?;
        }
    }
    Ok(())
}

/// Returns the attempt in the name of a file of the sink with this prefix.
fn attempt_of(name: &str, prefix: &str) -> Option<u64> {
    let (attempt, rest) = name.strip_prefix(prefix)?.strip_prefix('-')?.split_once('-')?;
    let digits = attempt.len() >= 8 && attempt.bytes().all(|b| b.is_ascii_digit());
    if digits && rest.starts_with(|c: char| c.is_ascii_digit()) { attempt.parse().ok() } else { None }
}

fn staged_name(name: &str) -> String {
    format!(".{name}.staged")
}

fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}

fn names(directory: &Path) -> OperatorResult<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == IoKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| at(directory, "read", error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| at(directory, "read", error))?;
        // A name that is no text is none of ours.
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

fn exists(path: &Path) -> OperatorResult<bool> {
    path.try_exists().map_err(|error| at(path, "looked up", error))
}

/// Removes a file that may already be gone.
fn remove(path: &Path) -> OperatorResult {
    match fs::remove_file(path) {
        Err(error) if error.kind() != IoKind::NotFound => Err(at(path, "removed", error)),
        _ => Ok(()),
    }
}

/// Makes renames within a directory durable.
fn sync_directory(directory: &Path) -> OperatorResult {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| at(directory, "synced", error))
}

fn at(path: &Path, what: &str, error: std::io::Error) -> OperatorError {
    OperatorError::because(ErrorKind::Retry, format!("{} cannot be {what}", path.display()), error)
}

fn lost(directory: &Path, name: &str) -> OperatorError {
    let text = format!(
        "{name} is neither staged nor committed in {}: give the directory to which the snapshot's job wrote",
        directory.display()
    );
    OperatorError::new(ErrorKind::Missing, text)
}
