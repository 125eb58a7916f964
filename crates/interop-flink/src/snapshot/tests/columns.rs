//! Rows straight into columns, beside the same rows one by one.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use proptest::prelude::*;

use super::*;

/// What a stream gives: columns with sort keys, or an error with its causes.
#[derive(Debug, PartialEq)]
enum Given {
    Rows(RecordBatch, Vec<Vec<u8>>),
    Fault(String),
}

fn given(snapshot: &FlinkSnapshot, scan: &Scan) -> Vec<Given> {
    let mut stream = snapshot.scan(scan).unwrap();
    let mut all = Vec::new();
    loop {
        match stream.next_batch() {
            Ok(None) => return all,
            Ok(Some(batch)) => {
                let sort_keys = (0..batch.len()).map(|row| batch.sort_key(row).to_vec()).collect();
                all.push(Given::Rows(batch.rows().clone(), sort_keys));
            }
            Err(error) => all.push(Given::Fault(format!("{error:?}"))),
        }
    }
}

/// Compares the ways to read every keyed state and returns the number of rows.
fn compare(snapshot: FlinkSnapshot, batch_rows: usize) -> (usize, FlinkSnapshot) {
    let operators = snapshot.describe().operators.iter();
    let all = operators.flat_map(|operator| operator.states.iter().map(|state| (operator.id, &state.schema)));
    let keyed = all.filter(|(_, schema)| schema.kind.is_keyed());
    let states: Vec<_> = keyed.map(|(operator, schema)| (operator, schema.name.clone())).collect();
    let scan = |(operator, state): &(_, String)| Scan { batch_rows, ..Scan::all(*operator, state) };
    let fast: Vec<_> = states.iter().map(|state| given(&snapshot, &scan(state))).collect();
    let snapshot = FlinkSnapshot { columns: false, ..snapshot };
    let mut rows = 0;
    for (state, fast) in states.iter().zip(fast) {
        assert_eq!(given(&snapshot, &scan(state)), fast, "{state:?}");
        rows += fast
            .iter()
            .map(|given| if let Given::Rows(rows, _) = given { rows.num_rows() } else { 0 })
            .sum::<usize>();
    }
    (rows, FlinkSnapshot { columns: true, ..snapshot })
}

fn snapshots(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            snapshots(&path, found);
        } else if path.ends_with("_metadata") {
            found.push(path);
        }
    }
}

/// Snapshots of real Flink: `fixtures/flink/snapshots`, or those below `FLINK_SNAPSHOTS`.
#[test]
fn real_snapshots_read_alike_in_columns_and_row_by_row() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/flink/snapshots");
    let folder = std::env::var_os("FLINK_SNAPSHOTS").map_or(fixtures, PathBuf::from);
    let mut found = Vec::new();
    snapshots(&folder, &mut found);
    let mut rows = 0;
    for path in &found {
        let Ok(snapshot) = FlinkSnapshot::open(path) else { continue };
        let (count, snapshot) = compare(snapshot, 8192);
        compare(snapshot, 3);
        rows += count;
    }
    assert!(found.len() > 40 && rows > 10_000, "{} snapshots, {rows} rows", found.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_key_groups_read_alike_in_columns_and_row_by_row(
        heap in any::<bool>(),
        text in any::<bool>(),
        flips in prop::collection::vec(any::<(u16, u8)>(), 0..4),
        batch_rows in 1usize..9,
    ) {
        let kind = basic(if text { "Double" } else { "Long" });
        let (tag, (mut data, offsets)) = match heap {
            true => (12, native(LOW, &kind)),
            false => (7, canonical(LOW, None)),
        };
        let head = offsets.iter().copied().find(|offset| *offset > 0).unwrap() as usize;
        for (at, flip) in flips {
            let at = head + usize::from(at) % (data.len() - head);
            data[at] ^= flip;
        }
        compare(snapshot(vec![keyed(tag, 0, LOW, (data, offsets))]), batch_rows);
    }
}
