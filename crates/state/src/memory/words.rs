//! Keys that are words, in order, and how one is found.

/// The words of keys in ascending order per key group: an index that need not be built.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: Vec<u64>,
    /// Number of the first key of each key group up to that of the last key.
    starts: Vec<u32>,
    /// The last key.
    pub(super) last: Option<(u16, u64)>,
}

impl Words {
    /// Appends keys of one group; returns whether each comes behind all before it.
    #[inline]
    pub(super) fn extend(&mut self, group: u16, keys: impl Iterator<Item = u64>) -> bool {
        let first = self.words.len();
        if self.starts.len() <= group.into() {
            self.starts.resize(usize::from(group) + 1, first as u32);
        }
        self.words.extend(keys);
        let (Some(head), Some(tail)) = (self.words.get(first), self.words.last()) else { return true };
        let ascends = self.last.is_none_or(|last| last < (group, *head));
        self.last = Some((group, *tail));
        self.words[first..].windows(2).fold(ascends, |ascends, pair| ascends & (pair[0] < pair[1]))
    }

    /// Returns the number of a key.
    pub(super) fn find(&self, group: usize, word: u64) -> Option<u32> {
        let start = *self.starts.get(group)? as usize;
        let end = self.starts.get(group + 1).map_or(self.words.len(), |end| *end as usize);
        let found = position(self.words.get(start..end)?, word)?;
        u32::try_from(start + found).ok()
    }
}

/// Returns where a word is among ascending ones: looks first where it would be if they were spread evenly,
/// as most are, then ever further away.
fn position(words: &[u64], word: u64) -> Option<usize> {
    let (first, last) = (*words.first()?, *words.last()?);
    if word < first || word > last {
        return None;
    }
    let most = words.len() - 1;
    let density = most as f64 / ((last - first) as f64).max(1.0);
    let mut guess = (((word - first) as f64 * density) as usize).min(most);
    let off = (word.abs_diff(words[guess]) as f64 * density) as usize;
    guess = if words[guess] < word { (guess + off).min(most) } else { guess.saturating_sub(off) };
    let (mut low, mut high, mut step) = (guess, guess + 1, 1);
    while words[low] > word {
        high = low;
        low = low.saturating_sub(step);
        step *= 2;
    }
    while high <= most && words[high] <= word {
        low = high;
        high = (high + step).min(most + 1);
        step *= 2;
    }
    let found = low + words.get(low..high)?.partition_point(|other| *other < word);
    (words.get(found) == Some(&word)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_and_no_other() {
        let spread = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let makers: [fn(u64) -> u64; 4] = [|n| n, |n| n * n * n, |n| 1 << (n % 64), |n| u64::MAX - n];
        for make in makers.into_iter().chain([spread as fn(u64) -> u64]) {
            for rows in [0, 1, 2, 3, 64, 1000] {
                let mut words: Vec<u64> = (0..rows).map(make).collect();
                words.sort_unstable();
                words.dedup();
                for (at, word) in words.iter().enumerate() {
                    assert_eq!(position(&words, *word), Some(at));
                    for near in [word.wrapping_sub(1), word.wrapping_add(1)] {
                        assert_eq!(position(&words, near), words.binary_search(&near).ok());
                    }
                }
                assert_eq!(position(&words, 5), words.binary_search(&5).ok());
            }
        }
    }

    #[test]
    fn keys_are_found_in_their_group() {
        let mut words = Words::default();
        let keys = [(3, 10), (3, 11), (3, 900), (7, 1), (7, 10), (9, 2)];
        assert!(keys.iter().all(|(group, word)| words.extend(*group, [*word].into_iter())));
        for (number, (group, word)) in keys.into_iter().enumerate() {
            assert_eq!(words.find(group.into(), word), Some(number as u32));
        }
        for (group, word) in [(0, 10), (3, 1), (4, 10), (7, 900), (8, 2), (10, 2)] {
            assert_eq!(words.find(group, word), None);
        }
        assert!(!words.extend(9, [2].into_iter()) && !words.extend(10, [8, 8].into_iter()));
    }
}
