use std::time::Instant;

use crate::args::Args;
use crate::data::{Workload, pick};
use crate::measure::{Samples, cpu_now};
use crate::report::{Aim, Report, micros};
use crate::world::Keyed;

/// Records between two barriers.
const RECORDS: u64 = 20_000;
/// Records of a batch, after which a slice of the frozen layer is absorbed.
const BATCH: u64 = 1_000;
/// Entries of a slice.
const SLICE: usize = 2_048;

/// Barriers at two sizes of state.
pub(crate) fn run<W: Workload>(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let mut small = Pauses::of::<W>(args.small, args.barriers)?;
    small.print(args.small, report);
    let small_p99 = small.cpu.permille(990);
    report.ratio("1 ms, p99", small_p99.as_secs_f64() * 1000.0, Aim::AtMost(1.0));
    let mut large = Pauses::of::<W>(args.keys, args.barriers)?;
    large.print(args.keys, report);
    let large_p99 = large.cpu.permille(990);
    report.ratio("1 ms, p99", large_p99.as_secs_f64() * 1000.0, Aim::AtMost(1.0));
    report.line("pause p99, large beside small", format!("{} / {}", micros(large_p99), micros(small_p99)));
    let allowed = small_p99.as_secs_f64() * 1.2 + 50e-6;
    report.ratio(
        "the small state's",
        large_p99.as_secs_f64() / small_p99.as_secs_f64(),
        Aim::AtMost(allowed / small_p99.as_secs_f64()),
    );
    Ok(())
}

/// How long a task stood still.
#[derive(Default)]
struct Pauses {
    /// From a barrier until the next record is processed.
    cpu: Samples,
    wall: Samples,
    /// While a slice was absorbed between two batches.
    slices: Samples,
}

impl Pauses {
    fn of<W: Workload>(keys: u64, barriers: usize) -> anyhow::Result<Pauses> {
        let mut keyed = Keyed::<W>::filled(keys)?;
        let mut pauses = Pauses::default();
        let mut record = 0;
        for _ in 0..barriers {
            for _ in 0..RECORDS / BATCH {
                for _ in 0..BATCH {
                    keyed.update(pick(record, keys), record);
                    record += 1;
                }
                let cpu = cpu_now();
                keyed.backend.absorb(SLICE);
                pauses.slices.push(cpu_now() - cpu);
                drop(keyed.backend.take_garbage());
            }
            while keyed.backend.absorb(SLICE) {}
            let number = pick(record, keys);
            let (cpu, wall) = (cpu_now(), Instant::now());
            let frozen = keyed.freeze()?;
            keyed.update(number, record);
            pauses.cpu.push(cpu_now() - cpu);
            pauses.wall.push(wall.elapsed());
            record += 1;
            // What another thread does meanwhile: the layer is encoded, and is durable then.
            let id = frozen.id;
            let rows: usize = frozen.tables.iter().map(|table| table.rows(8192).count()).sum();
            anyhow::ensure!(rows > 0, "a layer without rows");
            drop(frozen);
            keyed.backend.durable(id);
        }
        Ok(pauses)
    }

    fn print(&mut self, keys: u64, report: &mut Report) {
        let line = |samples: &mut Samples| {
            let (p50, p99) = (samples.permille(500), samples.permille(990));
            format!("p50 {} p99 {} max {}", micros(p50), micros(p99), micros(samples.max()))
        };
        report.line(format!("absorbing a slice, {keys} keys"), format!("{} cpu", line(&mut self.slices)));
        let (cpu, wall) = (line(&mut self.cpu), line(&mut self.wall));
        report.line(format!("barrier pause, {keys} keys"), format!("{cpu} cpu; {wall} wall"));
    }
}
