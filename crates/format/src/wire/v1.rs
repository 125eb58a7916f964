//! The body of a manifest of version 1, member by member.
//!
//! Spec: MAN-1, MAN-2.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) profile: Profile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<Layout>,
    pub(crate) job: Job,
    #[serde(deserialize_with = "count")]
    pub(crate) attempt: u64,
    #[serde(deserialize_with = "count")]
    pub(crate) checkpoint_id: u64,
    pub(crate) created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) as_of_ms: Option<i64>,
    pub(crate) roots: Vec<Root>,
    pub(crate) objects: Vec<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schemas: Option<Vec<Json>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schemas_object: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job_description: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<u32>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) aborted: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    Savepoint,
    Checkpoint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    Compacted,
    Stacked,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) own: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) root: u32,
    pub(crate) name: String,
    #[serde(deserialize_with = "count")]
    pub(crate) size: u64,
    pub(crate) digest: Hex,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) blocks: Option<Blocks>,
    #[serde(flatten)]
    pub(crate) unknown: Map<String, Json>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Blocks {
    pub(crate) root: u32,
    pub(crate) name: String,
    #[serde(deserialize_with = "count")]
    pub(crate) offset: u64,
    #[serde(deserialize_with = "count")]
    pub(crate) length: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Operator {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) parallelism: u32,
    pub(crate) max_parallelism: u32,
    pub(crate) key_group_function: String,
    pub(crate) sequence_max: u32,
    pub(crate) tables: Vec<Table>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) schema: u32,
    pub(crate) runs: Vec<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Vec<(u16, u64, Hex)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entries: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inline: Option<String>,
    pub(crate) schema: u32,
    pub(crate) base: bool,
    #[serde(deserialize_with = "count")]
    pub(crate) rows: u64,
    #[serde(deserialize_with = "count")]
    pub(crate) deletes: u64,
    #[serde(deserialize_with = "count")]
    pub(crate) clears: u64,
    pub(crate) digest: Hex,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clip: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subtask: Option<u32>,
    #[serde(flatten)]
    pub(crate) unknown: Map<String, Json>,
}

/// A 128-bit digest as 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) u128);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.map(Hex).ok_or_else(|| serde::de::Error::custom("a digest is 32 lower-case hex digits"))
    }
}

/// Reads a number that fits 63 bits.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > i64::MAX as u64 {
        return Err(serde::de::Error::custom("a number above 2^63-1"));
    }
    Ok(number)
}
