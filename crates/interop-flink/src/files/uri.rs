//! Paths as metadata records them.

use std::fmt;

use crate::{Error, Result};

const SECTION: &str = "path of a state file";

/// An absolute path of `org.apache.flink.core.fs.Path`: scheme, authority and names.
///
/// Nothing in it is percent-encoded: Flink writes the decoded form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    scheme: String,
    authority: String,
    names: Vec<String>,
}

impl Uri {
    /// Reads a path such as `file:/a/b`, `file:///a/b`, `s3://bucket/p` or `/a/b`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a relative path, for one with the name `..`, and for control
    /// characters.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |wanted| Error::Malformed { section: SECTION, offset: 0, wanted, found: text.into() };
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            _ => ("file", text),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        if !path.starts_with('/') && (authority.is_empty() || !path.is_empty()) {
            return Err(wrong("an absolute path"));
        }
        let names = names(path).ok_or_else(|| wrong("a path without `..`"))?;
        Ok(Uri { scheme: scheme.to_ascii_lowercase(), authority: authority.into(), names })
    }

    /// Returns the scheme in lower case; `file` where there is none.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns what names the host or bucket; empty for local files.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the names from the root to the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the error of a URI that no volume has.
    pub(super) fn unreachable(&self) -> Error {
        let what = format!("{self} (scheme {})", self.scheme);
        Error::Unsupported { section: SECTION, offset: 0, what }
    }

    /// Returns the names below a folder; none when the file is not in it.
    pub(super) fn below(&self, folder: &Uri) -> Option<&[String]> {
        let same = self.scheme == folder.scheme && self.authority == folder.authority;
        self.names.strip_prefix(folder.names.as_slice()).filter(|_| same)
    }

    /// Returns the folder that the last `count` names are below.
    pub(super) fn without(&self, count: usize) -> Uri {
        let mut folder = self.clone();
        folder.names.truncate(self.names.len().saturating_sub(count));
        folder
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if !self.authority.is_empty() {
            write!(f, "//{}", self.authority)?;
        }
        self.names.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

/// Returns the names of a relative path.
///
/// # Errors
/// [`Error::Malformed`] for an absolute path, an empty one, and what [`Uri::parse`] refuses.
pub(super) fn plain_segments(path: &str) -> Result<Vec<String>> {
    match names(path).filter(|names| !names.is_empty() && !path.starts_with('/')) {
        Some(names) => Ok(names),
        None => Err(Error::Malformed {
            section: SECTION,
            offset: 0,
            wanted: "a path below the metadata",
            found: path.into(),
        }),
    }
}

fn names(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
        if name == ".." || name.chars().any(char::is_control) {
            return None;
        }
        names.push(name.to_owned());
    }
    Some(names)
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}
