use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The identity that a person gives an operator; state finds its operator by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperatorUid(String);

impl OperatorUid {
    /// Wraps a uid string.
    pub fn new(uid: impl Into<String>) -> Self {
        OperatorUid(uid.into())
    }

    /// Returns the uid as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the operator id derived from this uid: murmur3-x64-128 over its UTF-8 bytes, seed 0,
    /// in little-endian byte order, as Flink's `StreamGraphHasherV2` does.
    ///
    /// Spec: OPER-2.
    pub fn id(&self) -> OperatorId {
        let hash =
            murmur3::murmur3_x64_128(&mut self.0.as_bytes(), 0).expect("reading from a slice cannot fail");
        OperatorId(hash.to_le_bytes())
    }
}

impl fmt::Display for OperatorUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The 128-bit identity of an operator, derived from its uid or from the shape of the graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperatorId([u8; 16]);

impl OperatorId {
    /// Wraps the 16 bytes as they are printed.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        OperatorId(bytes)
    }

    /// Returns the 16 bytes as they are printed.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Whether an operator had read all that it is ever to read, when a snapshot was taken.
///
/// Source: `OperatorState.isFullyFinished`, `OperatorSubtaskState.isFinished`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Finished {
    /// All its subtasks ran.
    #[default]
    No,
    /// Some of its subtasks had ended.
    Partially,
    /// All its subtasks had ended; there is no state then.
    Fully,
}

impl Finished {
    /// Returns the word of a job description; none for an operator that ran.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Finished::No => None,
            Finished::Partially => Some("partially"),
            Finished::Fully => Some("fully"),
        }
    }

    /// Returns the one of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Finished::Partially, Finished::Fully].into_iter().find(|finished| finished.name() == Some(name))
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorId({self})")
    }
}

impl FromStr for OperatorId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Mismatch {
            path: "operator id".into(),
            wanted: "32 hex digits".into(),
            found: text.into(),
        };
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(OperatorId(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_hashes_as_in_flink() {
        assert_eq!(OperatorUid::new("hello").id().to_string(), "029bbd41b3a7d8cb191dae486a901e5b");
    }

    #[test]
    fn id_reads_back_its_own_text() {
        let id = OperatorUid::new("aircraft").id();
        assert_eq!(id.to_string().parse::<OperatorId>().unwrap(), id);
        assert!("12".parse::<OperatorId>().is_err());
    }
}
