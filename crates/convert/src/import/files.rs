use std::fs;
use std::path::{Path, PathBuf};

use super::{Operator, StateFile};
use crate::error::Result;
use crate::layout::stem;
use crate::{Error, Format};

/// Finds the files to import and the state of each.
pub(super) fn find(source: &Path, state: Option<&str>, operators: &[Operator]) -> Result<Vec<StateFile>> {
    let known = known(operators);
    let kind = fs::metadata(source).map_err(Error::io(source))?;
    let found =
        if kind.is_dir() { in_directory(source, &known)? } else { vec![single(source, state, &known)?] };
    if found.is_empty() {
        return Err(Error::NothingToImport { path: source.to_owned() });
    }
    Ok(found)
}

/// A state and where its file is looked for.
struct Known<'a> {
    operator: &'a Operator,
    state: &'a str,
    stem: String,
}

fn known(operators: &[Operator]) -> Vec<Known<'_>> {
    operators
        .iter()
        .flat_map(|operator| {
            operator.states.iter().map(move |schema| {
                let (uid, id) = (operator.spec.uid.as_ref(), operator.spec.id.to_string());
                Known { operator, state: &schema.name, stem: stem(uid, &id, &schema.name) }
            })
        })
        .collect()
}

fn in_directory(source: &Path, known: &[Known<'_>]) -> Result<Vec<StateFile>> {
    let mut found = Vec::new();
    for folder in entries(source)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&folder)? {
            if let Some(format) = importable(&path) {
                found.push(in_folder(source, path, format, known)?);
            }
        }
    }
    Ok(found)
}

fn in_folder(source: &Path, path: PathBuf, format: Format, known: &[Known<'_>]) -> Result<StateFile> {
    let relative = path.strip_prefix(source).unwrap_or(&path).to_path_buf();
    let wanted = relative.with_extension("");
    match known.iter().find(|known| Path::new(&known.stem) == wanted) {
        Some(known) => Ok(known.file(path, relative.display().to_string(), format)),
        None => Err(unknown(path, known)),
    }
}

fn single(path: &Path, state: Option<&str>, known: &[Known<'_>]) -> Result<StateFile> {
    let format = importable(path).ok_or_else(|| Error::NothingToImport { path: path.to_owned() })?;
    let found = match state {
        Some(state) => {
            known.iter().find(|known| format!("{}/{}", known.operator.label, known.state) == state)
        }
        None if known.len() == 1 => known.first(),
        None => None,
    };
    match found {
        Some(known) => Ok(known.file(path.to_owned(), path.display().to_string(), format)),
        None => Err(unknown(path.to_owned(), known)),
    }
}

impl Known<'_> {
    fn file(&self, path: PathBuf, shown: String, format: Format) -> StateFile {
        StateFile { operator: self.operator.spec.id, state: self.state.to_owned(), path, shown, format }
    }
}

fn unknown(path: PathBuf, known: &[Known<'_>]) -> Error {
    Error::UnknownFile { path, wanted: known.iter().map(|known| known.stem.clone()).collect() }
}

fn importable(path: &Path) -> Option<Format> {
    Format::of_path(path).filter(|format| matches!(format, Format::Jsonl | Format::Parquet))
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        paths.push(entry.map_err(Error::io(dir))?.path());
    }
    paths.sort();
    Ok(paths)
}
