//! Cases of a corpus: where the truth is, and which snapshots it is of.

use std::path::Path;

use alluvium_interop_flink::locate;
use alluvium_interop_flink::snapshot::FlinkSnapshot;
use serde_json::Value as Json;

use super::report::{Line, Report};
use super::{checks, states};

/// Returns the folders of all cases below a folder, ascending.
pub(crate) fn find(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        if TRUTHS.iter().any(|name| folder.join(name).is_file()) {
            found.push(folder.display().to_string());
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        open.extend(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()));
    }
    found.sort();
    found
}

/// Compares every snapshot of a case with its truth.
pub(crate) fn compare(folder: &Path, report: &mut Report) {
    let truth = truth(folder);
    let text = |name: &str| truth[name].as_str().unwrap_or_default().to_owned();
    let version = text("flink_version");
    let head = Line { version, backend: text("backend"), format: text("format") };
    let snapshots = match truth["checkpoints"].as_array() {
        Some(checkpoints) => checkpoints.iter().collect(),
        None => vec![&truth],
    };
    for one in snapshots {
        let base = folder.join("snapshot");
        let metadata = match one["metadata"].as_str() {
            Some(metadata) => base.join(metadata),
            None => base.join(one["dir"].as_str().unwrap_or_default()).join("_metadata"),
        };
        let place = format!("{} {}", folder.display(), one["dir"].as_str().unwrap_or_default());
        match open(&metadata, &base, &truth) {
            Ok(snapshot) => {
                states::compare(&snapshot, one, &place, &head, report);
                checks::inspect(&snapshot, one, &place, &head, report);
                checks::verify(&snapshot, &place, &head, report);
                checks::lookups(&snapshot, &place, &head, report);
                checks::in_flight(&snapshot, one, &place, &head, report);
                checks::sources(&snapshot, one, &place, &head, report);
            }
            Err(error) => report.fault(&head, &place, &error),
        }
    }
}

fn truth(folder: &Path) -> Json {
    let [plain, packed] = TRUTHS.map(|name| folder.join(name));
    let text = match plain.is_file() {
        true => std::fs::read(plain).unwrap(),
        false => zstd::decode_all(std::fs::File::open(packed).unwrap()).unwrap(),
    };
    serde_json::from_slice(&text).unwrap()
}

/// The file of the truth, plain or compressed.
const TRUTHS: [&str; 2] = ["truth.json", "truth.json.zst"];

fn open(metadata: &Path, base: &Path, truth: &Json) -> Result<FlinkSnapshot, String> {
    let mut located = locate::locate_local(metadata).map_err(|error| states::chain(&error))?;
    let original = ["original_base_path", "original_path"].into_iter().find_map(|name| truth[name].as_str());
    if let Some(original) = original {
        let remapped = located.files.with_remap(original, &base.display().to_string());
        located.files = remapped.map_err(|error| states::chain(&error))?;
    }
    Ok(FlinkSnapshot::of(located, &|_| None))
}
