use std::collections::HashMap;

use crate::data::{Workload, key_of, pick};
use crate::measure::{Spent, once};
use crate::report::{Aim, Report, speed};
use crate::world::Keyed;

/// Records that update a random key of a filled state, beside plain maps.
pub(crate) fn run<W: Workload>(keys: u64, report: &mut Report) {
    let records = keys.min(2_000_000);
    let std = hash_map::<W>(keys, records);
    let fast = hashbrown_map::<W>(keys, records);
    let Ok((first, again)) = ours::<W>(keys, records) else { return };
    report.work("limit: HashMap update (std)", records, std);
    report.work("limit: HashMap update (hashbrown)", records, fast);
    report.work("keyed update after a barrier", records, first);
    report.ratio("hashbrown's HashMap", speed(fast, first), Aim::AtLeast(0.3));
    report.work("keyed update of the same keys again", records, again);
    report.ratio("hashbrown's HashMap", speed(fast, again), Aim::AtLeast(0.3));
}

fn ours<W: Workload>(keys: u64, records: u64) -> anyhow::Result<(Spent, Spent)> {
    let mut keyed = Keyed::<W>::filled(keys)?;
    let mut all = || {
        once(|| {
            (0..records).for_each(|record| keyed.update(pick(record, keys), record));
            Ok(())
        })
    };
    Ok((all()?.1, all()?.1))
}

fn hash_map<W: Workload>(keys: u64, records: u64) -> Spent {
    let mut map: HashMap<i64, W::Value> = (0..keys).map(|n| (key_of(n), W::first(n))).collect();
    each(keys, records, |number, record| {
        W::change(map.entry(key_of(number)).or_insert_with(|| W::first(number)), record);
    })
}

fn hashbrown_map<W: Workload>(keys: u64, records: u64) -> Spent {
    let mut map: hashbrown::HashMap<i64, W::Value> = (0..keys).map(|n| (key_of(n), W::first(n))).collect();
    each(keys, records, |number, record| {
        W::change(map.entry(key_of(number)).or_insert_with(|| W::first(number)), record);
    })
}

/// Gives every record with the number of its key.
fn each(keys: u64, records: u64, mut change: impl FnMut(u64, u64)) -> Spent {
    let work = || {
        (0..records).for_each(|record| change(pick(record, keys), record));
        Ok(())
    };
    once(work).map(|((), spent)| spent).unwrap_or_default()
}
