//! Lists the entries of a RocksDB database: `rocksdb_entries FOLDER [--count | --verify]`.
//!
//! Prints `cf NAME COUNT` per column family, then `KEY VALUE` per entry, all in hexadecimal. With
//! `--count`, how many entries and bytes there are and how long a scan took; with `--verify`, what is
//! wrong with it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use alluvium_interop_flink::rocksdb::Database;
use alluvium_interop_flink::{Error, ReadAt};

/// A file of the local disk.
#[derive(Debug)]
struct Local {
    name: String,
    len: u64,
    file: File,
}

impl ReadAt for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> alluvium_interop_flink::Result<bytes::Bytes> {
        let mut buffer = vec![0; len];
        match self.file.read_exact_at(&mut buffer, offset) {
            Ok(()) => Ok(buffer.into()),
            Err(_) => Err(Error::Truncated { section: "file", offset, wanted: len as u64, left: 0 }),
        }
    }
}

fn open(folder: &Path) -> Result<Database, Box<dyn std::error::Error>> {
    let mut files: Vec<(String, Arc<dyn ReadAt>)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let len = entry.metadata()?.len();
        let file = File::open(entry.path())?;
        files.push((name.clone(), Arc::new(Local { name, len, file })));
    }
    Ok(Database::open(files)?)
}

fn list(database: &Database) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for family in database.column_families() {
        let (mut lines, mut count) = (String::new(), 0);
        let mut scan = database.scan(&family.name, None, None)?;
        while scan.advance()? {
            writeln!(lines, "{} {}", hex(scan.key()), hex(scan.value()))?;
            count += 1;
        }
        write!(out, "cf {} {count}\n{lines}", hex(family.name.as_bytes()))?;
    }
    Ok(())
}

fn count(database: &Database) -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let (mut entries, mut bytes) = (0u64, 0u64);
    for family in database.column_families() {
        let mut scan = database.scan(&family.name, None, None)?;
        while scan.advance()? {
            entries += 1;
            bytes += (scan.key().len() + scan.value().len()) as u64;
        }
    }
    println!("{entries} entries of {bytes} bytes in {:.3} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: rocksdb_entries FOLDER [--count | --verify]");
        return Ok(ExitCode::from(2));
    };
    let database = open(Path::new(&folder))?;
    match arguments.next().as_deref() {
        Some("--count") => count(&database)?,
        Some("--verify") => {
            let mut findings = 0;
            let verified = database.verify(&mut |error| {
                findings += 1;
                println!("{error:?}");
            });
            println!("{verified:?}");
            return Ok(ExitCode::from(u8::from(findings > 0)));
        }
        _ => list(&database)?,
    }
    Ok(ExitCode::SUCCESS)
}
