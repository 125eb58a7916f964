//! How answers are printed: tables for people, JSON and CSV for programs.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people; the default on a terminal.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object per line; the default into a pipe or file.
    Jsonl,
    /// Comma-separated values with a header line.
    Csv,
}

/// A member of an answer, by name.
pub(crate) type Object = Map<String, Json>;

/// Standard output and the form that is wanted.
#[derive(Debug)]
pub(crate) struct Out {
    wanted: Option<Format>,
    terminal: bool,
    to: BufWriter<StdoutLock<'static>>,
}

impl Out {
    pub(crate) fn new(wanted: Option<Format>) -> Self {
        let stdout = io::stdout();
        Out { wanted, terminal: stdout.is_terminal(), to: BufWriter::with_capacity(1 << 16, stdout.lock()) }
    }

    /// Returns the form: what was asked for, else a table on a terminal and JSON lines elsewhere.
    pub(crate) fn format(&self) -> Format {
        self.format_or(Format::Jsonl)
    }

    /// As [`Out::format`], with another default where no terminal is.
    pub(crate) fn format_or(&self, elsewhere: Format) -> Format {
        self.wanted.unwrap_or(if self.terminal { Format::Table } else { elsewhere })
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes text followed by a line end.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.to, "{text}")
    }

    /// Writes one JSON document: indented for `json`, on one line for `jsonl`.
    pub(crate) fn json(&mut self, json: &impl Serialize) -> io::Result<()> {
        if self.format_or(Format::Json) == Format::Jsonl {
            serde_json::to_writer(&mut self.to, json)?;
            return writeln!(self.to);
        }
        serde_json::to_writer_pretty(&mut self.to, json)?;
        writeln!(self.to)
    }

    /// Begins a list of objects that share columns.
    pub(crate) fn records(&mut self, columns: &[&str]) -> Records<'_> {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Records { format: self.format(), out: self, columns, pending: Vec::new(), written: 0 }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A list of objects that is printed while it grows.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    out: &'a mut Out,
    format: Format,
    columns: Vec<String>,
    pending: Vec<Object>,
    written: u64,
}

impl Records<'_> {
    /// Prints one object; columns that it lacks stay empty.
    pub(crate) fn push(&mut self, object: Object) -> io::Result<()> {
        let first = self.written == 0;
        self.written += 1;
        match self.format {
            Format::Jsonl => writeln!(self.out.to, "{}", Json::Object(object)),
            Format::Json => {
                write!(self.out.to, "{}{}", if first { "[\n" } else { ",\n" }, Json::Object(object))
            }
            Format::Csv => {
                if first {
                    self.csv_header()?;
                }
                self.csv_row(&object)
            }
            Format::Table => {
                self.pending.push(object);
                if self.pending.len() >= TABLE_ROWS { self.table() } else { Ok(()) }
            }
        }
    }

    /// Ends the list and returns how many objects it had.
    pub(crate) fn end(mut self) -> io::Result<u64> {
        match self.format {
            Format::Json if self.written == 0 => writeln!(self.out.to, "[]")?,
            Format::Json => writeln!(self.out.to, "\n]")?,
            Format::Csv if self.written == 0 => self.csv_header()?,
            Format::Table => self.table()?,
            _ => {}
        }
        Ok(self.written)
    }

    fn csv_header(&mut self) -> io::Result<()> {
        let names: Vec<String> = self.columns.iter().map(|c| csv_field(c)).collect();
        writeln!(self.out.to, "{}", names.join(","))
    }

    fn csv_row(&mut self, object: &Object) -> io::Result<()> {
        let fields = self.columns.iter().map(|column| match object.get(column) {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) => csv_field(text),
            Some(other) => csv_field(&other.to_string()),
        });
        let fields: Vec<String> = fields.collect();
        writeln!(self.out.to, "{}", fields.join(","))
    }

    fn table(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.pending);
        if rows.is_empty() {
            return Ok(());
        }
        let shown: Vec<&String> =
            self.columns.iter().filter(|c| rows.iter().any(|row| row.contains_key(*c))).collect();
        let heading = |name: &str| name.replace('_', " ").to_uppercase();
        let mut table = plain_table(shown.iter().map(|c| heading(c)));
        for row in &rows {
            table.add_row(
                shown.iter().map(|column| row.get(*column).map_or(String::new(), |v| column_cell(column, v))),
            );
        }
        for (i, column) in shown.iter().enumerate() {
            let numbers =
                rows.iter().filter_map(|row| row.get(*column)).all(|v| v.is_number() || v.is_null());
            if let (true, Some(column)) = (numbers, table.column_mut(i)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        print_table(&mut self.out.to, &table)
    }
}

/// Makes a table without rules, with two spaces between columns.
pub(crate) fn plain_table(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

pub(crate) fn print_table(to: &mut impl Write, table: &Table) -> io::Result<()> {
    for line in table.lines() {
        writeln!(to, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Prints a table through an [`Out`].
pub(crate) fn write_table(out: &mut Out, table: &Table) -> io::Result<()> {
    print_table(&mut out.to, table)
}

/// State may be long and is cut; what a person copies or has to read whole is not.
fn column_cell(column: &str, value: &Json) -> String {
    let state = ["key", "namespace", "map_key", "value"].contains(&column);
    if state { cell(value) } else { whole(value) }
}

/// Prints a value in a cell: text without quotes, nothing that a terminal would act on.
pub(crate) fn cell(value: &Json) -> String {
    let text = whole(value);
    if text.chars().count() <= CELL_CHARS {
        return text;
    }
    let mut cut: String = text.chars().take(CELL_CHARS - 1).collect();
    cut.push('…');
    cut
}

fn whole(value: &Json) -> String {
    match value {
        Json::Null => "–".to_owned(),
        Json::String(text) => escape(text),
        other => other.to_string(),
    }
}

/// Replaces control characters, which could steer a terminal, by their escapes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Joins fields to a line of CSV.
pub(crate) fn csv_line(fields: &[&str]) -> String {
    fields.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(",")
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.is_empty() {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Prints a number of bytes for people: `1.2 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") }
}

/// Prints a number with thin groups of three: `1 234 567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

const TABLE_ROWS: usize = 500;
const CELL_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(cell(&Json::from("a\u{1b}[31mb\n")), "a\\u{1b}[31mb\\n");
    }

    #[test]
    fn long_cells_are_cut() {
        let long = cell(&Json::from("x".repeat(500)));
        assert_eq!(long.chars().count(), CELL_CHARS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        let check = |text, expect| assert_eq!(csv_field(text), expect);
        check("plain", "plain");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        check("", "\"\"");
    }

    #[test]
    fn sizes_and_counts_are_readable() {
        assert_eq!(
            (bytes(512), bytes(1536), bytes(3 << 30)),
            ("512 B".into(), "1.5 KiB".into(), "3.0 GiB".into())
        );
        assert_eq!(
            (count(7), count(1234), count(1_234_567)),
            ("7".into(), "1 234".into(), "1 234 567".into())
        );
    }
}
