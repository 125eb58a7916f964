//! Fixture folders: well formed, explained, and claimed by a test.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::tree;

/// Folders of fixtures, each with the file that its cases must hold.
const SETS: [(&str, &str); 3] = [
    ("fixtures/format/v1/valid", "expected.json"),
    ("fixtures/format/v1/invalid", "expected.json"),
    ("fixtures/compat", "expected.json"),
];

/// Checks that every fixture folder holds its expectation, that an invalid one is named after a
/// rule of the specification, and that tests name every set.
pub(crate) fn check() -> Result<()> {
    let root = tree::root();
    let mut wrong = Vec::new();
    let mut cases = 0;
    let mut sources = String::new();
    for folder in ["crates", "tests"] {
        for file in tree::files(&root.join(folder), &["rs", "py"])? {
            if !file.starts_with(root.join("crates/xtask")) {
                sources.push_str(&fs::read_to_string(&file)?);
            }
        }
    }
    for (set, expected) in SETS {
        let folder = root.join(set);
        if !folder.exists() {
            wrong.push(format!("{set} is missing"));
            continue;
        }
        if !sources.contains(set.trim_start_matches("fixtures/")) {
            wrong.push(format!("no test names {set}"));
        }
        for case in folders(&folder)? {
            cases += 1;
            if !folder.join(&case).join(expected).exists() {
                wrong.push(format!("{set}/{case} has no {expected}"));
            }
        }
    }
    for file in
        ["fixtures/format/PROVENANCE.md", "fixtures/data/PROVENANCE.md", "fixtures/compat/PROVENANCE.md"]
    {
        if !root.join(file).exists() {
            wrong.push(format!("{file} is missing"));
        }
    }
    println!("fixtures: {cases} cases");
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

fn folders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
