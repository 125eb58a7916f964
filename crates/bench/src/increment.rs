use alluvium_format::RunRef;
use arrow_array::RecordBatch;

use crate::data::Workload;
use crate::limits;
use crate::measure::{best, once};
use crate::report::{Aim, Report, mib};
use crate::suite::Bench;

/// A checkpoint after one key in a hundred has changed.
pub(crate) fn run<W: Workload>(bench: &mut Bench<W>, report: &mut Report) -> anyhow::Result<()> {
    let changed = bench.keys / 100;
    for number in (0..changed * 100).step_by(100) {
        bench.keyed.update(number, number);
    }
    let (frozen, freeze) = once(|| bench.keyed.freeze())?;
    let (runs, encode) = best(bench.rounds, |_| bench.root.write_run(&frozen, false))?;
    let ours: u64 = runs.iter().map(RunRef::bytes).sum();
    let mut plain = Vec::new();
    for batch in frozen.tables.iter().flat_map(|table| table.rows(8192)) {
        plain.push(key_and_value(batch?.rows())?);
    }
    bench.keyed.absorb(frozen);
    let path = bench.scratch.join("changed.parquet");
    let (bytes, limit) = best(bench.rounds, |_| limits::write_parquet(&path, &plain, false))?;
    report.work("limit: plain Parquet of 1 % (key, value)", changed, limit);
    report.work("increment after 1 % of changes", changed, freeze + encode);
    report.line("bytes of the increment", format!("{} (plain {})", mib(ours), mib(bytes)));
    report.ratio("plain Parquet", ours as f64 / bytes as f64, Aim::AtMost(1.2));
    Ok(())
}

fn key_and_value(rows: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let schema = rows.schema();
    let places = [schema.index_of("key")?, schema.index_of("value")?];
    Ok(rows.project(&places)?)
}
