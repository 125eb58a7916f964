use std::fmt;
use std::str::FromStr;

use alluvium_store::ObjectPath;

use crate::{Error, Result};

/// A checkpoint within its root; the order is that of time, whatever clocks say.
///
/// Spec: FENCE-3, NAME-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CheckpointName {
    /// The attempt that published it.
    pub attempt: u64,
    /// Its id.
    pub checkpoint_id: u64,
}

impl CheckpointName {
    /// Returns the path of its manifest below the root.
    ///
    /// # Errors
    /// Never for numbers; the type of paths asks.
    pub fn path(self) -> Result<ObjectPath> {
        crate::objects::object_path(&format!("checkpoints/{self}.manifest"))
    }

    /// Returns the name of a manifest's path; `None` for a path of another form.
    pub fn from_path(path: &str) -> Option<Self> {
        path.strip_prefix("checkpoints/")?.strip_suffix(".manifest")?.parse().ok()
    }
}

impl fmt::Display for CheckpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{:010}", self.attempt, self.checkpoint_id)
    }
}

impl FromStr for CheckpointName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number =
            |part: &str| part.parse::<u64>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
        let parts = text.split_once('-').and_then(|(attempt, id)| Some((number(attempt)?, number(id)?)));
        let name = parts.map(|(attempt, checkpoint_id)| CheckpointName { attempt, checkpoint_id });
        name.filter(|name| name.to_string() == text).ok_or_else(|| Error::Broken {
            place: text.to_owned(),
            found: "not the name of a checkpoint".into(),
            rule: "NAME-2",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_order_by_attempt_then_id() {
        alluvium_model::spec!("NAME-2", "FENCE-3");
        let name = |attempt, checkpoint_id| CheckpointName { attempt, checkpoint_id };
        assert_eq!(name(1, 2).path().unwrap().as_str(), "checkpoints/00000001-0000000002.manifest");
        assert_eq!(CheckpointName::from_path("checkpoints/00000001-0000000002.manifest"), Some(name(1, 2)));
        assert!(name(1, 9) < name(2, 1) && name(2, 1) < name(2, 10));
        for odd in ["1-2", "00000001-+000000002", "00000001_0000000002", "00000001-0000000002x", ""] {
            assert!(odd.parse::<CheckpointName>().is_err(), "{odd}");
        }
    }
}
