use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::args::Args;
use crate::data::Workload;
use crate::measure::{Memory, Spent, best, once};
use crate::report::{Report, mib};
use crate::world::{Keyed, Root};
use crate::{increment, limits, pause, savepoint, scan, update};

/// What the parts share: the state, its root, and the limits measured on its rows.
pub(crate) struct Bench<W: Workload> {
    pub(crate) keys: u64,
    pub(crate) rounds: usize,
    pub(crate) keyed: Keyed<W>,
    pub(crate) root: Root,
    pub(crate) scratch: PathBuf,
    /// CPU and wall time of the plain Parquet writer over all rows.
    pub(crate) plain_write: Spent,
    /// And of the plain reader.
    pub(crate) plain_read: Spent,
}

/// Measures one kind of value.
pub(crate) fn run<W: Workload>(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let dir = match &args.dir {
        Some(dir) => tempfile::Builder::new().prefix("alluvium-bench-").tempdir_in(dir)?,
        None => tempfile::Builder::new().prefix("alluvium-bench-").tempdir()?,
    };
    if args.has("updates") {
        update::run::<W>(args.keys, report);
    }
    if args.has("savepoints") {
        savepoints::<W>(args, dir.path(), report)?;
    }
    if args.has("pauses") {
        pause::run::<W>(args, report)?;
    }
    Ok(())
}

fn savepoints<W: Workload>(args: &Args, dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let before = Memory::reset();
    let keyed = Keyed::<W>::new();
    let root = Root::create(&dir.join("root"), Arc::clone(&keyed.schema()))?;
    let (plain_write, plain_read) = (Spent::default(), Spent::default());
    let scratch = dir.to_owned();
    let (keys, rounds) = (args.keys, args.rounds);
    let mut bench = Bench { keys, rounds, keyed, root, scratch, plain_write, plain_read };

    let ((), fill) = once(|| {
        bench.keyed.fill(keys);
        Ok(())
    })?;
    report.work("fill: first value of every key", keys, fill);
    let savepoints = savepoint::run(&mut bench, report)?;
    savepoint::restore(&bench, &savepoints, report)?;
    scan::run(&bench, &savepoints, report)?;
    increment::run(&mut bench, report)?;
    let peak = Memory::now().peak;
    report.line("peak memory of all above", mib(peak.saturating_sub(before.held)));
    Ok(())
}

impl<W: Workload> Bench<W> {
    /// Measures the limits of writing and reading rows.
    pub(crate) fn limits(&mut self, batches: &[RecordBatch], report: &mut Report) -> anyhow::Result<()> {
        let path = self.scratch.join("plain.parquet");
        let (bytes, spent) = best(self.rounds, |_| limits::write_parquet(&path, batches, true))?;
        self.plain_write = spent;
        report.work("limit: plain Parquet writer", self.keys, spent);
        let (_, spent) = best(self.rounds, |_| limits::read_parquet(std::slice::from_ref(&path)))?;
        self.plain_read = spent;
        report.work("limit: plain Parquet reader", self.keys, spent);
        report.line("limit: bytes of plain Parquet", mib(bytes));
        let bytes = std::fs::read(&path)?;
        let copy = self.scratch.join("plain.bytes");
        let ((), spent) = best(self.rounds, |_| limits::write_file(&copy, &bytes))?;
        report.work("limit: sequential file write", self.keys, spent);
        let (_, spent) = best(self.rounds, |_| limits::read_file(&copy))?;
        report.work("limit: sequential file read", self.keys, spent);
        Ok(())
    }
}
