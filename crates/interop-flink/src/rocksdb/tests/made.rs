//! What engines do not write, or not in a small file.

use std::sync::Arc;

use super::writer::{
    TableWriter, added, block, database, fragment, internal, last_sequence, of_table, prefixed, varint,
    with_log,
};
use super::{Counted, Files, entries, list, open};
use crate::rocksdb::Database;
use crate::{Error, ReadAt};

type Entry = (Vec<u8>, Vec<u8>);

fn entry(key: &str, sequence: u64, kind: u8, value: &str) -> Entry {
    (internal(key.as_bytes(), sequence, kind), value.as_bytes().to_vec())
}

fn table(entries: &[Entry]) -> Vec<u8> {
    let mut writer = TableWriter::default();
    writer.entries(entries);
    writer.finish()
}

/// Returns the error of listing a database, without the places around it.
fn refused(files: &Files) -> Error {
    let mut error = open(files).and_then(|database| list(&database)).expect_err("it was read");
    while let Error::In { cause, .. } = error {
        error = *cause;
    }
    error
}

fn what(error: Error) -> String {
    match error {
        Error::Unsupported { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn kinds_of_entries_that_are_not_read_are_named() {
    for (kind, name) in
        [(0x11, "a value in a blob file"), (0x16, "a wide-column entity"), (0x0B, "an entry of type 0x0b")]
    {
        assert_eq!(what(refused(&of_table(table(&[entry("k", 5, kind, "v")])))), name);
    }
    assert!(matches!(refused(&of_table(table(&[entry("k", 5, 0x0F, "v")]))), Error::Malformed { .. }));
}

#[test]
fn compressions_that_are_not_read_are_named() {
    for (kind, name) in [(2, "zlib"), (3, "bzip2"), (6, "xpress"), (0x85, "compression 0x85")] {
        let mut writer = TableWriter::default();
        writer.data(b"whatever", kind, &internal(b"k", 5, 1));
        assert_eq!(what(refused(&of_table(writer.finish()))), name);
    }
}

#[test]
fn a_block_that_claims_much_is_refused_before_it_is_decompressed() {
    let claims = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 1, 2, 3];
    for kind in [1, 4, 7] {
        let mut writer = TableWriter::default();
        writer.data(&claims, kind, &internal(b"k", 5, 1));
        let error = refused(&of_table(writer.finish()));
        assert!(matches!(error, Error::TooLarge { limit: 0x400_0000, .. }), "{kind}: {error}");
    }
    let mut writer = TableWriter::default();
    writer.data(&[0xFF, 0xFF, 0x03, 1, 2, 3], 4, &internal(b"k", 5, 1));
    assert!(
        matches!(refused(&of_table(writer.finish())), Error::Malformed { .. }),
        "LZ4 of 65535 bytes in three"
    );
}

#[test]
fn keys_out_of_order_are_an_error_and_not_another_order() {
    let turned = [entry("m", 5, 1, "1"), entry("c", 6, 1, "2")];
    assert!(matches!(refused(&of_table(table(&turned))), Error::Malformed { .. }));
    let versions = [entry("m", 5, 2, "1"), entry("m", 6, 2, "2")];
    assert!(matches!(refused(&of_table(table(&versions))), Error::Malformed { .. }));
}

#[test]
fn an_iterator_ends_after_its_error() {
    let files = of_table(table(&[entry("c", 6, 1, "2"), entry("m", 5, 0x16, "1"), entry("x", 5, 1, "1")]));
    let mut scan = open(&files).unwrap().scan("default", None, None).unwrap();
    assert_eq!(&scan.next().unwrap().unwrap().key[..], b"c");
    assert!(scan.next().unwrap().is_err());
    assert!(scan.next().is_none());
}

#[test]
fn handles_outside_of_the_table_are_errors() {
    for (offset, size) in [(0, 1 << 20), (1 << 40, 4), (u64::MAX, u64::MAX)] {
        let mut handle = Vec::new();
        varint(offset, &mut handle);
        varint(size, &mut handle);
        let mut writer = TableWriter::default();
        writer.index(&internal(b"k", 5, 1), handle);
        assert!(matches!(refused(&of_table(writer.finish())), Error::Malformed { .. }));
    }
}

#[test]
fn other_merge_operators_are_named_once_there_is_an_operand() {
    let with_operator = |entries: &[Entry]| {
        let mut writer = TableWriter::default();
        writer.entries(entries);
        writer.property("rocksdb.merge.operator", "UInt64AddOperator");
        of_table(writer.finish())
    };
    assert!(open(&with_operator(&[entry("k", 5, 1, "v")])).and_then(|database| list(&database)).is_ok());
    let error = refused(&with_operator(&[entry("k", 5, 2, "v")]));
    assert_eq!(what(error), "the merge operator UInt64AddOperator");
}

#[test]
fn comparators_other_than_by_bytes_are_named() {
    let mut edit = vec![1];
    prefixed(b"rocksdb.ReverseBytewiseComparator", &mut edit);
    let error = refused(&database(&[edit, last_sequence(1)], &[]));
    assert_eq!(what(error), "the comparator rocksdb.ReverseBytewiseComparator");
    let mut writer = TableWriter::default();
    writer.property("rocksdb.comparator", "other");
    writer.entries(&[entry("k", 5, 1, "v")]);
    assert_eq!(what(refused(&of_table(writer.finish()))), "the comparator other");
}

#[test]
fn versions_of_a_key_resolve_across_levels() {
    let old = table(&[
        entry("deleted", 1, 1, "x"),
        entry("list", 3, 1, "a"),
        entry("only-operands", 4, 2, "p"),
        entry("overwritten", 2, 1, "x"),
        entry("single", 5, 1, "x"),
        entry("twice", 6, 1, "old"),
    ]);
    let new = table(&[
        entry("deleted", 11, 0, ""),
        entry("list", 14, 2, "c"),
        entry("list", 13, 2, "b"),
        entry("new", 15, 1, "n"),
        entry("only-operands", 16, 2, "q"),
        entry("overwritten", 12, 1, "y"),
        entry("single", 17, 7, ""),
        entry("twice", 6, 1, "new"),
        entry("unseen", 40, 1, "written after the snapshot"),
    ]);
    let (first, last) = (internal(b"a", 1000, 1), internal(b"z", 1, 1));
    let records = [last_sequence(20), added(2, 7, &old, &first, &last), added(0, 8, &new, &first, &last)];
    let database = open(&database(&records, &[(7, old), (8, new)])).unwrap();
    let found = entries(&database, "default", None, None).unwrap();
    let wanted =
        [("list", "a,b,c"), ("new", "n"), ("only-operands", "p,q"), ("overwritten", "y"), ("twice", "new")];
    let wanted = wanted.map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
    assert_eq!(found, wanted);
    let mut scan = database.scan("default", None, None).unwrap();
    for (key, value) in wanted {
        assert!(scan.advance().unwrap());
        assert_eq!((scan.key(), scan.value()), (&key[..], &value[..]));
    }
    assert!(!scan.advance().unwrap());
}

#[test]
fn a_deleted_range_hides_what_is_older_and_within_its_table() {
    let versions = [("b", 1, "1"), ("d", 2, "2"), ("e", 19, "3"), ("m", 3, "4"), ("x", 3, "5")];
    let old = table(&versions.map(|(key, sequence, value)| entry(key, sequence, 1, value)));
    let mut writer = TableWriter::default();
    writer.entries(&[entry("c", 13, 1, "6"), entry("m", 8, 1, "7")]);
    writer.meta("rocksdb.range_del", &block(&[entry("a", 12, 0x0F, "z")]));
    let new = writer.finish();
    let whole = (internal(b"a", 1000, 1), internal(b"z", 1, 1));
    let records = [
        last_sequence(20),
        added(2, 7, &old, &whole.0, &whole.1),
        // The range goes on behind this table, in the next one of the level.
        added(1, 8, &new, &internal(b"c", 13, 1), &internal(b"m", 8, 1)),
    ];
    let database = open(&database(&records, &[(7, old), (8, new)])).unwrap();
    let keys: Vec<_> =
        entries(&database, "default", None, None).unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"b", b"c", b"e", b"x"]);
    assert_eq!(database.get("default", b"d").unwrap(), None);
    assert_eq!(database.get("default", b"m").unwrap(), None);
    assert_eq!(database.get("default", b"x").unwrap().as_deref(), Some(&b"5"[..]));
}

