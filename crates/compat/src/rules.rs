use std::sync::LazyLock;

use serde::Deserialize;

use crate::Severity;

/// A rule: its id never changes its meaning.
///
/// Each is one file, `crates/compat/rules/ID.toml`; a pair of descriptions that it answers stands in
/// `fixtures/compat/ID`.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Family and number, for example `OPR001`.
    pub id: &'static str,
    /// Its name, for configuration files.
    pub name: &'static str,
    /// What it is about: uid, operator, state, key and so on.
    pub family: &'static str,
    /// How much a finding weighs unless the finding says otherwise.
    pub severity: Severity,
    /// What it finds, on one line.
    pub title: &'static str,
    /// What it sees on the two sides.
    pub sees: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What Alluvium does at a restore.
    pub alluvium: &'static str,
    /// What Flink does at a restore.
    pub flink: &'static str,
    /// Where releases differ, if they do.
    pub releases: Option<&'static str>,
    /// What to do.
    pub mend: &'static str,
    /// The folder of its pair of descriptions, from the root of the repository.
    pub fixture: &'static str,
}

impl Rule {
    /// Renders the page of the rule. Markdown.
    pub fn page(&self) -> String {
        let mut page = format!(
            "# {} — {}\n\nRule `{}`, family {}, severity {}.\n\n{}\n",
            self.id,
            self.title,
            self.name,
            self.family,
            self.severity.name(),
            self.why
        );
        let parts = [
            ("Seen", Some(self.sees)),
            ("Alluvium", Some(self.alluvium)),
            ("Flink", Some(self.flink)),
            ("Releases", self.releases),
            ("What to do", Some(self.mend)),
        ];
        for (name, text) in parts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
            page += &format!("\n**{name}:** {text}\n");
        }
        page
    }
}

/// Returns the rule of an id, in either case.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id.eq_ignore_ascii_case(id) || rule.name == id)
}

/// A rule's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    name: String,
    family: String,
    severity: String,
    title: String,
    fixture: String,
    sees: String,
    why: String,
    mend: String,
    engines: Engines,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Engines {
    alluvium: String,
    flink: String,
    releases: Option<String>,
}

/// Reads a rule's file. Its texts live as long as the process.
fn parse(text: &str) -> Result<Rule, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let keep = |text: String| -> &'static str { text.trim().to_owned().leak() };
    let severity = Severity::of(&file.severity).ok_or_else(|| format!("severity {}", file.severity))?;
    Ok(Rule {
        id: keep(file.id),
        name: keep(file.name),
        family: keep(file.family),
        severity,
        title: keep(file.title),
        sees: keep(file.sees),
        why: keep(file.why),
        alluvium: keep(file.engines.alluvium),
        flink: keep(file.engines.flink),
        releases: file.engines.releases.map(keep),
        mend: keep(file.mend),
        fixture: keep(file.fixture),
    })
}

/// A rule whose file is broken still denies; a test reads every file, so that none is.
fn broken(id: &'static str) -> Rule {
    Rule {
        id,
        name: id,
        family: "",
        severity: Severity::Deny,
        title: "",
        sees: "",
        why: "",
        alluvium: "",
        flink: "",
        releases: None,
        mend: "",
        fixture: "",
    }
}

macro_rules! rules {
    ($($id:ident)+) => {
        $(pub(crate) static $id: LazyLock<Rule> =
            LazyLock::new(|| parse(FILES.$id).unwrap_or_else(|_| broken(stringify!($id))));)+

        #[allow(non_snake_case, reason = "a field has the name of its rule")]
        struct Files { $($id: &'static str),+ }

        static FILES: Files =
            Files { $($id: include_str!(concat!("../rules/", stringify!($id), ".toml"))),+ };

        /// Every rule, by family.
        pub static RULES: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| vec![$(&*$id),+]);

        #[cfg(test)]
        static TEXTS: &[(&str, &str)] = &[$((stringify!($id), FILES.$id)),+];
    };
}

rules! {
    UID001
    OPR001 OPR002 OPR003 OPR004
    STA001 STA002 STA003 STA004
    KEY001 KEY002 KEY003
    NSP001
    SER001 SER002 SER003
    SCH001 SCH002 SCH003
    TTL001 TTL002
    PAR001 PAR002
    BCK001
    CHK001 CHK002
    VER001 VER002
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_rule_file_is_complete() {
        for (id, text) in TEXTS {
            let rule = parse(text).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(rule.id, *id);
            let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(!rule.name.is_empty() && rule.name.chars().all(named), "{id}: {}", rule.name);
            for part in [rule.title, rule.family, rule.sees, rule.why, rule.alluvium, rule.flink, rule.mend] {
                assert!(part.len() > 2, "{id}");
            }
            assert_eq!(rule.title.lines().count(), 1, "{id}");
            assert!(rule.page().starts_with(&format!("# {id} — ")), "{id}");
        }
    }

    #[test]
    fn every_rule_file_is_listed_and_has_its_pair() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(root.join("rules")).unwrap().map(|file| file.unwrap().path());
        let ids: BTreeSet<String> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(ids, RULES.iter().map(|rule| rule.id.to_owned()).collect());
        for rule in RULES.iter() {
            assert_eq!(rule.fixture, format!("fixtures/compat/{}", rule.id));
            for side in ["old.json", "new.json"] {
                assert!(
                    root.join("../..").join(rule.fixture).join(side).is_file(),
                    "{}/{side}",
                    rule.fixture
                );
            }
        }
    }

    #[test]
    fn ids_and_names_are_unique() {
        let names: BTreeSet<&str> = RULES.iter().flat_map(|rule| [rule.id, rule.name]).collect();
        assert_eq!(names.len(), 2 * RULES.len());
    }

    #[test]
    fn rules_are_found_by_id_and_name() {
        assert_eq!(rule("opr001").map(|r| r.id), Some("OPR001"));
        assert_eq!(rule("uid_missing").map(|r| r.id), Some("UID001"));
        assert_eq!(rule("OPR999"), None);
    }
}
