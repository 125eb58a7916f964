use alluvium_model::{KeyGroup, KeyGroupRange};

/// How a run is written.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Whether it is a base run: rows without operations, page indexes and a bloom filter.
    pub base: bool,
    /// Sequence range of its rows, inclusive; written for people, the reference decides.
    pub sequence: (u32, u32),
    /// Size at which a savepoint goes on in another file.
    pub object_bytes_max: u64,
    /// Uncompressed size at which a row group ends.
    pub row_group_bytes: u64,
    /// Most rows of a row group.
    pub row_group_rows: usize,
    /// Size at which a page ends.
    pub page_bytes: usize,
    /// Most rows of a page.
    pub page_rows: usize,
    /// Level of zstd.
    pub zstd_level: i32,
}

impl RunOptions {
    /// Most rows that a row group may have.
    pub const ROW_GROUP_ROWS_MAX: usize = 131_072;

    /// Returns the options of a base run.
    pub fn base(sequence: (u32, u32)) -> Self {
        RunOptions {
            base: true,
            sequence,
            object_bytes_max: 256 * 1024 * 1024,
            row_group_bytes: 16 * 1024 * 1024,
            row_group_rows: Self::ROW_GROUP_ROWS_MAX,
            page_bytes: 64 * 1024,
            page_rows: 8192,
            zstd_level: 1,
        }
    }

    /// Returns the options of a delta run.
    pub fn delta(sequence: (u32, u32)) -> Self {
        RunOptions { base: false, ..Self::base(sequence) }
    }
}

/// How a run is read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Whether sort keys are computed and the order of rows is checked with them. Without, batches
    /// have empty sort keys: for restoring a single run.
    pub sort_keys: bool,
    /// Most pages per leaf column that are read at once.
    pub window_pages: usize,
    /// Most rows of a batch.
    pub batch_rows: usize,
    /// Which rows are read.
    pub restriction: Restriction,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            sort_keys: true,
            window_pages: 2,
            batch_rows: 8192,
            restriction: Restriction::default(),
        }
    }
}

/// Which rows are read; all by default.
#[derive(Debug, Clone, Default)]
pub struct Restriction {
    /// Only these key groups. Rows without key group count as key group 0.
    pub key_groups: Option<KeyGroupRange>,
    /// Only rows whose sort key begins with these bytes, in every group read.
    pub prefix: Option<Vec<u8>>,
    /// Only rows after this position, exclusive.
    pub after: Option<(KeyGroup, Vec<u8>)>,
}
