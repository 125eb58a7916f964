//! Where the policy comes from: flags over the environment over the file over the defaults.

use std::path::{Path, PathBuf};

use alluvium::failure::Told;
use alluvium_compat::{Baseline, Origin, Policy, PolicyError, Setting};
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};

use super::Args;

/// The name of the file.
const FILE: &str = "alluvium.check.toml";

/// Reads the policy.
pub(super) fn policy(args: &Args) -> Result<Policy> {
    let mut policy = Policy::default();
    if let Some(file) = file(args)? {
        read(&mut policy, &file)?;
    }
    let env = |name: &'static str| std::env::var(name).ok().filter(|text| !text.is_empty());
    for (name, flag, given) in [
        ("ALLUVIUM_CHECK_PROFILE", "--profile", &args.profile),
        ("ALLUVIUM_CHECK_FAIL_ON", "--fail-on", &args.fail_on),
        ("ALLUVIUM_CHECK_BASELINE", "--baseline", &args.baseline),
    ] {
        if let Some(text) = env(name) {
            set(&mut policy, flag, &text, Origin::Env(name))?;
        }
        if let Some(text) = given {
            set(&mut policy, flag, text, Origin::Flag(flag))?;
        }
    }
    for text in &args.severity {
        let (rule, weight) = text.split_once('=').ok_or_else(|| {
            let told = Told::new(ErrorKind::Input, format!("--severity {text:?} names no severity"));
            told.next("write RULE=SEVERITY, for example STA002=warn")
        })?;
        policy.set_rule(rule, weight, Origin::Flag("--severity")).map_err(told)?;
    }
    Ok(policy)
}

fn set(policy: &mut Policy, flag: &str, text: &str, origin: Origin) -> Result<()> {
    match flag {
        "--profile" => policy.set_profile(text, origin).map_err(told)?,
        "--fail-on" => policy.set_fail_on(text, origin).map_err(told)?,
        _ => policy.baseline = Some(Setting { value: text.to_owned(), origin }),
    }
    Ok(())
}

/// Returns the file of the policy, if there is one.
fn file(args: &Args) -> Result<Option<PathBuf>> {
    if args.no_config {
        return Ok(None);
    }
    let named = args.config.clone().or_else(|| std::env::var("ALLUVIUM_CHECK_CONFIG").ok());
    if let Some(file) = named.filter(|file| !file.is_empty()) {
        return Ok(Some(file.into()));
    }
    let here = std::env::current_dir().context("cannot tell the working directory")?;
    for folder in here.ancestors() {
        let file = folder.join(FILE);
        if file.is_file() {
            return Ok(Some(file.strip_prefix(&here).map(Path::to_owned).unwrap_or(file)));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok(None)
}

fn read(policy: &mut Policy, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    policy.read_file(&text, &file.display().to_string()).map_err(told)?;
    if let (Some(set), Some(folder)) = (&mut policy.baseline, file.parent()) {
        set.value = folder.join(&set.value).display().to_string();
    }
    Ok(())
}

/// Reads the file of accepted findings.
pub(super) fn baseline(policy: &Policy) -> Result<Baseline> {
    let Some(set) = &policy.baseline else { return Ok(Baseline::default()) };
    let doing = || format!("cannot read the baseline {}, set by {}", set.value, set.origin);
    let text = std::fs::read_to_string(&set.value).with_context(doing)?;
    let no_baseline = || {
        Told::new(ErrorKind::Corrupt, format!("{} is no baseline of version 1", set.value))
            .next("write one with check --write-baseline FILE")
    };
    Ok(Baseline::parse(&text).ok_or_else(no_baseline)?)
}

fn told(error: PolicyError) -> Told {
    let told = Told::new(ErrorKind::Input, error.to_string());
    match error.next {
        Some(next) => told.next(next),
        None => told,
    }
}
