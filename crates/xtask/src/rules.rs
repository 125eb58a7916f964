//! Rules of the specification and the tests that cite them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::tree;

/// Compares the rules of `format-spec/` with the citations in tests and doc comments.
pub(crate) fn check() -> Result<()> {
    let root = tree::root();
    let rules = rules_of(&root.join("format-spec"))?;
    let mut cited: BTreeMap<String, String> = BTreeMap::new();
    let mut mentioned: BTreeMap<String, String> = BTreeMap::new();
    for folder in ["crates", "tests"] {
        for file in tree::files(&root.join(folder), &["rs", "py"])? {
            if file.starts_with(root.join("crates/xtask")) {
                continue;
            }
            let text = fs::read_to_string(&file)?;
            for id in citations(&text) {
                cited.entry(id).or_insert_with(|| tree::shown(&file));
            }
            for id in mentions(&text) {
                mentioned.entry(id).or_insert_with(|| tree::shown(&file));
            }
        }
    }
    let uncited: Vec<_> = rules.iter().filter(|id| !cited.contains_key(*id)).collect();
    let unknown: Vec<_> = cited.iter().chain(&mentioned).filter(|(id, _)| !rules.contains(*id)).collect();
    for (id, file) in &unknown {
        eprintln!("rule {id} is named in {file}, but format-spec/ has no such rule");
    }
    for id in &uncited {
        eprintln!("rule {id} is cited by no test");
    }
    println!("rules: {} in format-spec/, {} cited by tests", rules.len(), rules.len() - uncited.len());
    if !uncited.is_empty() || !unknown.is_empty() {
        bail!("{} rules without a test, {} unknown ids", uncited.len(), unknown.len());
    }
    Ok(())
}

/// A rule begins with its id in bold and its parties in parentheses.
pub(crate) fn rules_of(folder: &Path) -> Result<BTreeSet<String>> {
    let mut rules = BTreeSet::new();
    for file in tree::files(folder, &["md"])? {
        for line in fs::read_to_string(&file)?.lines() {
            let line = line.trim_start_matches(['-', '*', '|', ' ']);
            let Some((id, rest)) = line.split_once("** (") else { continue };
            if is_rule(id)
                && (rest.starts_with("Writer") || rest.starts_with("Reader"))
                && !rules.insert(id.into())
            {
                bail!("rule {id} stands twice; second in {}", tree::shown(&file));
            }
        }
    }
    Ok(rules)
}

/// The ids within `spec!(…)`, or `spec: ID` in a comment of a Python test.
fn citations(text: &str) -> Vec<String> {
    let rust = text.split("spec!(").skip(1).filter_map(|rest| rest.split_once(')').map(|(inside, _)| inside));
    let python = text.split("# spec:").skip(1).filter_map(|rest| rest.lines().next());
    rust.chain(python).flat_map(ids).collect()
}

/// The ids behind `Spec:` in doc comments; `A-1 to A-9` names all between.
fn mentions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter_map(|line| line.split_once("Spec: ").map(|(_, rest)| rest)) {
        found.extend(ids(line));
    }
    found
}

fn ids(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| is_rule(word))
        .map(str::to_owned)
        .collect()
}

fn is_rule(word: &str) -> bool {
    word.split_once('-').is_some_and(|(area, number)| {
        area.len() >= 2
            && area.bytes().all(|b| b.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && !matches!(area, "UTF" | "ISO" | "CC" | "MIT" | "WTF" | "FLIP" | "KIP" | "RFC" | "SHA")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_found_across_lines() {
        let text = "spec!(\"A\");\nspec!(\n  \"MERGE-2\",\n  \"RUN-1\"\n);\n# spec: PRE-1, PRE-2";
        assert_eq!(citations(text), ["MERGE-2", "RUN-1", "PRE-1", "PRE-2"]);
    }

    #[test]
    fn names_of_standards_are_no_rules() {
        assert_eq!(ids("UTF-8 and WTF-8, but TYPE-1 and JSON-12."), ["TYPE-1", "JSON-12"]);
    }
}
