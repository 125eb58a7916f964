use alluvium_model::source::Scan;
use alluvium_model::{SnapshotSource, Value};
use alluvium_store::block_on;

use crate::data::{Workload, key_of, pick};
use crate::measure::{Samples, best, once};
use crate::report::{Report, micros, speed};
use crate::savepoint::Savepoints;
use crate::suite::Bench;
use crate::world::{STATE, open, operator};

const LOOKUPS: u64 = 300;

/// Every row of a savepoint in order, and single keys.
pub(crate) fn run<W: Workload>(
    bench: &Bench<W>,
    savepoints: &Savepoints,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (rows, spent) = best(bench.rounds, |_| {
        let mut rows = open(&savepoints.single)?.rows(&Scan::all(operator(), STATE))?;
        let mut count = 0;
        while let Some(batch) = block_on(rows.next())? {
            count += batch.len() as u64;
        }
        Ok(count)
    })?;
    anyhow::ensure!(rows == bench.keys, "{rows} rows instead of {}", bench.keys);
    report.work("full scan in order, with sort keys", bench.keys, spent);
    report.line("  of the plain reader's speed", format!("{:.2}", speed(bench.plain_read, spent)));

    let snapshot = open(&savepoints.single)?;
    let (mut cpu, mut wall) = (Samples::default(), Samples::default());
    for record in 0..LOOKUPS {
        let key = Value::Int(key_of(pick(record, bench.keys)));
        let (found, spent) = once(|| Ok(snapshot.lookup(operator(), STATE, &key)?))?;
        anyhow::ensure!(
            found.iter().map(|batch| batch.len()).sum::<usize>() == 1,
            "key {key:?} is not there"
        );
        cpu.push(spent.cpu);
        wall.push(spent.wall);
    }
    let figures = format!(
        "p50 {} p99 {} cpu; p50 {} wall",
        micros(cpu.permille(500)),
        micros(cpu.permille(990)),
        micros(wall.permille(500))
    );
    report.line("point look-up in a savepoint", figures);
    Ok(())
}
