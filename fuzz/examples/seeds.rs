//! Fills `corpus/` with seeds from the fixtures: `cargo run --release --example seeds`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use alluvium_format::Preamble;
use alluvium_testkit::fixtures;
use alluvium_testkit::fuzz::pack;
use alluvium_testkit::mutate::Numbers;

fn main() -> Result<(), Box<dyn Error>> {
    for case in fixtures::valid().into_iter().chain(fixtures::invalid()) {
        let manifest = case.manifest_bytes();
        for target in ["preamble", "manifest"] {
            write(target, &case.name, &manifest)?;
        }
        if let Some(json) = body(&manifest) {
            write("manifest", &format!("{}.json", case.name), &json)?;
        }
        for (i, run) in case.runs().iter().enumerate() {
            write("table_file", &format!("{}-{i}", case.name), run)?;
        }
    }
    flink()?;
    let mut numbers = Numbers::new(1);
    for i in 0..64 {
        for target in ["key_bytes", "program"] {
            let bytes: Vec<u8> = (0..128).map(|_| numbers.next_u64() as u8).collect();
            write(target, &format!("noise-{i}"), &bytes)?;
        }
    }
    Ok(())
}

/// Seeds of what reads Flink's files: headers lie at the start of state files, serializers within them.
fn flink() -> io::Result<()> {
    for (name, bytes) in fixtures::flink_metadata() {
        write("flink_metadata", &name.replace('/', "-"), &bytes)?;
    }
    for (name, files) in fixtures::flink_databases() {
        write("flink_database", &name, &pack(&files))?;
    }
    for (name, files) in fixtures::flink_snapshots() {
        write("flink_snapshot", &name, &pack(&files))?;
        for (i, (_, bytes)) in files.iter().enumerate() {
            let head = bytes.len().min(4096);
            write("flink_serializer", &format!("{name}-{i}"), &bytes[..head])?;
        }
    }
    Ok(())
}

/// The JSON of a manifest, where its frame is sound.
fn body(manifest: &[u8]) -> Option<Vec<u8>> {
    let preamble = Preamble::parse(manifest).ok()?;
    zstd::bulk::decompress(manifest.get(preamble.length..)?, 1 << 20).ok()
}

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}
