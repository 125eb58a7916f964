use alluvium::failure::{Exit, Told};
use alluvium_compat::{RULES, rule};
use alluvium_model::ErrorKind;
use anyhow::Result;
use serde_json::json;

use crate::output::{Format, Out};

/// Explain a rule of `check` or the code of an error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A rule, by id or name (`alluvium rules` lists them), or the code of an error, for example corrupt.
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let wanted = args.id.trim_matches(['[', ']']);
    let (id, title, page) = find(wanted).ok_or_else(|| unknown(wanted))?;
    match out.format_or(Format::Table) {
        Format::Table | Format::Csv => {
            out.line(page.trim())?;
        }
        Format::Json | Format::Jsonl => out.json(&json!({"id": id, "title": title, "page": page.trim()}))?,
    }
    Ok(Exit::Clean)
}

fn find(wanted: &str) -> Option<(&'static str, &'static str, String)> {
    let by_name = || RULES.iter().copied().find(|rule| rule.name.eq_ignore_ascii_case(wanted));
    if let Some(rule) = rule(&wanted.to_ascii_uppercase()).or_else(by_name) {
        return Some((rule.id, rule.title, rule.page()));
    }
    let code = CODES.iter().find(|(code, ..)| code.eq_ignore_ascii_case(wanted));
    code.map(|(code, title, page)| (*code, *title, format!("{code}: {title}\n\n{page}")))
}

fn unknown(wanted: &str) -> Told {
    let names = RULES.iter().map(|rule| rule.id).chain(CODES.iter().map(|(code, ..)| *code));
    let lower = wanted.to_lowercase();
    let near = |name: &&str| strsim::jaro_winkler(&lower, &name.to_lowercase());
    let nearest = names.max_by(|a, b| near(a).total_cmp(&near(b))).unwrap_or_default();
    let told = Told::new(ErrorKind::Input, format!("there is no rule and no error code {wanted:?}"));
    told.next(format!("did you mean {nearest}? `alluvium rules` lists all"))
}

/// The codes of errors: name, title and page.
const CODES: [(&str, &str, &str); 7] = [
    (
        "input",
        "the arguments do not fit",
        "\
An argument is malformed, or names something that the snapshot does not have: an operator, a
state, a key of another type. The message lists the nearest names. `alluvium inspect SNAP` shows
what there is. Exit code 2.",
    ),
    (
        "missing",
        "the input is not there",
        "\
A file, directory, snapshot, program or running job that was named does not exist or cannot be
read. `alluvium ls DIR` lists the snapshots below a directory, `alluvium list` the running jobs.
When an object of a snapshot is missing, it was deleted behind the snapshot's back; `alluvium
verify SNAP` names every one. Exit code 3.",
    ),
    (
        "corrupt",
        "bytes break a rule of their format",
        "\
The message names the object, the place in it and the rule that is broken; format-spec/ explains
the rule. Digests are checked below every reader, so a flipped bit is found before it can become
a wrong row. Copy the snapshot again from where it came, or go back to an older one; `alluvium
verify SNAP` lists everything that is damaged. Exit code 3.",
    ),
    (
        "unsupported",
        "valid, but not something this release can do",
        "\
The input is of a newer version, needs a feature by a name that this release does not know, or
asks for something that is not built yet. Nothing is guessed. Use a newer release, or write the
snapshot again without the feature. Exit code 4.",
    ),
    (
        "conflict",
        "a race was lost, or a newer attempt has taken over",
        "\
Another process of the same job has claimed its root since; this one commits nothing any more.
`alluvium list` shows which jobs run. Exit code 5.",
    ),
    (
        "retry",
        "a passing fault",
        "\
A store, a checkpoint or a connection failed in a way that may not happen again. Try the same
command once more. Exit code 5.",
    ),
    (
        "internal",
        "a failed job, or a mistake of ours",
        "\
The job failed for good, and the message is its reason; or something happened that should not,
and we would like to hear of it together with the command and the message. Exit code 5.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_has_a_page() {
        use ErrorKind::*;
        for kind in [Retry, Input, Missing, Unsupported, Corrupt, Conflict, Internal] {
            assert!(
                find(alluvium::failure::code(kind)).is_some_and(|(_, _, page)| page.contains("Exit code"))
            );
        }
    }

    #[test]
    fn rules_are_found_by_id_and_by_name() {
        for rule in RULES.iter() {
            assert_eq!(find(rule.id).unwrap().0, rule.id);
            assert_eq!(find(rule.name).unwrap().0, rule.id);
        }
        assert!(find("nothing").is_none());
    }
}
