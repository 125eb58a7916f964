//! Names of objects and table files.
//!
//! ```
//! use alluvium_format::name;
//!
//! assert_eq!(name::table_file("Flights/uid", "visits", 0), "tables/%46lights%2Fuid/visits-0000.parquet");
//! assert!(name::is_object_name("objects/00ff"));
//! assert!(!name::is_object_name("../objects/00ff"));
//! ```
//!
//! Spec: NAME-1 to NAME-4.

use std::fmt::Write;

use xxhash_rust::xxh3::xxh3_64;

/// Longest encoded name; longer ones are cut and end in a hash.
const ENCODED_MAX: usize = 120;
/// Longest path of an object.
const PATH_MAX: usize = 1024;

/// Name of the manifest in a savepoint's directory.
pub const SAVEPOINT_MANIFEST: &str = "savepoint.manifest";

/// Encodes a uid or state name as one segment of a path.
///
/// Bytes other than `a-z0-9._-` become `%` and two capital hex digits, so that names which differ
/// only in case differ on every file system; a name longer than 120 bytes then is cut and ends in
/// `~` and the xxh3-64 of the whole name.
///
/// Spec: NAME-3.
pub fn encode(name: &str) -> String {
    let mut out = String::new();
    let mut cut = 0;
    let dots = matches!(name, "." | "..");
    for byte in name.bytes() {
        match byte {
            b'.' if dots => out.push_str("%2E"),
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
        if out.len() <= ENCODED_MAX - 17 {
            cut = out.len();
        }
    }
    if out.is_empty() {
        out.push('%');
    } else if out.len() > ENCODED_MAX {
        out.truncate(cut);
        let _ = write!(out, "~{:016x}", xxh3_64(name.as_bytes()));
    }
    out
}

/// Returns the path of a table file of a compacted savepoint; `operator` is its uid, else its id.
///
/// Spec: NAME-4.
pub fn table_file(operator: &str, state: &str, piece: u32) -> String {
    format!("tables/{}/{}-{piece:04}.parquet", encode(operator), encode(state))
}

/// Returns whether a text is a path that may be joined to a root: segments of
/// `[A-Za-z0-9._~%-]`, none empty, `.` or `..`, at most 1024 bytes.
///
/// Spec: NAME-1.
pub fn is_object_name(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'%' | b'-');
    let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(allowed);
    path.len() <= PATH_MAX && path.split('/').all(segment)
}

#[cfg(test)]
mod tests {
    use alluvium_model::spec;

    use super::*;

    #[test]
    fn names_are_encoded_without_collisions() {
        spec!("NAME-3");
        assert_eq!(encode("last-10_rotations.v2"), "last-10_rotations.v2");
        assert_eq!(encode("A b/ü%"), "%41%20b%2F%C3%BC%25");
        assert_eq!(encode(""), "%");
        assert_eq!((encode("."), encode("..")), ("%2E".into(), "%2E%2E".into()));
        let (long, longer) = ("x".repeat(121), "x".repeat(122));
        assert_eq!(encode(&"x".repeat(120)), "x".repeat(120));
        assert_eq!(encode(&long), format!("{}~3d6d9cb7a4f89316", "x".repeat(103)));
        assert_ne!(encode(&long), encode(&longer));
        assert!(encode(&"Ü".repeat(50)).starts_with("%C3%9C"));
        assert!(encode(&"Ü".repeat(50)).len() <= 120);
    }

    #[test]
    fn encoded_names_are_object_names() {
        spec!("NAME-1", "NAME-4");
        for odd in ["", ".", "..", "a\0b", "../../etc", "C:\\x", "Ü", &"%".repeat(200)] {
            let path = table_file(odd, odd, 12);
            assert!(is_object_name(&path), "{path}");
            assert!(path.ends_with("-0012.parquet"));
        }
    }

    #[test]
    fn paths_that_escape_are_no_object_names() {
        spec!("NAME-1");
        for odd in
            ["", "/", "/etc/passwd", "a//b", "a/../b", "..", ".", "a/", "a\\b", "c:/x", "a\0", "a b", "ü"]
        {
            assert!(!is_object_name(odd), "{odd:?}");
        }
        assert!(!is_object_name(&"a".repeat(1025)));
    }
}