#[test]
fn records_are_put_together_from_fragments() {
    let name = "n".repeat(100_000);
    let mut edit = vec![0xC8, 0x01, 5, 0xC9, 0x01];
    prefixed(name.as_bytes(), &mut edit);
    for recyclable in [false, true] {
        let (log, header, shift) = if recyclable { (Some(9), 11, 4) } else { (None, 7, 0) };
        let mut bytes = Vec::new();
        fragment(1 + shift, log, &last_sequence(3), &mut bytes);
        let mut rest = &edit[..];
        while !rest.is_empty() {
            let room = 32768 - bytes.len() % 32768 - header;
            let (piece, left) = rest.split_at(room.min(rest.len()));
            let kind = match (rest.len() == edit.len(), left.is_empty()) {
                (true, _) => 2,
                (_, true) => 4,
                _ => 3,
            };
            fragment(kind + shift, log, piece, &mut bytes);
            rest = left;
        }
        // No header fits behind this record; zeros fill the block.
        let room = 32768 - bytes.len() % 32768 - (header - 2);
        let mut last = last_sequence(4);
        let mut identity = vec![0x81, 0x40];
        prefixed(&vec![0; room - header - last.len() - 5], &mut identity);
        last.extend(identity);
        fragment(1 + shift, log, &last, &mut bytes);
        assert_eq!(bytes.len() % 32768, 32768 - (header - 2));
        bytes.resize(bytes.len().next_multiple_of(32768), 0);
        fragment(1 + shift, log, &last_sequence(5), &mut bytes);
        let complete = bytes.len();
        bytes.resize(complete + 70_000, 0);
        let database = open(&with_log(bytes.clone(), &[])).unwrap();
        assert_eq!(database.column_families()[1].name, name);
        bytes.push(1);
        assert!(open(&with_log(bytes, &[])).is_err(), "bytes behind the zeros");
    }
}

