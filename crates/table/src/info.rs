use std::sync::Arc;

use alluvium_model::digest::{Digest, TableDigest};
use alluvium_model::job::{schema_from_json, schema_to_json};
use alluvium_model::{KeyGroup, StateSchema};
use parquet::file::metadata::KeyValue;

use crate::{Error, KeyGroupIndex, Result, rule};

/// Version of table files that this crate writes and reads.
const VERSION: &str = "1";

const KEY_VERSION: &str = "alluvium.version";
const KEY_SCHEMA: &str = "alluvium.schema";
const KEY_BASE: &str = "alluvium.base";
const KEY_SEQUENCE: &str = "alluvium.sequence";
const KEY_GROUPS: &str = "alluvium.key_groups";
const KEY_DIGEST: &str = "alluvium.digest";
const KEY_LIVE: &str = "alluvium.live";
/// Rows per key group from which canonical digests are worth their place.
const LIVE_ROWS_MIN: u64 = 16;

/// What a writer found out about the run that it wrote; a reference to the run is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMeta {
    /// Number of rows.
    pub rows: u64,
    /// Number of deletes.
    pub deletes: u64,
    /// Number of clears.
    pub clears: u64,
    /// Digest of the rows, with operations in a delta run.
    pub rows_digest: Digest,
    /// Canonical digests of the rows of a base run, where one run holds whole what they count.
    pub live: Option<TableDigest>,
    /// Where the rows of each key group lie.
    pub key_groups: KeyGroupIndex,
    /// Number of bytes.
    pub bytes: u64,
}

/// What a run says about itself in its key-value metadata.
///
/// Spec: FILE-3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// The schema under which it was written.
    pub schema: Arc<StateSchema>,
    /// Whether its rows have no operations.
    pub base: bool,
    /// Its sequence range when it was written, inclusive.
    pub sequence: (u32, u32),
    /// Number of rows.
    pub rows: u64,
    /// Digest of its rows.
    pub rows_digest: Digest,
    /// Where the rows of each key group lie; empty without key groups.
    pub key_groups: KeyGroupIndex,
    /// Canonical digests of its rows, if its writer gave them.
    ///
    /// Spec: FILE-8.
    pub live: Option<TableDigest>,
}

impl RunInfo {
    /// Returns the entries known before the first row.
    pub(crate) fn head(schema: &StateSchema, base: bool, sequence: (u32, u32)) -> Vec<KeyValue> {
        vec![
            entry(KEY_VERSION, VERSION.to_owned()),
            entry(KEY_SCHEMA, schema_to_json(schema).to_string()),
            entry(KEY_BASE, base.to_string()),
            entry(KEY_SEQUENCE, format!("{}-{}", sequence.0, sequence.1)),
        ]
    }

    /// Returns the entries known after the last row.
    pub(crate) fn tail(
        digest: Digest,
        key_groups: Option<&KeyGroupIndex>,
        live: Option<&TableDigest>,
    ) -> Vec<KeyValue> {
        let mut entries = vec![entry(KEY_DIGEST, digest_to_text(digest))];
        entries.extend(key_groups.map(|index| entry(KEY_GROUPS, index.to_text())));
        let live = live.filter(|live| digest.rows >= LIVE_ROWS_MIN * live.groups.len() as u64);
        entries.extend(live.filter(|_| digest.rows > 0).map(|live| entry(KEY_LIVE, live_to_text(live))));
        entries
    }

