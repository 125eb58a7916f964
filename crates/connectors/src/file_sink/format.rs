use serde_json::Value as Json;

/// Prints records as lines of a text file.
pub trait TextFormat<T>: Send + 'static {
    /// Returns the end of the files' names, without the dot.
    fn extension(&self) -> &'static str;

    /// Returns the first line of every file, if there is one.
    fn header(&self) -> Option<String>;

    /// Appends a record as one line, without its end.
    fn line(&self, record: &T, out: &mut String);
}

/// One JSON value per line.
#[derive(Debug, Clone)]
pub struct JsonLines<F> {
    print: F,
}

impl<F> JsonLines<F> {
    /// Prints what the function makes of a record.
    pub fn new<T>(print: F) -> Self
    where
        F: Fn(&T) -> Json + Send + 'static,
    {
        JsonLines { print }
    }
}

impl<T, F: Fn(&T) -> Json + Send + 'static> TextFormat<T> for JsonLines<F> {
    fn extension(&self) -> &'static str {
        "jsonl"
    }

    fn header(&self) -> Option<String> {
        None
    }

    fn line(&self, record: &T, out: &mut String) {
        // JSON text has its line breaks escaped.
        out.push_str(&(self.print)(record).to_string());
    }
}

/// Comma-separated values under a header, quoted where they must be.
#[derive(Debug, Clone)]
pub struct Csv<F> {
    columns: Vec<String>,
    print: F,
}

impl<F> Csv<F> {
    /// Prints the cells that the function makes of a record, one per column.
    ///
    /// A cell is one line: line breaks in it are printed as blanks.
    pub fn new<T>(columns: impl IntoIterator<Item = impl Into<String>>, print: F) -> Self
    where
        F: Fn(&T) -> Vec<String> + Send + 'static,
    {
        Csv { columns: columns.into_iter().map(Into::into).collect(), print }
    }
}

impl<T, F: Fn(&T) -> Vec<String> + Send + 'static> TextFormat<T> for Csv<F> {
    fn extension(&self) -> &'static str {
        "csv"
    }

    fn header(&self) -> Option<String> {
        let mut out = String::new();
        push_cells(&self.columns, &mut out);
        Some(out)
    }

    fn line(&self, record: &T, out: &mut String) {
        push_cells(&(self.print)(record), out);
    }
}

fn push_cells(cells: &[String], out: &mut String) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let cell = cell.replace(['\n', '\r'], " ");
        if cell.contains([',', '"']) {
            out.push_str(&format!("\"{}\"", cell.replace('"', "\"\"")));
        } else {
            out.push_str(&cell);
        }
    }
}
