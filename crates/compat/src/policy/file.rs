//! The configuration file `alluvium.check.toml`.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Origin, Policy, PolicyError, Setting, Waiver, find_rule, unknown, weight};
use crate::parse_day;

pub(super) fn read(policy: &mut Policy, text: &str, file: &str) -> Result<(), PolicyError> {
    let place = Place { text, file };
    let root = DeTable::parse(text).map_err(|error| PolicyError {
        origin: place.at(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
        next: None,
    })?;
    for (key, value) in root.get_ref() {
        let origin = place.at(key.span().start);
        match key.get_ref().as_ref() {
            "profile" => policy.set_profile(string(value, &origin)?, origin)?,
            "fail-on" => policy.set_fail_on(string(value, &origin)?, origin)?,
            "baseline" => {
                policy.baseline = Some(Setting { value: string(value, &origin)?.to_owned(), origin });
            }
            "rules" => rules(policy, table(value, &origin)?, place)?,
            "operators" => operators(policy, table(value, &origin)?, place)?,
            "waiver" => {
                for entry in array(value, &origin)? {
                    let origin = place.at(entry.span().start);
                    let value = waiver(table(entry, &origin)?, &origin, place)?;
                    policy.waivers.push(Setting { value, origin });
                }
            }
            other => return Err(unknown("key", other, KEYS.into_iter(), &origin)),
        }
    }
    Ok(())
}

fn rules(policy: &mut Policy, table: &DeTable<'_>, place: Place<'_>) -> Result<(), PolicyError> {
    for (name, value) in table {
        let origin = place.at(name.span().start);
        policy.set_rule(name.get_ref(), string(value, &origin)?, origin)?;
    }
    Ok(())
}

fn operators(policy: &mut Policy, all: &DeTable<'_>, place: Place<'_>) -> Result<(), PolicyError> {
    for (uid, rules) in all {
        for (name, value) in table(rules, &place.at(uid.span().start))? {
            let origin = place.at(name.span().start);
            let rule = find_rule(name.get_ref(), &origin)?;
            let value = weight(string(value, &origin)?, &origin)?;
            policy.operators.push((uid.get_ref().to_string(), rule, Setting { value, origin }));
        }
    }
    Ok(())
}

fn waiver(table: &DeTable<'_>, origin: &Origin, place: Place<'_>) -> Result<Waiver, PolicyError> {
    let (mut rule, mut uid, mut state, mut reason, mut until) = (None, None, None, None, None);
    for (key, value) in table {
        let origin = place.at(key.span().start);
        let slot = match key.get_ref().as_ref() {
            "rule" => &mut rule,
            "uid" => &mut uid,
            "state" => &mut state,
            "reason" => &mut reason,
            "until" => &mut until,
            other => return Err(unknown("key of a waiver", other, WAIVER_KEYS.into_iter(), &origin)),
        };
        let text = match value.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            _ => string(value, &origin)?.to_owned(),
        };
        *slot = Some((text, origin));
    }
    let required = |slot: Option<(String, Origin)>, key: &str, next: &str| {
        let given = slot.filter(|(text, _)| !text.trim().is_empty());
        given.ok_or_else(|| wrong(origin, format!("a waiver without {key}"), next))
    };
    let any = |slot: Option<(String, Origin)>| slot.map_or_else(|| "*".to_owned(), |(text, _)| text);
    let (rule, rule_at) = required(rule, "rule", "name the rule it waives, or \"*\"")?;
    let (reason, _) = required(reason, "reason", "write why the finding is accepted")?;
    let (until, until_at) = required(until, "until", "write the last day it holds: until = \"YYYY-MM-DD\"")?;
    let no_day = || wrong(&until_at, format!("{until:?} is no day"), "write YYYY-MM-DD");
    let rule = if rule == "*" { rule } else { find_rule(&rule, &rule_at)?.id.to_owned() };
    Ok(Waiver {
        rule,
        uid: any(uid),
        state: any(state),
        reason,
        until: parse_day(&until).ok_or_else(no_day)?,
    })
}

fn string<'a>(value: &'a Spanned<DeValue<'_>>, origin: &Origin) -> Result<&'a str, PolicyError> {
    let text = value.get_ref().as_str();
    text.ok_or_else(|| wrong(origin, "a string belongs here".to_owned(), "put it in quotes"))
}

fn table<'a, 'i>(value: &'a Spanned<DeValue<'i>>, origin: &Origin) -> Result<&'a DeTable<'i>, PolicyError> {
    let table = value.get_ref().as_table();
    table.ok_or_else(|| wrong(origin, "a table belongs here".to_owned(), "write it as [name]"))
}

fn array<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    origin: &Origin,
) -> Result<&'a [Spanned<DeValue<'i>>], PolicyError> {
    match value.get_ref() {
        DeValue::Array(array) => Ok(array),
        _ => Err(wrong(origin, "waivers are a list".to_owned(), "write [[waiver]]")),
    }
}

fn wrong(origin: &Origin, message: String, next: &str) -> PolicyError {
    PolicyError { origin: origin.clone(), message, next: Some(next.to_owned()) }
}

/// A file, for the lines of messages.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    file: &'a str,
}

impl Place<'_> {
    fn at(self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File { file: self.file.to_owned(), line: before.filter(|byte| **byte == b'\n').count() + 1 }
    }
}

const KEYS: [&str; 6] = ["profile", "fail-on", "baseline", "rules", "operators", "waiver"];
const WAIVER_KEYS: [&str; 5] = ["rule", "uid", "state", "reason", "until"];
