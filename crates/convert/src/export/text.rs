use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use alluvium_model::{Role, Scan, SnapshotSource};
use alluvium_query::{Filter, Target, lines, members};
use serde_json::{Map, Value as Json};

use super::{Written, has_original_bytes};
use crate::error::Result;
use crate::{Error, Format};

pub(super) fn write(
    source: &dyn SnapshotSource,
    target: &Target<'_>,
    path: &Path,
    format: Format,
) -> Result<Written> {
    let file = File::create_new(path).map_err(Error::io(path))?;
    let read = match format {
        Format::Csv => csv_file(source, target, file, path)?,
        _ => jsonl_file(source, target, file, path)?,
    };
    let written = match format {
        Format::Csv => csv_records(path)?,
        _ => line_count(path)?,
    };
    Ok(Written { read, written, original_bytes: raw_rows(source, target)? })
}

fn jsonl_file(source: &dyn SnapshotSource, target: &Target<'_>, file: File, path: &Path) -> Result<u64> {
    let mut out = BufWriter::new(file);
    let mut count = 0;
    for line in lines(source, target, &Filter::default())? {
        writeln!(out, "{}", line?.json).map_err(Error::io(path))?;
        count += 1;
    }
    let file = out.into_inner().map_err(|e| Error::Io { path: path.to_owned(), source: e.into_error() })?;
    file.sync_all().map_err(Error::io(path))?;
    Ok(count)
}

fn csv_file(source: &dyn SnapshotSource, target: &Target<'_>, file: File, path: &Path) -> Result<u64> {
    let failed = |e: csv::Error| Error::Io { path: path.to_owned(), source: e.into() };
    let names: Vec<&str> = members(&target.table.schema).into_iter().map(Role::name).collect();
    let mut out = csv::Writer::from_writer(file);
    out.write_record(&names).map_err(failed)?;
    let mut count = 0;
    for line in lines(source, target, &Filter::default())? {
        let line = line?.json;
        let empty = Map::new();
        let object = line.as_object().unwrap_or(&empty);
        out.write_record(names.iter().map(|name| cell(object.get(*name)))).map_err(failed)?;
        count += 1;
    }
    out.flush().map_err(Error::io(path))?;
    Ok(count)
}

fn cell(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn line_count(path: &Path) -> Result<u64> {
    let mut file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let mut count = 0;
    loop {
        let part = file.fill_buf().map_err(Error::io(path))?;
        if part.is_empty() {
            return Ok(count);
        }
        count += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        let length = part.len();
        file.consume(length);
    }
}

fn csv_records(path: &Path) -> Result<u64> {
    let failed = |e: csv::Error| Error::Io { path: path.to_owned(), source: e.into() };
    let mut file = csv::Reader::from_path(path).map_err(failed)?;
    let mut record = csv::StringRecord::new();
    let mut count = 0;
    while file.read_record(&mut record).map_err(failed)? {
        count += 1;
    }
    Ok(count)
}

/// Returns whether original bytes stay behind; reads rows only where the table can hold any.
fn raw_rows(source: &dyn SnapshotSource, target: &Target<'_>) -> Result<bool> {
    if target.table.schema.raw.is_empty() {
        return Ok(false);
    }
    let mut stream = source.scan(&Scan::all(target.operator.id, &target.table.schema.name))?;
    while let Some(batch) = stream.next_batch()? {
        if has_original_bytes(&batch) {
            return Ok(true);
        }
    }
    Ok(false)
}