    /// Reads the key-value metadata of a file with `rows` rows.
    pub(crate) fn parse(entries: Option<&Vec<KeyValue>>, rows: u64) -> Result<Self> {
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let text = |key: &'static str| {
            let found = entries.iter().find(|e| e.key == key).and_then(|e| e.value.as_deref());
            found.ok_or_else(|| odd(format!("no {key}")))
        };
        if text(KEY_VERSION)? != VERSION {
            return Err(odd(format!("version {}", text(KEY_VERSION)?)));
        }
        let base = match text(KEY_BASE)? {
            "true" => true,
            "false" => false,
            other => return Err(odd(format!("{KEY_BASE} {other}"))),
        };
        let json = serde_json::from_str(text(KEY_SCHEMA)?).map_err(|e| odd(format!("{KEY_SCHEMA}: {e}")))?;
        let schema = schema_from_json(&json).map_err(|e| odd(format!("{KEY_SCHEMA}: {e}")))?;
        let key_groups = match schema.kind.is_keyed() {
            true => KeyGroupIndex::parse(text(KEY_GROUPS)?)?,
            false => KeyGroupIndex::default(),
        };
        if schema.kind.is_keyed() && key_groups.rows() != rows {
            let found = format!("{} rows indexed of {rows}", key_groups.rows());
            return Err(Error::malformed("key-group index", rule::INDEX, found));
        }
        let rows_digest = digest_from_text(text(KEY_DIGEST)?)?;
        if rows_digest.rows != rows {
            return Err(odd(format!("a digest of {} rows of {rows}", rows_digest.rows)));
        }
        let sequence = sequence_from_text(text(KEY_SEQUENCE)?)?;
        let live = match text(KEY_LIVE) {
            Ok(text) if base => Some(live_from_text(text, &key_groups)?),
            _ => None,
        };
        Ok(RunInfo { schema: Arc::new(schema), base, sequence, rows, rows_digest, key_groups, live })
    }
}

fn entry(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value) }
}

fn odd(found: String) -> Error {
    Error::malformed("key-value metadata", rule::METADATA, found)
}

fn digest_to_text(digest: Digest) -> String {
    format!("{}:{:032x}", digest.rows, digest.sum)
}

fn digest_from_text(text: &str) -> Result<Digest> {
    let parts = text.split_once(':').filter(|(_, sum)| sum.len() == 32 && sum.is_ascii());
    let digest = parts.and_then(|(rows, sum)| {
        Some(Digest { rows: rows.parse().ok()?, sum: u128::from_str_radix(sum, 16).ok()? })
    });
    digest.ok_or_else(|| odd(format!("{KEY_DIGEST} {text}")))
}

fn live_to_text(live: &TableDigest) -> String {
    let group =
        |(group, digest): (&KeyGroup, &Digest)| format!("[{group},{},\"{:032x}\"]", digest.rows, digest.sum);
    format!("[{}]", live.groups.iter().map(group).collect::<Vec<_>>().join(","))
}

/// Reads digests of exactly the key groups of the index, with their rows.
fn live_from_text(text: &str, index: &KeyGroupIndex) -> Result<TableDigest> {
    let odd = |found: String| Error::malformed("key-value metadata", rule::LIVE, found);
    let rows: Vec<(u16, u64, String)> =
        serde_json::from_str(text).map_err(|e| odd(format!("{KEY_LIVE}: {e}")))?;
    let indexed = index.entries().iter().map(|entry| (entry.group.0, entry.rows));
    if !indexed.eq(rows.iter().map(|(group, rows, _)| (*group, *rows))) {
        return Err(odd("digests of other key groups than those of the index".into()));
    }
    let mut live = TableDigest::default();
    for (group, rows, sum) in rows {
        let sum = u128::from_str_radix(&sum, 16).ok().filter(|_| sum.len() == 32);
        let sum = sum.ok_or_else(|| odd(format!("a digest of key group {group} that is none")))?;
        live.groups.insert(KeyGroup(group), Digest { rows, sum });
    }
    Ok(live)
}

fn sequence_from_text(text: &str) -> Result<(u32, u32)> {
    let parts = text.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    parts.filter(|(low, high)| low <= high).ok_or_else(|| odd(format!("{KEY_SEQUENCE} {text}")))
}

#[cfg(test)]
mod tests {
    use alluvium_model::spec;

    use super::*;

    #[test]
    fn digests_of_other_groups_than_the_index_has_are_refused() {
        spec!("FILE-8");
        let mut index = KeyGroupIndex::default();
        let mut live = TableDigest::default();
        for (group, rows) in [(2, 3), (7, 1)] {
            index.push(KeyGroup(group), rows);
            live.groups.insert(KeyGroup(group), Digest { rows, sum: u128::from(group) << 70 });
        }
        let text = live_to_text(&live);
        assert_eq!(text.len(), 2 * "[2,3,\"\"],".len() + 64 + 1);
        assert_eq!(live_from_text(&text, &index).unwrap(), live);
        for odd in ["", "[]", "[[2,3,\"00\"]]", &text.replace("[2,", "[3,"), &text.replace(",1,", ",2,")] {
            assert!(live_from_text(odd, &index).is_err(), "{odd}");
        }
        assert!(live_from_text(&text.replace("000\"", "00x\""), &index).is_err());
    }
}
