//! What a comparison found: a table, and the first differences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// Differences that are printed at most.
const SHOWN: usize = 400;

/// What a line of the table is about, and its counts of states.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) version: String,
    pub(crate) backend: String,
    pub(crate) format: String,
}

/// Counts of states, and of entries.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) typed: u64,
    pub(crate) opaque: u64,
    pub(crate) wrong: u64,
    pub(crate) missing: u64,
    pub(crate) absent: u64,
    pub(crate) entries: u64,
}

/// How a state compares with its truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All entries are there, with their values.
    Typed,
    /// All entries are there; some values are bytes.
    Opaque(String),
    /// Something differs.
    Wrong(String),
    /// The state is not there.
    Missing,
    /// The state is not there, since Flink left it out, and the description warns of it.
    Absent,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: BTreeMap<Line, Counts>,
    differences: Vec<String>,
    opaque: BTreeMap<String, u64>,
    serializers: BTreeMap<String, Counts>,
}

impl Report {
    /// Adds a state.
    pub(crate) fn state(&mut self, line: &Line, place: &str, entries: u64, verdict: Verdict) {
        let counts = self.lines.entry(line.clone()).or_default();
        counts.entries += entries;
        match verdict {
            Verdict::Typed => counts.typed += 1,
            Verdict::Opaque(serializer) => {
                counts.opaque += 1;
                *self.opaque.entry(serializer).or_default() += 1;
            }
            Verdict::Wrong(what) => {
                counts.wrong += 1;
                self.differences.push(format!("{place}: {what}"));
            }
            Verdict::Absent => counts.absent += 1,
            Verdict::Missing => {
                counts.missing += 1;
                self.differences.push(format!("{place}: missing"));
            }
        }
    }

    /// Counts a state under each serializer of its value, nested ones too.
    pub(crate) fn serializers(&mut self, tree: &Json, verdict: &Verdict) {
        let mut classes = BTreeSet::new();
        collect(tree, &mut classes);
        for class in classes {
            let counts = self.serializers.entry(class).or_default();
            match verdict {
                Verdict::Typed => counts.typed += 1,
                Verdict::Opaque(_) => counts.opaque += 1,
                Verdict::Wrong(_) => counts.wrong += 1,
                Verdict::Missing => counts.missing += 1,
                Verdict::Absent => counts.absent += 1,
            }
        }
    }

    /// Adds a snapshot that cannot be opened.
    pub(crate) fn fault(&mut self, line: &Line, place: &str, what: &str) {
        self.state(line, place, 0, Verdict::Wrong(what.to_owned()));
    }

    /// Adds what another comparison found.
    pub(crate) fn merge(&mut self, other: Report) {
        for (line, counts) in other.lines {
            let sum = self.lines.entry(line).or_default();
            sum.typed += counts.typed;
            sum.opaque += counts.opaque;
            sum.wrong += counts.wrong;
            sum.missing += counts.missing;
            sum.absent += counts.absent;
            sum.entries += counts.entries;
        }
        for (serializer, counts) in other.serializers {
            let sum = self.serializers.entry(serializer).or_default();
            sum.typed += counts.typed;
            sum.opaque += counts.opaque;
            sum.wrong += counts.wrong;
            sum.missing += counts.missing;
            sum.absent += counts.absent;
        }
        for (serializer, count) in other.opaque {
            *self.opaque.entry(serializer).or_default() += count;
        }
        self.differences.extend(other.differences);
    }

    /// Returns the number of states of which every value is typed.
    pub(crate) fn typed(&self) -> u64 {
        self.lines.values().map(|counts| counts.typed).sum()
    }

    /// Returns the number of states that differ.
    pub(crate) fn wrong(&self) -> u64 {
        self.lines.values().map(|counts| counts.wrong).sum()
    }

    /// Returns the number of states that are not there.
    pub(crate) fn missing(&self) -> u64 {
        self.lines.values().map(|counts| counts.missing).sum()
    }

    /// Prints the table and the first differences.
    pub(crate) fn print(&self) {
        let head = ["Flink", "backend", "format", "typed", "opaque", "wrong", "missing", "absent", "entries"];
        println!(
            "{:<8} {:<20} {:<14} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9}",
            head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7], head[8]
        );
        let mut all = Counts::default();
        for (line, c) in &self.lines {
            println!(
                "{:<8} {:<20} {:<14} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9}",
                line.version,
                line.backend,
                line.format,
                c.typed,
                c.opaque,
                c.wrong,
                c.missing,
                c.absent,
                c.entries
            );
            all.typed += c.typed;
            all.opaque += c.opaque;
            all.wrong += c.wrong;
            all.missing += c.missing;
            all.absent += c.absent;
            all.entries += c.entries;
        }
        println!(
            "{:<44} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9}",
            "all", all.typed, all.opaque, all.wrong, all.missing, all.absent, all.entries
        );
        println!(
            "\n{:<60} {:>7} {:>7} {:>7} {:>7} {:>7}",
            "serializer (states whose values it is in)", "typed", "opaque", "wrong", "missing", "absent"
        );
        for (serializer, c) in &self.serializers {
            println!(
                "{:<60} {:>7} {:>7} {:>7} {:>7} {:>7}",
                serializer, c.typed, c.opaque, c.wrong, c.missing, c.absent
            );
        }
        for (serializer, count) in &self.opaque {
            println!("opaque: {count} states through {serializer}");
        }
        for difference in self.differences.iter().take(SHOWN) {
            println!("{difference}");
        }
    }
}

/// Collects the classes of a tree of serializers, without their packages.
fn collect(tree: &Json, classes: &mut BTreeSet<String>) {
    match tree {
        Json::Object(members) => {
            if let Some(class) = members.get("class").and_then(Json::as_str) {
                classes.insert(class.rsplit('.').next().unwrap_or(class).to_owned());
            }
            members.values().for_each(|member| collect(member, classes));
        }
        Json::Array(parts) => parts.iter().for_each(|part| collect(part, classes)),
        _ => {}
    }
}
