use std::sync::Arc;

use alluvium_interop_flink::files::{LocalVolume, Volume};
use alluvium_interop_flink::locate::{self, Located};
use alluvium_interop_flink::snapshot::FlinkSnapshot;
use alluvium_interop_flink::uids::{Label, Recovery};
use alluvium_model::{OperatorId, OperatorUid, SnapshotSource};
use anyhow::{Context, Result};

use super::Options;
use crate::output;

/// Opens a snapshot of Flink; none when the place leads to nothing that Flink has written.
pub(super) fn open(location: &str, options: &Options) -> Result<Option<Box<dyn SnapshotSource>>> {
    open_on(Arc::new(LocalVolume), location, options)
}

/// As [`open`], on any volume.
pub(super) fn open_on(
    volume: Arc<dyn Volume>,
    location: &str,
    options: &Options,
) -> Result<Option<Box<dyn SnapshotSource>>> {
    let Some(file) = locate::find(volume.as_ref(), location)? else { return Ok(None) };
    let mut located = locate::open(volume, &file)?;
    for (old, new) in &options.remap {
        let files = located.files.with_remap(old, new);
        located.files = files.with_context(|| format!("--remap {old}={new}"))?;
    }
    let recovered = recover(&located, options)?;
    let uid = |id: OperatorId| match recovered.as_ref().and_then(|recovered| recovered.label(id)) {
        Some(Label::Uid(uid)) => Some(uid.clone()),
        Some(Label::UidHash) | None => None,
    };
    Ok(Some(Box::new(FlinkSnapshot::of(located, &uid))))
}

/// Looks for the uids of operators among the candidates that were given, and says how many it found.
fn recover(located: &Located, options: &Options) -> Result<Option<Recovery>> {
    if options.uids.is_empty() {
        return Ok(None);
    }
    let hashed: Vec<OperatorId> =
        located.metadata.operators.iter().filter(|o| o.uid.is_none()).map(|o| o.id).collect();
    let mut recovery = Recovery::new(hashed.iter().copied());
    let (mut files, mut candidates) = (0, 0);
    for path in &options.uids {
        let scanned = recovery.scan(path).with_context(|| format!("--uids {}", path.display()))?;
        files += scanned.files;
        candidates += scanned.candidates;
    }
    let named: Vec<&OperatorUid> = hashed
        .iter()
        .filter_map(|id| match recovery.label(*id) {
            Some(Label::Uid(uid)) => Some(uid),
            _ => None,
        })
        .collect();
    eprintln!(
        "--uids: {} of {} operators named, from {} candidates in {} files",
        named.len(),
        hashed.len(),
        output::count(candidates),
        output::count(files)
    );
    Ok(Some(recovery))
}
