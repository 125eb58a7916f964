//! Fixture folders: well formed, explained, and claimed by a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use crate::{rules, tree};

/// A folder of cases.
struct Set {
    /// Its path.
    folder: &'static str,
    /// What a source file that claims it names.
    claim: &'static str,
    /// Finds what is wrong with a case.
    check: fn(&Case<'_>) -> Result<Vec<String>>,
}

const SETS: [Set; 5] = [
    Set { folder: "fixtures/format/v1/valid", claim: "format/v1/valid", check: valid },
    Set { folder: "fixtures/format/v1/invalid", claim: "format/v1/invalid", check: invalid },
    Set { folder: "fixtures/compat", claim: "fixtures/compat", check: compat },
    Set { folder: "fixtures/flink/rocksdb", claim: "fixtures/flink/rocksdb", check: rocksdb },
    Set { folder: "fixtures/flink/snapshots", claim: "flink/snapshots", check: flink },
];

const PROVENANCE: [&str; 7] = [
    "fixtures/format/PROVENANCE.md",
    "fixtures/data/PROVENANCE.md",
    "fixtures/compat/PROVENANCE.md",
    "fixtures/flink/rocksdb/PROVENANCE.md",
    "fixtures/flink/snapshots/PROVENANCE.md",
    "fixtures/plans/PROVENANCE.md",
    "fixtures/verdicts/PROVENANCE.md",
];

/// Folders of files without an expectation beside them; a table in their PROVENANCE.md names each.
const LISTED: [&str; 2] = ["fixtures/flink/metadata", "fixtures/flink/serializers"];

/// A case of a set.
struct Case<'a> {
    name: &'a str,
    folder: &'a Path,
    rules: &'a BTreeSet<String>,
}

/// Checks that every fixture folder holds its input and its expectation and nothing else, that an
/// invalid one is named after the rule of the specification that it breaks, and that tests name
/// every set.
pub(crate) fn check() -> Result<()> {
    let root = tree::root();
    let rules = rules::rules_of(&root.join("format-spec"))?;
    let sources = sources(&root)?;
    let mut wrong = Vec::new();
    let mut cases = 0;
    for set in SETS {
        let folder = root.join(set.folder);
        let names = names(&folder, true)?;
        if names.is_empty() {
            wrong.push(format!("{} is empty", set.folder));
        }
        if !sources.contains(set.claim) {
            wrong.push(format!("no test names {}", set.folder));
        }
        for name in &names {
            cases += 1;
            let case = Case { name, folder: &folder.join(name), rules: &rules };
            let found = (set.check)(&case)?;
            wrong.extend(found.into_iter().map(|what| format!("{}/{name} {what}", set.folder)));
        }
    }
    for folder in LISTED {
        if !sources.contains(folder) {
            wrong.push(format!("no test names {folder}"));
        }
        let found = listed(&root.join(folder))?;
        cases += found.len();
        wrong.extend(found.into_iter().flatten().map(|what| format!("{folder}: {what}")));
    }
    for file in PROVENANCE {
        if !root.join(file).is_file() {
            wrong.push(format!("{file} is missing"));
        }
    }
    println!("fixtures: {cases} cases");
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

fn sources(root: &Path) -> Result<String> {
    let mut sources = String::new();
    for folder in ["crates", "tests"] {
        for file in tree::files(&root.join(folder), &["rs", "py"])? {
            if !file.starts_with(root.join("crates/xtask")) {
                sources.push_str(&fs::read_to_string(&file)?);
            }
        }
    }
    Ok(sources)
}

/// Compares the files of a folder with its PROVENANCE.md; one answer a file.
fn listed(folder: &Path) -> Result<Vec<Option<String>>> {
    let table = fs::read_to_string(folder.join("PROVENANCE.md"))
        .with_context(|| format!("reading {}", tree::shown(&folder.join("PROVENANCE.md"))))?;
    let files: Vec<String> =
        names(folder, false)?.into_iter().filter(|name| name != "PROVENANCE.md").collect();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let missing = rows.filter(|row| !files.iter().any(|name| name == row));
    let missing: Vec<_> = missing.map(|row| Some(format!("{row} is listed and missing"))).collect();
    let explained = |name: &String| table.contains(&format!("| `{name}` |"));
    let files = files.iter().map(|name| (!explained(name)).then(|| format!("{name} is not explained")));
    Ok(files.chain(missing).collect())
}

/// A snapshot, its profile and the rows of its tables.
fn valid(case: &Case<'_>) -> Result<Vec<String>> {
    let expected = expected(case)?;
    let mut wrong = snapshot(case)?;
    let profile = if manifest_of(case, "savepoint.manifest") { "savepoint" } else { "checkpoint" };
    if expected["profile"] != profile {
        wrong.push(format!("expects another profile than {profile}"));
    }
    let tables = expected["tables"].as_object();
    if tables.is_none_or(|tables| !tables.values().all(Json::is_array)) {
        wrong.push("expects no rows of tables".into());
    }
    Ok(wrong)
}

/// A copy of a valid snapshot in which the rule of its name is broken.
fn invalid(case: &Case<'_>) -> Result<Vec<String>> {
    let expected = expected(case)?;
    let mut wrong = snapshot(case)?;
    let rule = expected["rule"].as_str().unwrap_or_default();
    if !case.rules.contains(rule) {
        wrong.push(format!("expects rule `{rule}`, which format-spec/ does not have"));
    }
    if !case.name.strip_prefix(rule).is_some_and(|defect| defect.starts_with('-') && defect.len() > 1) {
        wrong.push(format!("is not named {rule}-<defect>"));
    }
    if !["corrupt", "unsupported"].iter().any(|kind| expected["kind"] == *kind) {
        wrong.push("expects no kind of error".into());
    }
    let made_from = expected["made_from"].as_str().unwrap_or_default();
    let original = case.folder.join("../../valid").join(made_from);
    if made_from.is_empty() || !original.is_dir() {
        wrong.push(format!("is made from `{made_from}`, which is no valid case"));
    }
    Ok(wrong)
}

/// A snapshot of Flink and its truth, explained in the table.
fn flink(case: &Case<'_>) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    if names(case.folder, false)? != ["truth.json.zst"] || names(case.folder, true)? != ["snapshot"] {
        wrong.push("does not hold snapshot/ and truth.json.zst alone".into());
    }
    let table = case.folder.with_file_name("PROVENANCE.md");
    if !fs::read_to_string(&table)?.contains(&format!("| `{}` |", case.name)) {
        wrong.push("is not in PROVENANCE.md".into());
    }
    Ok(wrong)
}