#[test]
fn an_atomic_group_counts_only_when_it_is_whole() {
    let member = |family: u8, name: &str, left: u8| {
        let mut edit = vec![0xC8, 0x01, family, 0xC9, 0x01];
        prefixed(name.as_bytes(), &mut edit);
        edit.extend([0xAC, 0x02, left]);
        edit
    };
    let group = [last_sequence(3), member(1, "one", 1), member(2, "two", 0)];
    let whole = open(&database(&group, &[])).unwrap();
    assert_eq!(whole.column_families().len(), 3);
    assert!(matches!(refused(&database(&group[..2], &[])), Error::Malformed { .. }));
    let torn = [group[0].clone(), group[1].clone(), last_sequence(4)];
    assert!(matches!(refused(&database(&torn, &[])), Error::Malformed { .. }));
}

#[test]
fn edits_that_contradict_each_other_are_errors() {
    let table = table(&[entry("k", 5, 1, "v")]);
    let (first, last) = (internal(b"a", 9, 1), internal(b"z", 1, 1));
    let add = added(1, 7, &table, &first, &last);
    for records in [
        vec![last_sequence(1), vec![6, 1, 7]],
        vec![last_sequence(1), add.clone(), vec![6, 2, 7]],
        vec![last_sequence(1), add.clone(), add.clone()],
        vec![last_sequence(1), add.clone(), added(1, 8, &table, &first, &last)],
        vec![last_sequence(1), added(1, 7, &table, &last, &first)],
        vec![last_sequence(1), vec![0xC8, 0x01, 3, 6, 1, 7]],
        vec![last_sequence(1), vec![0xCA, 0x01], vec![0xCA, 0x01]],
        vec![add.clone()],
    ] {
        let files = database(&records, &[(7, table.clone()), (8, table.clone())]);
        assert!(matches!(refused(&files), Error::Malformed { .. }), "{records:02x?}");
    }
}

