use std::time::Duration;

use crate::measure::Spent;

/// Lines of figures, and what they should be.
pub(crate) struct Report {
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    figures: String,
    verdict: String,
}

/// What a ratio should be.
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub(crate) fn new(title: &'static str) -> Self {
        Report { title, lines: Vec::new() }
    }

    /// Adds a line of figures.
    pub(crate) fn line(&mut self, name: impl Into<String>, figures: impl Into<String>) {
        let (name, figures) = (name.into(), figures.into());
        eprintln!("  {name}: {figures}");
        self.lines.push(Line { name, figures, verdict: String::new() });
    }

    /// Adds a line of work over rows.
    pub(crate) fn work(&mut self, name: impl Into<String>, rows: u64, spent: Spent) {
        self.line(name, work(rows, spent));
    }

    /// Says how the last line compares with a limit.
    pub(crate) fn ratio(&mut self, of: &str, ratio: f64, aim: Aim) {
        let (held, aim) = match aim {
            Aim::AtLeast(aim) => (ratio >= aim, format!(">= {aim}")),
            Aim::AtMost(aim) => (ratio <= aim, format!("<= {aim:.3}")),
        };
        let verdict = format!("{ratio:.2} of {of} (aim {aim}) {}", if held { "held" } else { "MISSED" });
        eprintln!("    {verdict}");
        if let Some(line) = self.lines.last_mut() {
            line.verdict = verdict;
        }
    }

    pub(crate) fn print(&self) {
        let width = |of: fn(&Line) -> &String| self.lines.iter().map(|l| of(l).len()).max().unwrap_or(0);
        let (name, figures) = (width(|l| &l.name), width(|l| &l.figures));
        println!("\n{}", self.title);
        for line in &self.lines {
            let text = format!("  {:name$}  {:figures$}  {}", line.name, line.figures, line.verdict);
            println!("{}", text.trim_end());
        }
    }
}

/// Returns CPU and wall time and CPU time per row.
pub(crate) fn work(rows: u64, spent: Spent) -> String {
    let each = spent.cpu.as_nanos() as f64 / rows.max(1) as f64;
    format!("{:>8} cpu {:>8} wall {each:>7.1} ns/row", seconds(spent.cpu), seconds(spent.wall))
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

pub(crate) fn micros(duration: Duration) -> String {
    format!("{:.1} us", duration.as_nanos() as f64 / 1000.0)
}

pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

/// Returns how much of the speed of a limit was reached.
pub(crate) fn speed(limit: Spent, ours: Spent) -> f64 {
    limit.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-9)
}
