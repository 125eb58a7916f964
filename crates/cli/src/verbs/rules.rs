use alluvium::failure::Exit;
use alluvium_compat::RULES;
use anyhow::Result;
use serde_json::json;

use crate::output::Out;

/// List the rules of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, out: &mut Out) -> Result<Exit> {
    let mut records = out.records(&["id", "family", "severity", "name", "title"]);
    for rule in RULES.iter() {
        let row = json!({
            "id": rule.id,
            "family": rule.family,
            "severity": rule.severity.name(),
            "name": rule.name,
            "title": rule.title,
        });
        records.push(row.as_object().cloned().unwrap_or_default())?;
    }
    records.end()?;
    Ok(Exit::Clean)
}
