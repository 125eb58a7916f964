//! `fixtures/flink/rocksdb`: every database beside what RocksDB 8.10 lists of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::writer::fragment;
use super::{Files, Listing, entries, list, open};
use crate::rocksdb::manifest::TableFile;
use crate::rocksdb::sst::{Access, Table, TableCursor};
use crate::{InMemory, Result};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/flink/rocksdb");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() >= 19, "fixtures are missing");
    folders
}

fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "expected.txt" {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

/// Reads a listing: `cf NAME COUNT`, then `KEY VALUE` per entry, all in hexadecimal.
fn expected(folder: &Path) -> Listing {
    let text = fs::read_to_string(folder.join("expected.txt")).unwrap();
    let mut listing = Listing::new();
    let mut family = String::new();
    for line in text.lines() {
        let (first, second) = line.split_once(' ').unwrap();
        if first == "cf" {
            family = String::from_utf8(bytes(second.split_once(' ').unwrap().0)).unwrap();
            listing.insert(family.clone(), Vec::new());
        } else {
            listing.get_mut(&family).unwrap().push((bytes(first), bytes(second)));
        }
    }
    listing
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).unwrap()).collect()
}

#[test]
fn every_database_lists_as_its_engine_lists_it() {
    for folder in folders() {
        let database = open(&files(&folder)).unwrap();
        assert_eq!(list(&database).unwrap(), expected(&folder), "{}", folder.display());
        assert!(database.unreferenced().is_empty());
    }
}

#[test]
fn every_key_is_found_and_its_neighbours_are_not() {
    for folder in folders() {
        let database = open(&files(&folder)).unwrap();
        for (family, rows) in expected(&folder) {
            for (key, value) in &rows {
                assert_eq!(database.get(&family, key).unwrap().as_deref(), Some(&value[..]));
                let behind = [key, &[0][..]].concat();
                let known = rows.iter().any(|(key, _)| *key == behind);
                assert_eq!(database.get(&family, &behind).unwrap().is_some(), known);
            }
            assert_eq!(database.get(&family, &[0xFF; 40]).unwrap(), None);
        }
    }
}

#[test]
fn a_range_is_the_part_of_the_listing_between_its_bounds() {
    for folder in folders() {
        let database = open(&files(&folder)).unwrap();
        for (family, rows) in expected(&folder) {
            let mut bounds: Vec<&[u8]> = rows.iter().map(|(key, _)| &key[..]).step_by(5).collect();
            bounds.extend([&[][..], &[0], &[0x40], &[0xFF; 8]]);
            for from in &bounds {
                for to in &bounds {
                    let found = entries(&database, &family, Some(from), Some(to)).unwrap();
                    let wanted = rows.iter().filter(|(key, _)| &key[..] >= *from && &key[..] < *to);
                    assert!(found.iter().eq(wanted), "{} {family} {from:?} {to:?}", folder.display());
                }
            }
        }
    }
}

#[test]
fn nothing_is_wrong_with_any_database() {
    for folder in folders() {
        let database = open(&files(&folder)).unwrap();
        let verified = database.verify(&mut |error| panic!("{}: {error:?}", folder.display()));
        let tables: usize = database.column_families().iter().map(|family| family.files.len()).sum();
        assert_eq!(verified.tables, tables as u64);
        for (family, rows) in expected(&folder) {
            assert!(database.approximate_entries(&family).unwrap() <= verified.entries);
            assert!(rows.len() as u64 <= verified.entries);
        }
    }
}

#[test]
fn a_cut_file_is_an_error_or_lists_the_same() {
    for folder in folders() {
        let (files, expected) = (files(&folder), expected(&folder));
        for index in 0..files.len() {
            // Tables are cut at every length by a test of their own.
            let step = if files[index].0.ends_with(".sst") { 61 } else { 1 };
            for len in (0..files[index].1.len()).step_by(step) {
                let mut cut = files.clone();
                cut[index].1.truncate(len);
                let Ok(database) = open(&cut) else { continue };
                let Ok(found) = list(&database) else { continue };
                // A MANIFEST may end after any of its edits. What it then forgets is noticed.
                let forgets = cut[index].0.starts_with("MANIFEST")
                    && (!database.unreferenced().is_empty() || found.len() < expected.len());
                assert!(found == expected || forgets, "{} {} {len}", folder.display(), cut[index].0);
            }
        }
    }
}

