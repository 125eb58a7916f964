use serde_json::{Value as Json, json};

use crate::contract::OperatorContract;

/// A change that a program can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Give an operator of the new job a uid.
    SetUid {
        /// The operator, as people call it.
        operator: String,
        /// The uid.
        uid: String,
    },
    /// Pin the id of an operator of the new job: `setUidHash` of Flink.
    SetUidHash {
        /// The operator, as people call it.
        operator: String,
        /// The id, 32 hexadecimal digits.
        hash: String,
    },
    /// Give a state of the new job another name.
    RenameState {
        /// The operator, as people call it.
        operator: String,
        /// Its name in the new job.
        from: String,
        /// The name under which its rows are stored.
        to: String,
    },
    /// Set the number of key groups.
    SetMaxParallelism {
        /// The operator, as people call it.
        operator: String,
        /// The number that the state has.
        max_parallelism: u32,
    },
    /// Keep a field of a value.
    KeepField {
        /// The operator, as people call it.
        operator: String,
        /// The state.
        state: String,
        /// The place of the field in the value.
        field: String,
    },
}

impl Suggestion {
    /// Returns what lets `new` take over the state of `old`: its uid, or where that is not known its id.
    pub(crate) fn take_state(old: &OperatorContract, new: &OperatorContract) -> Self {
        let operator = new.label();
        match &old.uid {
            Some(uid) => Suggestion::SetUid { operator, uid: uid.to_string() },
            None => Suggestion::SetUidHash { operator, hash: old.id.to_string() },
        }
    }

    /// Returns its kind, as printed.
    pub fn kind(&self) -> &'static str {
        match self {
            Suggestion::SetUid { .. } => "set-uid",
            Suggestion::SetUidHash { .. } => "set-uid-hash",
            Suggestion::RenameState { .. } => "rename-state",
            Suggestion::SetMaxParallelism { .. } => "set-max-parallelism",
            Suggestion::KeepField { .. } => "keep-field",
        }
    }

    /// Returns it for people: what to write where.
    pub fn sentence(&self) -> String {
        match self {
            Suggestion::SetUid { operator, uid } => format!("uid({uid:?}) on {operator}"),
            Suggestion::SetUidHash { operator, hash } => format!("setUidHash({hash:?}) on {operator}"),
            Suggestion::RenameState { operator, from, to } => {
                format!("name the state {from:?} of {operator} {to:?}")
            }
            Suggestion::SetMaxParallelism { operator, max_parallelism } => {
                format!("max parallelism {max_parallelism} on {operator}")
            }
            Suggestion::KeepField { operator, state, field } => {
                format!("keep the field {field} of {operator}/{state}")
            }
        }
    }

    /// Prints it.
    pub fn to_json(&self) -> Json {
        let kind = self.kind();
        match self {
            Suggestion::SetUid { operator, uid } => json!({"kind": kind, "operator": operator, "uid": uid}),
            Suggestion::SetUidHash { operator, hash } => {
                json!({"kind": kind, "operator": operator, "hash": hash})
            }
            Suggestion::RenameState { operator, from, to } => {
                json!({"kind": kind, "operator": operator, "from": from, "to": to})
            }
            Suggestion::SetMaxParallelism { operator, max_parallelism } => {
                json!({"kind": kind, "operator": operator, "max_parallelism": max_parallelism})
            }
            Suggestion::KeepField { operator, state, field } => {
                json!({"kind": kind, "operator": operator, "state": state, "field": field})
            }
        }
    }
}

/// How much state a finding concerns, as far as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impact {
    /// Rows of the states concerned.
    pub rows: Option<u64>,
    /// Keys that have such rows.
    pub keys: Option<u64>,
    /// Bytes of these rows.
    pub bytes: Option<u64>,
    /// Part of all state of the old side, by bytes: 0 to 1.
    pub share: Option<f64>,
}

impl Impact {
    /// Returns it for people: `3 rows, 2 keys, 90 bytes, 4.1 % of the state`.
    pub fn sentence(&self) -> String {
        let counted = |count: Option<u64>, what: &str| count.map(|count| format!("{count} {what}"));
        let parts = [
            counted(self.rows, "rows"),
            counted(self.keys, "keys"),
            counted(self.bytes, "bytes"),
            self.share.map(|share| format!("{:.1} % of the state", share * 100.0)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Prints it; what was not counted is null.
    pub fn to_json(&self) -> Json {
        json!({"rows": self.rows, "keys": self.keys, "bytes": self.bytes, "share": self.share})
    }
}
