use serde_json::{Value as Json, json};

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Every state, in the order of the source.
    pub states: Vec<StateReport>,
}

/// What happened to one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateReport {
    /// OP of the operator.
    pub operator: String,
    /// Name of the state.
    pub state: String,
    /// The file written or read, relative to the directory; none for a state copied from a snapshot.
    pub file: Option<String>,
    /// Records read: lines for text, else rows.
    pub read: u64,
    /// Records written, counted again in what was written.
    pub written: u64,
    /// What the target does not hold.
    pub losses: Vec<Loss>,
}

/// Something that a target cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Loss {
    /// The original bytes of rows whose typed form does not encode back to them.
    OriginalBytes,
    /// Records in flight between operators.
    InFlight,
    /// Parts that could not be read ([`crate::Tolerant`]).
    Unreadable,
    /// Types: every value is text, nested ones JSON.
    Types,
    /// The difference between null and empty text.
    NullOrEmpty,
}

impl Loss {
    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            Loss::OriginalBytes => "original-bytes",
            Loss::InFlight => "in-flight",
            Loss::Unreadable => "unreadable",
            Loss::Types => "types",
            Loss::NullOrEmpty => "null-or-empty",
        }
    }

    /// Returns the sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Loss::InFlight => "records in flight, which only checkpoints hold",
            Loss::Unreadable => "parts that could not be read",
            Loss::OriginalBytes => "the original bytes of rows that do not encode back to them",
            Loss::Types => "types: every value is text, nested ones are JSON",
            Loss::NullOrEmpty => "the difference between null and empty text",
        }
    }
}

impl Report {
    /// Returns whether nothing was lost.
    pub fn is_lossless(&self) -> bool {
        self.states.iter().all(|state| state.losses.is_empty())
    }

    /// Prints the report.
    pub fn to_json(&self) -> Json {
        let states = self.states.iter().map(|state| {
            json!({
                "operator": state.operator,
                "state": state.state,
                "file": state.file,
                "read": state.read,
                "written": state.written,
                "lost": state.losses.iter().map(|loss| loss.name()).collect::<Vec<_>>(),
            })
        });
        json!({ "lossless": self.is_lossless(), "states": states.collect::<Vec<_>>() })
    }
}
