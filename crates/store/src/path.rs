use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// The place of an object in a store: segments joined by `/`.
///
/// No segment is empty, `.` or `..`, longer than 255 bytes, or holds a backslash or a control
/// character; the whole is at most 1024 bytes. So a path never leads out of its store.
///
/// Spec: STORE-1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectPath(String);

impl ObjectPath {
    /// Checks and wraps a path.
    ///
    /// # Errors
    /// [`Error::BadPath`].
    pub fn new(path: impl Into<String>) -> Result<Self> {
        let path = path.into();
        match defect(&path) {
            None => Ok(ObjectPath(path)),
            Some(found) => Err(Error::BadPath { path, found }),
        }
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the path below this one.
    ///
    /// # Errors
    /// [`Error::BadPath`].
    pub fn join(&self, below: &str) -> Result<Self> {
        ObjectPath::new(format!("{}/{below}", self.0))
    }
}

fn defect(path: &str) -> Option<&'static str> {
    if path.len() > 1024 {
        return Some("longer than 1024 bytes");
    }
    if path.starts_with('/') {
        return Some("absolute");
    }
    if path.bytes().any(|b| b < 0x20 || b == b'\\' || b == 0x7F) {
        return Some("a backslash or a control character");
    }
    path.split('/').find_map(|segment| match segment {
        "" => Some("an empty segment"),
        "." | ".." => Some("a segment that leads elsewhere"),
        long if long.len() > 255 => Some("a segment longer than 255 bytes"),
        _ => None,
    })
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectPath {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        ObjectPath::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        alluvium_model::spec!("STORE-1");
        for bad in ["", "/etc/passwd", "..", "a/../../b", "a//b", "a/", "./a", "a\0b", "a\\b", "a/."] {
            assert!(matches!(ObjectPath::new(bad), Err(Error::BadPath { .. })), "{bad:?}");
        }
        assert!(ObjectPath::new("x/".repeat(600)).is_err());
        assert!(ObjectPath::new("n".repeat(256)).is_err());
    }

    #[test]
    fn ordinary_paths_are_kept() {
        let path = ObjectPath::new("tables/air%20craft/..last-0001.parquet").unwrap();
        assert_eq!(path.name(), "..last-0001.parquet");
        assert_eq!(ObjectPath::new("a").unwrap().join("b/c").unwrap().as_str(), "a/b/c");
    }
}