#[test]
fn edits_of_later_releases_are_skipped_when_they_may_be() {
    let mut ignorable = vec![0xFF, 0x7F];
    prefixed(b"of a later release", &mut ignorable);
    let mut files = database(&[last_sequence(1), ignorable], &[]);
    assert!(open(&files).is_ok());
    files = database(&[last_sequence(1), vec![0x90, 0x03, 1, 1, 1, 0, 0, 0]], &[]);
    assert_eq!(what(refused(&files)), "a blob file");
    files = database(&[last_sequence(1), vec![0xF7, 0x03]], &[]);
    assert_eq!(what(refused(&files)), "tag 503");
}

#[test]
fn files_that_are_named_and_not_there_are_missing() {
    let table = table(&[entry("k", 5, 1, "v")]);
    let files = of_table(table);
    for (index, name) in [(0, "CURRENT"), (1, "MANIFEST-000001"), (2, "000007.sst")] {
        let mut fewer = files.clone();
        fewer.remove(index);
        assert!(matches!(refused(&fewer), Error::Missing { path } if path == name));
    }
    let mut more = files.clone();
    more.push(("000009.sst".to_owned(), vec![]));
    assert_eq!(open(&more).unwrap().unreferenced(), ["000009.sst"]);
    more.push(("000010.log".to_owned(), vec![1]));
    assert_eq!(what(refused(&more)), "a database with a write-ahead log");
    assert!(matches!(open(&files).unwrap().scan("other", None, None), Err(Error::Unknown { .. })));
}

#[test]
fn opening_reads_no_table_and_a_look_up_reads_few_blocks() {
    let mut writer = TableWriter::default();
    for block in 0..200 {
        let keys = (0..50).map(|key| format!("key-{block:03}-{key:03}"));
        let entries: Vec<_> = keys.map(|key| entry(&key, 5, 1, &"v".repeat(60))).collect();
        writer.entries(&entries);
    }
    let table = writer.finish();
    let len = table.len();
    let mut files = of_table(table);
    let table = Counted::new("000007.sst", files.pop().unwrap().1);
    let mut shared: Vec<(String, Arc<dyn ReadAt>)> = vec![("000007.sst".to_owned(), table.clone())];
    shared.extend(
        files.into_iter().map(|(name, bytes)| (name.clone(), Counted::new(&name, bytes) as Arc<dyn ReadAt>)),
    );
    let database = Database::open(shared).unwrap();
    assert_eq!(table.take(), (0, 0));
    assert!(database.get("default", b"key-100-007").unwrap().is_some());
    let (reads, bytes) = table.take();
    assert!(reads <= 3 && bytes < 40_000 && len > 800_000, "{reads} reads of {bytes} of {len} bytes");
    assert!(database.get("default", b"key-100-049").unwrap().is_some());
    assert_eq!(table.take(), (0, 0), "the block is kept");
    assert!(database.get("default", b"key-100-050").unwrap().is_none());
    assert!(table.take().0 <= 1);
    let range = entries(&database, "default", Some(b"key-150-"), Some(b"key-151-")).unwrap();
    assert_eq!(range.len(), 50);
    let (reads, bytes) = table.take();
    assert!(reads <= 2 && bytes <= 32 * 1024, "{reads} reads of {bytes} bytes");
    assert_eq!(entries(&database, "default", None, None).unwrap().len(), 10_000);
    assert!(table.take().0 <= 6);
}
