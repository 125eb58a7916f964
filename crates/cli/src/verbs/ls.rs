use std::path::{Path, PathBuf};

use alluvium::failure::{self, Exit, Told};
use alluvium_model::{ErrorKind, SnapshotDescription};
use anyhow::{Context, Result};
use serde_json::json;

use crate::open::Options;
use crate::output::{self, Format, Object, Out};
use crate::progress::Progress;

/// List the snapshots under a directory, oldest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory: a root of a job, or anything above.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    if !args.directory.is_dir() {
        let told = Told::new(ErrorKind::Missing, format!("{} is no directory", args.directory.display()));
        return Err(told.next("name a directory that holds snapshots").into());
    }
    let progress = Progress::start("looking for snapshots");
    let mut found = Vec::new();
    walk(&args.directory, 0, &mut found).with_context(|| format!("listing {}", args.directory.display()))?;
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    found.sort_by_key(|manifest| (modified(manifest), manifest.clone()));
    let people = out.format() == Format::Table;
    let rows: Vec<(Object, bool)> = found.iter().map(|manifest| row(manifest, people)).collect();
    drop(progress);
    let damaged = rows.iter().any(|(_, sound)| !sound);
    let mut records =
        out.records(&["kind", "id", "format", "layout", "operators", "states", "bytes", "path", "problem"]);
    for (row, _) in rows {
        records.push(row)?;
    }
    if records.end()? == 0 {
        eprintln!("no snapshot under {}", args.directory.display());
    }
    Ok(if damaged { Exit::Findings } else { Exit::Clean })
}

/// Collects the manifests below a directory, ours and Flink's.
fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        let is_manifest =
            name == "_metadata" || Path::new(&name).extension().is_some_and(|e| e == "manifest");
        if kind.is_file() && is_manifest {
            found.push(entry.path());
        }
        // Data lie in these; links could lead in circles.
        let data = ["objects", "tables", "attempts", "pins"].iter().any(|data| name == *data);
        if kind.is_dir() && !data && depth < DEPTH {
            walk(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}

fn row(manifest: &Path, people: bool) -> (Object, bool) {
    let is_directory =
        matches!(manifest.file_name().and_then(|n| n.to_str()), Some("savepoint.manifest" | "_metadata"));
    let place = manifest.parent().filter(|_| is_directory).unwrap_or(manifest);
    let path = place.to_string_lossy().into_owned();
    match crate::open::snapshot(&manifest.to_string_lossy(), &Options::default()) {
        Ok(source) => (described(source.describe(), &path, people), true),
        Err(error) => {
            let kind = failure::kind_of(&error, crate::kind::of);
            let problem = format!("{}: {error:#}", failure::code(kind));
            (json!({"path": path, "problem": problem}).as_object().cloned().unwrap_or_default(), false)
        }
    }
}

fn described(snapshot: &SnapshotDescription, path: &str, people: bool) -> Object {
    let states = || snapshot.operators.iter().flat_map(|operator| &operator.states);
    let bytes: Option<u64> = states().map(|state| state.bytes).sum();
    let bytes = match bytes {
        Some(bytes) if people => output::bytes(bytes).into(),
        other => json!(other),
    };
    let row = json!({
        "kind": snapshot.kind,
        "id": snapshot.id,
        "format": snapshot.format,
        "layout": snapshot.layout,
        "operators": snapshot.operators.len(),
        "states": states().count(),
        "bytes": bytes,
        "path": path,
    });
    row.as_object().cloned().unwrap_or_default()
}

const DEPTH: usize = 8;