/// Two descriptions of a job and what `check` says about them.
fn compat(case: &Case<'_>) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    if names(case.folder, false)? != ["expected.txt", "new.json", "old.json"] {
        wrong.push("does not hold expected.txt, new.json and old.json alone".into());
        return Ok(wrong);
    }
    for name in ["new.json", "old.json"] {
        json(&case.folder.join(name))?;
    }
    let text = fs::read_to_string(case.folder.join("expected.txt"))?;
    if !text.contains(&format!("[{}]", case.name)) {
        wrong.push("is named after another rule than expected.txt".into());
    }
    Ok(wrong)
}

/// A database and what its engine lists of it.
fn rocksdb(case: &Case<'_>) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let files = names(case.folder, false)?;
    let is = |name: &str| files.iter().filter(|file| file.starts_with(name)).count() == 1;
    if !is("CURRENT") || !is("MANIFEST-") || !is("expected.txt") {
        wrong.push("does not hold CURRENT, one MANIFEST and expected.txt".into());
    }
    if files.iter().filter(|file| file.ends_with(".sst")).count() + 3 != files.len() {
        wrong.push("holds more than tables beside them".into());
    }
    Ok(wrong)
}

/// One manifest in its place, with objects or table files beside it.
fn snapshot(case: &Case<'_>) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut files = names(case.folder, false)?;
    files.retain(|name| name != "expected.json");
    let folders = names(case.folder, true)?;
    let is = |found: &[String], known: &[&str]| found.iter().all(|name| known.contains(&name.as_str()));
    let savepoint = files == ["savepoint.manifest"] && is(&folders, &["objects", "tables"]);
    let checkpoint = files.is_empty()
        && is(&folders, &["checkpoints", "objects"])
        && folders.first().is_some_and(|folder| folder == "checkpoints")
        && names(&case.folder.join("checkpoints"), false)?.len() == 1;
    if !savepoint && !checkpoint {
        wrong.push("is laid out neither as a savepoint nor as a checkpoint".into());
    }
    Ok(wrong)
}

fn manifest_of(case: &Case<'_>, name: &str) -> bool {
    case.folder.join(name).is_file()
}

fn expected(case: &Case<'_>) -> Result<Json> {
    json(&case.folder.join("expected.json"))
}

fn json(file: &Path) -> Result<Json> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", tree::shown(file)))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", tree::shown(file)))
}

/// Returns the names of the folders, or of the files, in a folder, sorted.
fn names(folder: &Path, folders: bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", tree::shown(folder)))? {
        let entry = entry?;
        if entry.path().is_dir() == folders {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
