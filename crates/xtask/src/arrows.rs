//! Which crate may use which.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use crate::tree;

/// A crate and what it may use beside `model` and `env`, which are open to all.
const ROOMS: [(&str, &[&str]); 25] = [
    ("model", &[]),
    ("derive", &[]),
    ("env", &[]),
    ("store", &[]),
    ("format", &[]),
    ("store-cloud", &["store"]),
    ("state", &[]),
    ("compat", &[]),
    ("interop-flink", &["store"]),
    ("table", &["format"]),
    ("dataflow", &["state"]),
    ("snapshot", &["format", "table", "store"]),
    ("connectors", &["dataflow", "store"]),
    ("runtime", &["dataflow", "state", "snapshot", "store"]),
    ("query", &[]),
    ("convert", &["table", "snapshot", "store", "query"]),
    ("tui", &["query", "compat"]),
    ("server", &["runtime", "query"]),
    (
        "alluvium",
        &[
            "derive",
            "store",
            "state",
            "dataflow",
            "snapshot",
            "connectors",
            "runtime",
            "server",
            "format",
            "table",
            "query",
            "compat",
        ],
    ),
    ("flights", &["alluvium"]),
    ("cli", ANY),
    ("testkit", ANY),
    ("bench", ANY),
    ("tests", ANY),
    ("xtask", &[]),
];

const ANY: &[&str] = &["*"];

/// Outside crates that only these rooms may name.
const PINNED: [(&str, &[&str]); 6] = [
    ("parquet", &["table", "connectors", "convert", "bench", "tests", "testkit"]),
    ("ratatui", &["tui"]),
    ("tokio", &["server", "store-cloud"]),
    ("object_store", &["store-cloud"]),
    ("axum", &["server"]),
    ("zstd", &["format", "interop-flink"]),
];

/// Compares cargo's metadata with the tables.
pub(crate) fn check() -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(tree::root())
        .output()
        .context("running cargo metadata")?;
    let metadata: Json = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    let mut wrong = 0;
    let mut arrows = 0;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let room = room_of(package["name"].as_str().unwrap_or_default());
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            eprintln!("crate {room} has no row in the table of rooms");
            wrong += 1;
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            let name = dependency["name"].as_str().unwrap_or_default();
            let ours = dependency["path"].is_string();
            let used = room_of(name);
            let fine = if ours {
                arrows += 1;
                matches!(used, "model" | "env") || *allowed == ANY || allowed.contains(&used)
            } else {
                PINNED.iter().all(|(pinned, rooms)| *pinned != name || rooms.contains(&room))
            };
            if !fine {
                eprintln!("crate {room} may not use {used}");
                wrong += 1;
            }
        }
    }
    println!("arrows: {arrows} between our crates");
    if wrong > 0 {
        bail!("{wrong} arrows that the table does not allow");
    }
    Ok(())
}

fn room_of(package: &str) -> &str {
    package.strip_prefix("alluvium-").unwrap_or(package)
}
