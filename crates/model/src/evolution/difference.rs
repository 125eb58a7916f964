use std::fmt;

use super::Outcome;

/// One difference between two schemas of a state, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place: `value.airport`, `value[]`, `value{key}`, `key`, `kind`, `ttl`.
    pub path: String,
    /// What differs there.
    pub what: What,
}

/// A kind of difference; types are given as they are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Another time to live.
    TtlChanged {
        /// Before, in milliseconds; none if it is not known.
        old_ms: Option<u64>,
        /// Now, in milliseconds; none if it is not known.
        new_ms: Option<u64>,
    },
    /// A time to live where there was none.
    TtlAdded {
        /// Milliseconds; none if it is not known.
        new_ms: Option<u64>,
    },
    /// No time to live where there was one.
    TtlRemoved {
        /// Milliseconds; none if it is not known.
        old_ms: Option<u64>,
    },
    /// A field found under a declared alias.
    FieldRenamed {
        /// Its name before.
        old: String,
    },
    /// Fields in another order.
    FieldsReordered,
    /// Symbols appended to an enum.
    SymbolsAdded {
        /// The new symbols.
        symbols: Vec<String>,
    },
    /// A new field that may be null.
    FieldAdded {
        /// Its type.
        new: String,
    },
    /// A field that is gone, with its data.
    FieldRemoved {
        /// Its type.
        old: String,
    },
    /// A wider type that holds every old value.
    Widened {
        /// The type before.
        old: String,
        /// The type now.
        new: String,
    },
    /// Null is allowed now.
    NullAllowed,
    /// A new field that may not be null: old rows have no value for it.
    RequiredFieldAdded {
        /// Its type.
        new: String,
    },
    /// Null is no longer allowed, while old rows may hold it.
    NullForbidden,
    /// Symbols of an enum removed, renamed or moved.
    SymbolsChanged {
        /// The symbols before.
        old: Vec<String>,
        /// The symbols now.
        new: Vec<String>,
    },
    /// A type that does not hold the old values.
    TypeChanged {
        /// The type before.
        old: String,
        /// The type now.
        new: String,
    },
    /// A type that may never change: of a key, namespace, map key or member of a set.
    FixedTypeChanged {
        /// The type before.
        old: String,
        /// The type now.
        new: String,
    },
    /// Another kind of state.
    KindChanged {
        /// The kind before.
        old: &'static str,
        /// The kind now.
        new: &'static str,
    },
}

impl What {
    /// Returns what this difference alone makes of the state.
    pub fn outcome(&self) -> Outcome {
        use What::*;
        match self {
            TtlChanged { .. } => Outcome::AsIs,
            FieldRenamed { .. } | FieldsReordered | SymbolsAdded { .. } => Outcome::Reconfigured,
            TtlAdded { .. }
            | TtlRemoved { .. }
            | FieldAdded { .. }
            | FieldRemoved { .. }
            | Widened { .. }
            | NullAllowed => Outcome::AfterMigration,
            RequiredFieldAdded { .. }
            | NullForbidden
            | SymbolsChanged { .. }
            | TypeChanged { .. }
            | FixedTypeChanged { .. }
            | KindChanged { .. } => Outcome::Incompatible,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use What::*;
        match self {
            TtlChanged { old_ms, new_ms } => {
                write!(f, "time to live {} -> {}", milliseconds(*old_ms), milliseconds(*new_ms))
            }
            TtlAdded { new_ms } => write!(f, "time to live of {} added", milliseconds(*new_ms)),
            TtlRemoved { old_ms } => write!(f, "time to live of {} removed", milliseconds(*old_ms)),
            FieldRenamed { old } => write!(f, "renamed from {old}"),
            FieldsReordered => f.write_str("fields in another order"),
            SymbolsAdded { symbols } => write!(f, "symbols added: {}", symbols.join(", ")),
            FieldAdded { new } => write!(f, "field added, {new}, null in old rows"),
            FieldRemoved { old } => write!(f, "field removed, was {old}"),
            Widened { old, new } => write!(f, "widened from {old} to {new}"),
            NullAllowed => f.write_str("may now be null"),
            RequiredFieldAdded { new } => {
                write!(f, "field added that is never null, {new}: old rows have no value")
            }
            NullForbidden => f.write_str("may no longer be null, while old rows may be"),
            SymbolsChanged { old, new } => {
                write!(f, "symbols changed from {} to {}", old.join(", "), new.join(", "))
            }
            TypeChanged { old, new } | FixedTypeChanged { old, new } => {
                write!(f, "type changed from {old} to {new}")
            }
            KindChanged { old, new } => write!(f, "kind changed from {old} to {new}"),
        }
    }
}

fn milliseconds(ttl_ms: Option<u64>) -> String {
    ttl_ms.map_or_else(|| "unknown length".to_owned(), |ms| format!("{ms} ms"))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}
