//! Where rows lie that are put in order.

use std::cmp::Ordering;

/// Where a row lies, with what it is sorted by first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The first 8 bytes of its sort key, or its key as a number.
    pub(super) word: u64,
    pub(super) row: u32,
    /// Its key group, with [`DELETE`] if it was set.
    pub(super) group: u16,
    pub(super) piece: u16,
}

/// Set in the group of a place whose row is a delete, where places have the words of keys.
pub(super) const DELETE: u16 = 1 << 15;

/// Sorts by key group and word, then by what `equal` says of rows equal in both.
pub(super) fn sort(places: &mut Vec<Place>, equal: impl Fn(&Place, &Place) -> Ordering + Copy) {
    let words = |a: &Place, b: &Place| a.word.cmp(&b.word).then_with(|| equal(a, b));
    let group = |place: &Place| place.group & !DELETE;
    if places.len() < FEW {
        return places.sort_unstable_by(|a, b| group(a).cmp(&group(b)).then_with(|| words(a, b)));
    }
    let Some(low) = places.iter().map(group).min() else { return };
    let high = places.iter().map(group).max().unwrap_or(low);
    let mut scratch = places.clone();
    let mut ends = Vec::new();
    if low != high {
        scatter(places, &mut scratch, &mut ends, (high - low).into(), |place| (group(place) - low).into());
        std::mem::swap(places, &mut scratch);
    }
    for places in places.chunk_by_mut(|a, b| group(a) == group(b)) {
        sort_words(places, &mut scratch, &mut ends, words);
    }
}

/// Sorts rows of one group.
fn sort_words(
    places: &mut [Place],
    scratch: &mut [Place],
    ends: &mut Vec<u32>,
    words: impl Fn(&Place, &Place) -> Ordering + Copy,
) {
    let all = || places.iter().map(|place| place.word);
    let (Some(low), Some(high)) = (all().min(), all().max()) else { return };
    let bits = (places.len() / BUCKET_ROWS).checked_ilog2().unwrap_or(0);
    if places.len() < FEW || bits == 0 {
        return places.sort_unstable_by(words);
    }
    // Evenly spread words fall into small buckets by their first bits.
    let shift = (u64::BITS - (high - low).leading_zeros()).saturating_sub(bits);
    let bucket = |place: &Place| ((place.word - low) >> shift) as usize;
    let Some(sorted) = scratch.get_mut(..places.len()) else { return places.sort_unstable_by(words) };
    scatter(places, sorted, ends, 1 << bits, bucket);
    let (mut rest, mut start) = (&mut *sorted, 0);
    for end in ends {
        let (bucket, behind) = rest.split_at_mut((*end - start) as usize);
        match bucket {
            [] | [_] => {}
            [a, b] if words(a, b).is_le() => {}
            [a, b] => std::mem::swap(a, b),
            many => many.sort_unstable_by(words),
        }
        (rest, start) = (behind, *end);
    }
    places.copy_from_slice(sorted);
}

/// Copies places by bucket; `ends` then says where each bucket up to `last` ends.
fn scatter(
    from: &[Place],
    to: &mut [Place],
    ends: &mut Vec<u32>,
    last: usize,
    bucket: impl Fn(&Place) -> usize,
) {
    ends.clear();
    ends.resize(last + 2, 0);
    from.iter().for_each(|place| ends[bucket(place) + 1] += 1);
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    for place in from {
        let end = &mut ends[bucket(place)];
        to[*end as usize] = *place;
        *end += 1;
    }
}

/// Rows of a bucket, if words are spread evenly.
const BUCKET_ROWS: usize = 2;
/// Fewer are sorted by comparison alone.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_group_and_word() {
        let mix = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        for (rows, groups, keep) in
            [(10, 3, 64), (5000, 1, 64), (5000, 7, 64), (700, 128, 12), (3000, 2, 3), (100, 1, 0)]
        {
            let place = |n: u64| Place {
                word: mix(n).checked_shr(64 - keep).unwrap_or(0),
                row: n as u32,
                group: ((mix(n + 1) % groups) as u16 * 250) | if n.is_multiple_of(5) { DELETE } else { 0 },
                piece: 0,
            };
            let mut places: Vec<Place> = (0..rows).map(place).collect();
            let key = |place: &Place| (place.group & !DELETE, place.word, place.row);
            let mut wanted: Vec<_> = places.iter().map(key).collect();
            wanted.sort_unstable();
            sort(&mut places, |a, b| a.row.cmp(&b.row));
            assert_eq!(places.iter().map(key).collect::<Vec<_>>(), wanted);
        }
    }
}
