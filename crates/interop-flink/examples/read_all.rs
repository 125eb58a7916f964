//! Reads every row of every keyed state of a Flink snapshot into Arrow: `read_all SNAPSHOT [THREADS]`.
//!
//! Prints, in all and by state, rows, bytes of Arrow, seconds, CPU seconds and rows a second of CPU; at the
//! end the largest resident set, where the system tells. The benchmark against real Flink
//! (`tests/oracles/flink/bench`) runs it as a cold process and reads the first number.

use std::path::Path;
use std::time::Instant;

use alluvium_interop_flink::snapshot::FlinkSnapshot;
use alluvium_model::{KeyGroupRange, OperatorId, Scan, SnapshotSource};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: read_all SNAPSHOT [THREADS]")?;
    let threads: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let begun = Instant::now();
    let snapshot = FlinkSnapshot::open(Path::new(&path))?;
    let opened = format!("opened in {} ms, {threads} threads", begun.elapsed().as_millis());
    let (mut sum, mut states) = ((0, 0), Vec::new());
    for operator in &snapshot.describe().operators {
        for state in operator.states.iter().filter(|state| state.schema.kind.is_keyed()) {
            let name = &state.schema.name;
            let (at, cpu) = (Instant::now(), cpu_seconds());
            let found = read(&snapshot, (operator.id, name), operator.max_parallelism, threads)?;
            states.push(line(name, found, at.elapsed().as_secs_f64(), cpu_seconds() - cpu));
            sum = (sum.0 + found.0, sum.1 + found.1);
        }
    }
    println!("{}, {opened}", line("all states", sum, begun.elapsed().as_secs_f64(), cpu_seconds()));
    states.iter().for_each(|line| println!("{line}"));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    Ok(())
}

fn line(name: &str, (rows, bytes): (u64, u64), seconds: f64, cpu: f64) -> String {
    let rate = rows as f64 / cpu.max(0.01);
    format!(
        "{rows} rows of {name}, {bytes} bytes of Arrow, {seconds:.2} s, {cpu:.2} CPU s, {rate:.0} rows/CPU s"
    )
}

/// Reads a state, each thread a part of its key groups.
fn read(
    snapshot: &FlinkSnapshot,
    state: (OperatorId, &str),
    groups: u32,
    threads: u32,
) -> Result<(u64, u64), Failure> {
    let border = |part| groups * part / threads;
    let parts: Vec<Result<(u64, u64), Failure>> = std::thread::scope(|scope| {
        let part = |part| scope.spawn(move || read_part(snapshot, state, border(part)..border(part + 1)));
        let running: Vec<_> = (0..threads).map(part).collect();
        let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|part| part.unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    });
    parts.into_iter().try_fold((0, 0), |sum, part| part.map(|part| (sum.0 + part.0, sum.1 + part.1)))
}

fn read_part(
    snapshot: &FlinkSnapshot,
    (operator, state): (OperatorId, &str),
    groups: std::ops::Range<u32>,
) -> Result<(u64, u64), Failure> {
    let mut scan = Scan::all(operator, state);
    scan.key_groups = Some(KeyGroupRange::new(groups.start, groups.end));
    let mut stream = snapshot.scan(&scan)?;
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = stream.next_batch()? {
        rows += batch.len() as u64;
        let columns = batch.rows().columns().iter();
        bytes +=
            columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0) as u64).sum::<u64>();
    }
    Ok((rows, bytes))
}

/// Returns the CPU time of the process, where the system tells.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let times = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // The kernel counts in hundredths of a second.
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
