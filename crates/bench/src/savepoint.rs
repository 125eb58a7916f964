use std::path::PathBuf;

use alluvium_model::source::Scan;
use alluvium_snapshot::Snapshot;
use alluvium_state::BackendOptions;
use alluvium_store::block_on;
use arrow_array::RecordBatch;

use crate::data::Workload;
use crate::measure::{Memory, best, once};
use crate::report::{Aim, Report, mib, seconds, speed};
use crate::suite::Bench;
use crate::world::{Keyed, STATE, open, operator, table_files};

/// Savepoints with nothing older below, and merged.
pub(crate) struct Savepoints {
    pub(crate) single: PathBuf,
}

/// Live state to a run, and runs to self-contained savepoints.
pub(crate) fn run<W: Workload>(bench: &mut Bench<W>, report: &mut Report) -> anyhow::Result<Savepoints> {
    let frozen = bench.keyed.freeze()?;
    let (base, encode) = best(bench.rounds, |_| bench.root.write_run(&frozen, true))?;
    let ((), absorb) = once(|| {
        bench.keyed.absorb(frozen);
        Ok(())
    })?;
    let source = bench.root.publish(base.clone())?;
    let batches = all_rows(&source)?;
    bench.limits(&batches, report)?;
    drop(batches);

    report.work("state to a run", bench.keys, encode);
    report.line("  of the plain writer's speed", format!("{:.2}", speed(bench.plain_write, encode)));
    report.work("absorbing the layer into the base", bench.keys, absorb);
    let memory = Memory::reset();
    let (single, copy) = best(bench.rounds, |n| bench.root.savepoint(&source, &format!("single-{n}")))?;
    let grown = Memory::now().peak.saturating_sub(memory.held);
    report.work("run to a savepoint", bench.keys, copy);
    report.line("  memory that it adds", mib(grown));
    report.work("savepoint, nothing older below", bench.keys, encode + copy);
    let ratio = speed(bench.plain_write, encode + copy);
    report.ratio("the plain writer", ratio, Aim::AtLeast(0.7));
    let bytes: u64 = table_files(&single)?.iter().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum();
    report.line("bytes on disk", format!("{} ({:.1} a key)", mib(bytes), bytes as f64 / bench.keys as f64));

    for number in (0..bench.keys).step_by(10) {
        bench.keyed.update(number, number);
    }
    let frozen = bench.keyed.freeze()?;
    let (delta, encode) = best(bench.rounds, |_| bench.root.write_run(&frozen, false))?;
    bench.keyed.absorb(frozen);
    let stacked = bench.root.publish([base, delta].concat())?;
    let memory = Memory::reset();
    let (_, merge) = best(bench.rounds, |n| bench.root.savepoint(&stacked, &format!("merged-{n}")))?;
    let grown = Memory::now().peak.saturating_sub(memory.held);
    report.work("savepoint, merging 10 % of changes", bench.keys, encode + merge);
    let ratio = speed(bench.plain_write, encode + merge);
    report.ratio("the plain writer", ratio, Aim::AtLeast(0.5));
    report.line("  memory that it adds", mib(grown));
    Ok(Savepoints { single })
}

fn all_rows(snapshot: &Snapshot) -> anyhow::Result<Vec<RecordBatch>> {
    let mut rows = snapshot.rows(&Scan::all(operator(), STATE))?;
    let mut batches = Vec::new();
    while let Some(batch) = block_on(rows.next())? {
        batches.push(batch.rows().clone());
    }
    Ok(batches)
}

/// A savepoint to state that takes records, and to state that holds every key in its own layer.
pub(crate) fn restore<W: Workload>(
    bench: &Bench<W>,
    savepoints: &Savepoints,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (restored, spent) = best(bench.rounds, |_| {
        let snapshot = open(&savepoints.single)?;
        let mut keyed = Keyed::<W>::new();
        let range = BackendOptions::default().key_groups;
        let mut rows = snapshot.merged(operator(), STATE, range, &keyed.schema())?;
        while let Some(batch) = block_on(rows.next())? {
            keyed.backend.restore(0, batch)?;
        }
        keyed.backend.finish_restore()?;
        keyed.update(0, 1);
        Ok(keyed)
    })?;
    report.work("restore to the first record", bench.keys, spent);
    report.ratio("the plain reader", speed(bench.plain_read, spent), Aim::AtLeast(0.5));
    let mut restored = restored;
    let ((), rest) = once(|| {
        (0..bench.keys).for_each(|number| restored.update(number, 1));
        Ok(())
    })?;
    report.line("  and until every key was written once", format!("{} cpu more", seconds(rest.cpu)));
    Ok(())
}
