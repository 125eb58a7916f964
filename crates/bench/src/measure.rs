//! CPU time of this thread, wall time, and memory.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What a piece of work took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl std::ops::Add for Spent {
    type Output = Spent;

    fn add(self, other: Spent) -> Spent {
        Spent { cpu: self.cpu + other.cpu, wall: self.wall + other.wall }
    }
}

/// Returns the CPU time that this thread has used.
pub(crate) fn cpu_now() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Does something once.
pub(crate) fn once<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Spent)> {
    let (cpu, wall) = (cpu_now(), Instant::now());
    let result = work()?;
    Ok((result, Spent { cpu: cpu_now() - cpu, wall: wall.elapsed() }))
}

/// Does something several times and keeps the result and time of the best.
pub(crate) fn best<T>(
    rounds: usize,
    mut work: impl FnMut(usize) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Spent)> {
    let mut kept = once(|| work(0))?;
    for round in 1..rounds {
        let next = once(|| work(round))?;
        if next.1.cpu < kept.1.cpu {
            kept = next;
        }
    }
    Ok(kept)
}

/// Durations of many small things.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// Returns the duration below which so many of a thousand lie.
    pub(crate) fn permille(&mut self, permille: usize) -> Duration {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() * permille / 1000).min(last)).copied().unwrap_or_default()
    }

    pub(crate) fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }
}

/// Memory of the process in bytes: what it holds, and the most it held since [`Memory::reset`].
pub(crate) struct Memory {
    pub(crate) held: u64,
    pub(crate) peak: u64,
}

impl Memory {
    pub(crate) fn now() -> Memory {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let kib = line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            kib.unwrap_or(0) * 1024
        };
        Memory { held: field("VmRSS:"), peak: field("VmHWM:") }
    }

    /// Lets the peak begin anew at what is held now.
    pub(crate) fn reset() -> Memory {
        // Where the kernel refuses, the peak stays that of the whole run.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Memory::now()
    }
}
