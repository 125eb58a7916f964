use std::ops::Range;

use alluvium_model::{KeyGroup, KeyGroupRange};

use crate::{Error, Result, rule};

/// Where the rows of a key group lie in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRows {
    /// The key group.
    pub group: KeyGroup,
    /// Position of its first row.
    pub first_row: u64,
    /// Number of its rows, never 0.
    pub rows: u64,
}

/// The exact index of a run: where each key group that has rows lies.
///
/// Written as a JSON array of `[group, first row, rows]`, ascending by group, without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyGroupIndex {
    entries: Vec<GroupRows>,
}

impl KeyGroupIndex {
    /// Returns the key groups that have rows, ascending.
    pub fn entries(&self) -> &[GroupRows] {
        &self.entries
    }

    /// Returns the number of rows of all groups.
    pub fn rows(&self) -> u64 {
        self.entries.last().map_or(0, |last| last.first_row + last.rows)
    }

    /// Returns the entries of the groups of a range.
    pub fn of(&self, range: KeyGroupRange) -> &[GroupRows] {
        let start = self.entries.partition_point(|e| u32::from(e.group.0) < range.start);
        let end = self.entries.partition_point(|e| u32::from(e.group.0) < range.end);
        self.entries.get(start..end).unwrap_or_default()
    }

    /// Returns the rows of the groups of a range.
    pub fn row_range(&self, range: KeyGroupRange) -> Range<u64> {
        match self.of(range) {
            [] => 0..0,
            [only] => only.first_row..only.first_row + only.rows,
            [first, .., last] => first.first_row..last.first_row + last.rows,
        }
    }

    /// Adds rows of a group at the end.
    ///
    /// Groups must come in ascending order; the writer has checked it.
    pub(crate) fn push(&mut self, group: KeyGroup, rows: u64) {
        match self.entries.last_mut() {
            Some(last) if last.group == group => last.rows += rows,
            _ => {
                let first_row = self.rows();
                self.entries.push(GroupRows { group, first_row, rows });
            }
        }
    }

    pub(crate) fn to_text(&self) -> String {
        let entries: Vec<String> =
            self.entries.iter().map(|e| format!("[{},{},{}]", e.group, e.first_row, e.rows)).collect();
        format!("[{}]", entries.join(","))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let odd = |found: &str| Error::malformed("key-group index", rule::INDEX, found.to_owned());
        let body = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or_else(|| odd("no array"))?;
        let mut index = KeyGroupIndex::default();
        if body.is_empty() {
            return Ok(index);
        }
        let body =
            body.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or_else(|| odd("no entries"))?;
        for entry in body.split("],[") {
            let mut numbers = entry.split(',').map(|n| n.parse::<u64>());
            let (Some(Ok(group)), Some(Ok(first_row)), Some(Ok(rows)), None) =
                (numbers.next(), numbers.next(), numbers.next(), numbers.next())
            else {
                return Err(odd("an entry that is not three numbers"));
            };
            index.push_read(group, first_row, rows)?;
        }
        Ok(index)
    }

    fn push_read(&mut self, group: u64, first_row: u64, rows: u64) -> Result<()> {
        let odd = |found: String| Error::malformed("key-group index", rule::INDEX, found);
        let group = u16::try_from(group).map_err(|_| odd(format!("key group {group}")))?;
        if self.entries.last().is_some_and(|last| last.group.0 >= group) {
            return Err(odd(format!("key group {group} out of order")));
        }
        if first_row != self.rows() || rows == 0 || rows > u64::MAX / 2 - first_row {
            return Err(odd(format!("rows {first_row} and {rows} of key group {group}")));
        }
        self.entries.push(GroupRows { group: KeyGroup(group), first_row, rows });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alluvium_model::spec;

    use super::*;

    #[test]
    fn index_reads_back_its_own_text() {
        spec!("FILE-4");
        let mut index = KeyGroupIndex::default();
        for (group, rows) in [(0, 5), (0, 2), (7, 1), (32_767, 9)] {
            index.push(KeyGroup(group), rows);
        }
        assert_eq!(index.to_text(), "[[0,0,7],[7,7,1],[32767,8,9]]");
        assert_eq!(KeyGroupIndex::parse(&index.to_text()).unwrap(), index);
        assert_eq!(index.rows(), 17);
        assert_eq!(index.row_range(KeyGroupRange::new(1, 8)), 7..8);
        assert_eq!(index.row_range(KeyGroupRange::new(0, 40_000)), 0..17);
        assert!(index.row_range(KeyGroupRange::new(8, 32_767)).is_empty());
        assert_eq!(KeyGroupIndex::parse("[]").unwrap(), KeyGroupIndex::default());
    }

    #[test]
    fn odd_indexes_are_refused() {
        spec!("FILE-4");
        let odd = [
            "",
            "[",
            "[[]]",
            "[[1,0]]",
            "[[1,0,1,1]]",
            "[[1,1,1]]",
            "[[1,0,0]]",
            "[[2,0,1],[1,1,1]]",
            "[[1,0,1],[1,1,1]]",
            "[[70000,0,1]]",
            "[[1,0,18446744073709551615]]",
            "[[1,0,x]]",
            "[[1,0,1],[2,2,1]]",
        ];
        for text in odd {
            assert!(KeyGroupIndex::parse(text).is_err(), "{text}");
        }
    }
}