#[test]
fn a_flipped_byte_is_an_error_or_lists_the_same() {
    for (number, folder) in folders().into_iter().enumerate() {
        let (files, expected) = (files(&folder), expected(&folder));
        let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let unchecked = folder.ends_with("engine-8.10-v1-zstd-no-checksum");
        let mut at = number % 3;
        while at < size {
            let mut flipped = files.clone();
            let mut rest = at;
            let (name, bytes) = flipped
                .iter_mut()
                .find(|(_, bytes)| {
                    if rest < bytes.len() {
                        true
                    } else {
                        rest -= bytes.len();
                        false
                    }
                })
                .unwrap();
            bytes[rest] ^= 1 << (at % 8);
            let name = name.clone();
            let found = open(&flipped).and_then(|database| {
                database.verify(&mut |_| {});
                list(&database)
            });
            let same = unchecked || found.as_ref().is_ok_and(|found| *found == expected);
            assert!(found.is_err() || same, "{} {name} at {rest}", folder.display());
            at += if size < 6000 { 1 } else { size / 1200 };
        }
    }
}

/// Reads every entry of a table whose length nothing vouches for.
fn read_table(bytes: Vec<u8>, description: &TableFile) -> Result<usize> {
    let description = TableFile { size: bytes.len() as u64, ..description.clone() };
    let table = Table::open(Arc::new(InMemory::new("table", bytes)), description)?;
    let mut cursor = TableCursor::new(Arc::new(table), Arc::default(), Access::Scan, None)?;
    let mut entries = 0;
    let mut found = cursor.seek(None)?;
    while found {
        entries += 1;
        found = cursor.advance()?;
    }
    Ok(entries)
}

#[test]
fn a_cut_table_is_an_error_at_every_length() {
    for folder in folders() {
        let files = files(&folder);
        let database = open(&files).unwrap();
        let tables = database.column_families().iter().flat_map(|family| &family.files);
        for description in tables {
            let (_, bytes) = files.iter().find(|(name, _)| *name == description.name()).unwrap();
            assert!(read_table(bytes.clone(), description).is_ok());
            for len in 0..bytes.len() {
                assert!(
                    read_table(bytes[..len].to_vec(), description).is_err(),
                    "{} {len}",
                    folder.display()
                );
            }
        }
    }
}

/// Steps of a generator of numbers below a bound, the same in every run.
fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below.max(1)
    }
}

/// Damages some bytes of a part of a file.
fn damage(bytes: &mut [u8], number: &mut impl FnMut(usize) -> usize) {
    for _ in 0..1 + number(4) {
        let at = number(bytes.len());
        bytes[at] = match number(3) {
            0 => bytes[at] ^ (1 << number(8)),
            1 => [0, 1, 0x7F, 0x80, 0xFF][number(5)],
            _ => number(256) as u8,
        };
    }
}

/// Reads whatever it can.
fn read_all(files: &Files) {
    let Ok(database) = open(files) else { return };
    database.verify(&mut |_| {});
    for family in database.column_families() {
        let Ok(mut scan) = database.scan(&family.name, None, None) else { continue };
        while let Ok(true) = scan.advance() {}
        let _ = entries(&database, &family.name, Some(b"key-"), Some(b"\x78"));
        let _ = database.get(&family.name, b"key-004");
    }
}

#[test]
fn damage_that_no_checksum_notices_does_not_panic() {
    let mut number = numbers(7);
    for folder in folders() {
        let mut files = files(&folder);
        for (name, bytes) in &mut files {
            // Format versions 1 to 5 name their checksum here; zero stands for none.
            let (footer, version) = (bytes.len().saturating_sub(53), bytes.len().saturating_sub(12));
            if name.ends_with(".sst") && (1..=5).contains(&bytes[version]) {
                bytes[footer] = 0;
            }
        }
        for _ in 0..150 {
            let mut damaged = files.clone();
            let at = number(damaged.len());
            damage(&mut damaged[at].1, &mut number);
            read_all(&damaged);
        }
    }
}

#[test]
fn edits_that_are_damaged_and_match_their_checksums_do_not_panic() {
    let mut number = numbers(8);
    for folder in folders() {
        let files = files(&folder);
        let at = files.iter().position(|(name, _)| name.starts_with("MANIFEST")).unwrap();
        for _ in 0..150 {
            let mut damaged = files.clone();
            let mut log = Vec::new();
            let mut rest = &files[at].1[..];
            while rest.len() > 7 {
                let len = usize::from(u16::from_le_bytes([rest[4], rest[5]]));
                let mut record = rest[7..7 + len].to_vec();
                if !record.is_empty() && number(4) == 0 {
                    damage(&mut record, &mut number);
                }
                fragment(rest[6], None, &record, &mut log);
                rest = &rest[7 + len..];
            }
            damaged[at].1 = log;
            read_all(&damaged);
        }
    }
}
