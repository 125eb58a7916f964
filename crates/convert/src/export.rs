//! Snapshots to files.

mod columns;
mod text;

use std::fs;
use std::path::Path;

use alluvium_model::job::job_to_json;
use alluvium_model::source::OperatorState;
use alluvium_model::{RowBatch, SnapshotSource};
use alluvium_query::{Target, operator_text};

use crate::error::Result;
use crate::layout::{description_of, empty_dir, stem};
use crate::{Error, Format, Loss, Report, SCHEMA_FILE, StateReport};

/// Writes every state of a snapshot to a file of its own below `destination`, which must be empty or
/// absent, and counts what it wrote by reading it again.
///
/// Parquet and Arrow files have the columns of the table as the specification names them, in
/// canonical order, and lose nothing. Text files have the lines of `cat`. The operators and
/// schemas are written last, to [`SCHEMA_FILE`].
///
/// Holds one batch of rows, and of a list one line.
///
/// # Errors
/// [`Error::NotEmpty`]; what could not be read or written; [`Error::Miscounted`].
pub fn export(source: &dyn SnapshotSource, destination: &Path, format: Format) -> Result<Report> {
    empty_dir(destination)?;
    let mut report = Report::default();
    for operator in &source.describe().operators {
        for table in &operator.states {
            let target = Target { operator, table };
            report.states.push(state(source, &target, destination, format)?);
        }
    }
    let description = job_to_json(&description_of(source.describe()));
    let path = destination.join(SCHEMA_FILE);
    fs::write(&path, format!("{description:#}\n")).map_err(Error::io(&path))?;
    Ok(report)
}

fn state(
    source: &dyn SnapshotSource,
    target: &Target<'_>,
    destination: &Path,
    format: Format,
) -> Result<StateReport> {
    let OperatorState { uid, id, .. } = target.operator;
    let name = &target.table.schema.name;
    let file = format!("{}.{}", stem(uid.as_ref(), &id.to_string(), name), format.name());
    let path = destination.join(&file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let Written { read, written, original_bytes } = match format {
        Format::Jsonl | Format::Csv => text::write(source, target, &path, format)?,
        Format::Parquet | Format::ArrowIpc => columns::write(source, target, &path, format)?,
    };
    if read != written {
        return Err(Error::Miscounted { path, wanted: read, found: written });
    }
    let mut losses = Vec::new();
    if original_bytes {
        losses.push(Loss::OriginalBytes);
    }
    if format == Format::Csv {
        losses.extend([Loss::Types, Loss::NullOrEmpty]);
    }
    let operator = operator_text(target.operator);
    Ok(StateReport { operator, state: name.clone(), file: Some(file), read, written, losses })
}

/// What became of a state's records.
struct Written {
    read: u64,
    written: u64,
    /// Whether original bytes of typed rows were left behind.
    original_bytes: bool,
}

/// Returns whether a row of a batch has both a typed value and its original bytes.
fn has_original_bytes(batch: &RowBatch) -> bool {
    use alluvium_model::Role::*;
    [(Key, KeyRaw), (Namespace, NamespaceRaw), (MapKey, MapKeyRaw), (Value, ValueRaw)].into_iter().any(
        |(typed, raw)| {
            let (Some(typed), Some(raw)) = (batch.column(typed), batch.column(raw)) else { return false };
            (0..batch.len()).any(|row| typed.is_valid(row) && raw.is_valid(row))
        },
    )
}
