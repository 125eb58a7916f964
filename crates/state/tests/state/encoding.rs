//! Many rows of a frozen layer in canonical order.

use std::collections::BTreeMap;

use alluvium_model::Value;
use alluvium_model::typed::key_group;
use alluvium_state::{BackendOptions, EncodingSizes, KeyedBackend, KeyedStates, MapState, ValueState};

use crate::rows::{Merged, merge, rows_of};

const KEYS: i64 = 3000;

/// Clustered and far apart, so that buckets are full and empty.
fn key(number: i64) -> i64 {
    if number % 3 == 0 { number } else { number.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) }
}

fn freeze(backend: &mut Box<dyn KeyedBackend>) -> BTreeMap<usize, Merged> {
    let frozen = backend.freeze().unwrap();
    let tables = frozen.tables.iter().map(|table| {
        let mut live = Merged::new();
        let mut last = None;
        for batch in table.rows(70) {
            let rows = rows_of(&batch.unwrap());
            let first = rows.first().map(|(sort_key, row)| (row.key_group, sort_key.clone()));
            assert!(last < first, "batches ascend");
            last = rows.last().map(|(sort_key, row)| (row.key_group, sort_key.clone()));
            merge(&mut live, &rows);
        }
        (table.slot(), live)
    });
    tables.collect()
}

fn check(encoding: EncodingSizes) {
    let mut states = KeyedStates::<i64>::new();
    let totals: ValueState<i64> = states.value("totals");
    let names: MapState<String, String> = states.map("names");
    let options = BackendOptions { encoding, ..BackendOptions::default() };
    let mut backend = states.into_backend(options);
    for number in 0..KEYS {
        backend.set_current_key(&key(number), key_group(&key(number), options.max_parallelism));
        totals.set(backend.host(), number);
        for entry in 0..number % 3 {
            names.put(backend.host(), format!("prefix-{entry}"), format!("{number}"));
        }
    }
    let live = freeze(&mut backend);
    let values = |slot: usize| live[&slot].values().map(|row| (&row.key, &row.map_key, &row.value));
    let found: Vec<_> = values(0).map(|(key, _, value)| (key.clone(), value.clone())).collect();
    assert_eq!(found.len() as i64, KEYS);
    for number in 0..KEYS {
        let wanted = (Value::Int(key(number)), Value::Int(number));
        assert!(found.contains(&wanted), "{wanted:?}");
    }
    let entries: Vec<_> = values(1).collect();
    assert_eq!(entries.len() as i64, (0..KEYS).map(|number| number % 3).sum::<i64>());
    for (key_found, entry, value) in entries {
        let Value::String(value) = value else { panic!("{value:?}") };
        let number: i64 = value.parse().unwrap();
        assert_eq!(*key_found, Value::Int(key(number)));
        assert!((0..number % 3).any(|n| *entry == Value::String(format!("prefix-{n}"))));
    }
}

#[test]
fn rows_are_whole_and_in_order_whatever_is_sorted_at_a_time() {
    check(EncodingSizes::default());
    check(EncodingSizes { part_rows: 100, ..EncodingSizes::default() });
    check(EncodingSizes { part_rows: 100, pass_bytes: 8 << 10, piece_bytes: 1 << 10 });
    check(EncodingSizes { part_rows: 1, pass_bytes: 1, piece_bytes: 1 });
}
