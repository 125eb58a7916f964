use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use alluvium::failure::{Exit, Told};
use alluvium_model::ErrorKind;
use alluvium_snapshot::format::name::SAVEPOINT_MANIFEST;
use alluvium_store::{LocalStore, Store, block_on};
use anyhow::{Context, Result};

use crate::output::{Format, Out};

/// Delete a savepoint: its manifest first, then every object that it names.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the savepoint, or its manifest.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let place = crate::open::resolve(&args.snapshot)?;
    let location = alluvium_snapshot::locate(&place)
        .with_context(|| Told::doing(format!("cannot open snapshot {place}")))?;
    if location.manifest.as_str() != SAVEPOINT_MANIFEST {
        let told = Told::new(ErrorKind::Input, format!("{place} is a job's checkpoint, not a savepoint"));
        return Err(told.next("its job removes it; --retain of `run` says how many are kept").into());
    }
    if !args.yes && !confirmed(&place)? {
        eprintln!("nothing was deleted");
        return Ok(Exit::Clean);
    }
    let doing = || Told::doing(format!("cannot dispose of {place}"));
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(&location.root).with_context(doing)?);
    let disposed = block_on(alluvium_snapshot::dispose(&store)).with_context(doing)?;
    remove_empty(&location.root);
    if out.format() == Format::Table {
        out.line(&format!("disposed of {place}: {} objects", disposed.objects))?;
    } else {
        out.json(&serde_json::json!({"disposed": place, "objects": disposed.objects}))?;
    }
    Ok(Exit::Clean)
}

fn confirmed(place: &str) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let told = Told::new(ErrorKind::Input, format!("{place} would be deleted for good"));
        return Err(told.next("add --yes").into());
    }
    eprint!("Delete {place} for good? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Removes the directories that disposal left empty; what is not empty is not ours.
fn remove_empty(directory: &Path) {
    if let Ok(entries) = std::fs::read_dir(directory) {
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            remove_empty(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(directory);
}
