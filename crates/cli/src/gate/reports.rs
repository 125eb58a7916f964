//! Reports into files.

use std::io::Write;

use alluvium::failure::Told;
use alluvium_compat::{Gate, report};
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};

use crate::output::Out;

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Sarif,
    Junit,
    CodeQuality,
    Github,
    Markdown,
    Summary,
}

const FORMS: [(&str, Form); 8] = [
    ("text", Form::Text),
    ("json", Form::Json),
    ("sarif", Form::Sarif),
    ("junit", Form::Junit),
    ("code-quality", Form::CodeQuality),
    ("github", Form::Github),
    ("markdown", Form::Markdown),
    ("summary", Form::Summary),
];

/// A report that is wanted, and where.
#[derive(Debug)]
pub(super) struct Target {
    form: Form,
    file: String,
}

impl Target {
    /// Reads `FORMAT=FILE`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let (_, form) = FORMS.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
            let near = |(known, _): &(&str, Form)| strsim::jaro_winkler(name, known);
            let nearest = FORMS.into_iter().max_by(|a, b| near(a).total_cmp(&near(b)));
            let told = Told::new(ErrorKind::Input, format!("there is no report {name:?}"));
            told.next(format!("did you mean {}?", nearest.map_or("json", |(known, _)| known)))
        })?;
        let by_default = match form {
            Form::Github => Some("-".to_owned()),
            Form::Summary => std::env::var("GITHUB_STEP_SUMMARY").ok(),
            _ => None,
        };
        let given = file.filter(|file| !file.is_empty()).map(str::to_owned);
        let file = given.or(by_default).ok_or_else(|| {
            Told::new(ErrorKind::Input, format!("--report {name} names no file"))
                .next(format!("write {name}=FILE, or {name}=- for standard output"))
        })?;
        Ok(Target { form, file })
    }

    fn render(&self, gate: &Gate) -> Result<String> {
        Ok(match self.form {
            Form::Text => report::text::render(gate),
            Form::Json => serde_json::to_string_pretty(&report::json::render(gate))? + "\n",
            Form::Sarif => format!("{:#}\n", report::sarif::render(gate)),
            Form::Junit => {
                let text = report::junit::render(gate).context("cannot write the JUnit report")?;
                format!("{}\n", text.trim_end())
            }
            Form::CodeQuality => format!("{:#}\n", report::code_quality::render(gate)),
            Form::Github => report::github::render(gate),
            Form::Markdown => report::markdown::comment(gate),
            Form::Summary => report::markdown::summary(gate, report::markdown::SUMMARY_BYTES),
        })
    }
}

/// Writes every report. Returns whether one went to standard output.
pub(super) fn write(targets: &[Target], gate: &Gate, out: &mut Out) -> Result<bool> {
    let mut printed = false;
    for target in targets {
        let text = target.render(gate)?;
        let doing = || format!("cannot write the report {}", target.file);
        if target.file == "-" {
            printed = true;
            if !text.is_empty() {
                out.line(text.trim_end())?;
            }
        } else if target.form == Form::Summary {
            // Other steps of a job write there too.
            let file = std::fs::OpenOptions::new().append(true).create(true).open(&target.file);
            file.and_then(|mut file| file.write_all(text.as_bytes())).with_context(doing)?;
        } else {
            std::fs::write(&target.file, text).with_context(doing)?;
        }
    }
    Ok(printed)
}
