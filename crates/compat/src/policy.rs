//! What a team accepts: profile, severities, waivers and the baseline, each with where it was set.

mod baseline;
mod file;
mod waiver;

use std::fmt;

pub use baseline::Baseline;
use chrono::NaiveDate;
pub use waiver::Waiver;

use crate::gate::{Graded, Waived};
use crate::{Finding, Report, Rule, Severity, rule};

/// What an effective value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File {
        /// Its path.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { file, line } => write!(f, "{file}:{line}"),
            Origin::Env(name) => write!(f, "${name}"),
            Origin::Flag(name) => f.write_str(name),
        }
    }
}

/// A value and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub origin: Origin,
}

impl<T> Setting<T> {
    fn default_of(value: T) -> Self {
        Setting { value, origin: Origin::Default }
    }
}

/// What is wrong in a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub struct PolicyError {
    /// Where.
    pub origin: Origin,
    /// What.
    pub message: String,
    /// What to do.
    pub next: Option<String>,
}

/// What kind of change is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Nothing changes unnoticed: what warns denies, what informs warns.
    Strict,
    /// A new version of the job: every rule weighs what its page says.
    #[default]
    Rolling,
    /// The same job with other numbers of subtasks: any other change denies.
    Rescale,
    /// The same job on another state backend: any other change denies.
    BackendSwitch,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 4] =
        [Profile::Strict, Profile::Rolling, Profile::Rescale, Profile::BackendSwitch];

    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Strict => "strict",
            Profile::Rolling => "rolling",
            Profile::Rescale => "rescale",
            Profile::BackendSwitch => "backend-switch",
        }
    }

    /// Returns how much a finding weighs that weighs `severity` by itself.
    fn weigh(self, rule: &Rule, severity: Severity) -> Severity {
        let free: &[&str] = match self {
            Profile::Rolling => return severity,
            Profile::Strict if severity == Severity::Info => return Severity::Warn,
            Profile::Strict => return Severity::Deny,
            Profile::Rescale => &["parallelism", "uid", "version"],
            Profile::BackendSwitch => &["backend", "layout", "checkpoint", "uid", "version"],
        };
        if free.contains(&rule.family) { severity } else { Severity::Deny }
    }
}

/// How much a rule weighs: a severity, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Its findings are counted, not shown.
    Allow,
    /// Its findings have this severity.
    At(Severity),
}

impl Weight {
    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            Weight::Allow => "allow",
            Weight::At(severity) => severity.name(),
        }
    }
}

/// What a team accepts.
///
/// A flag wins over an environment variable, that over the file, that over the defaults; among values
/// of one file, that of an operator wins over that of a rule, and that over the profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What kind of change is checked.
    pub profile: Setting<Profile>,
    /// The gate fails on findings that weigh at least so much.
    pub fail_on: Setting<Severity>,
    /// The file of accepted findings.
    pub baseline: Option<Setting<String>>,
    /// Weights by rule; later ones win.
    pub rules: Vec<(&'static Rule, Setting<Weight>)>,
    /// Weights by operator (uid or id) and rule; later ones win.
    pub operators: Vec<(String, &'static Rule, Setting<Weight>)>,
    /// Findings that are waived for a time.
    pub waivers: Vec<Setting<Waiver>>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            profile: Setting::default_of(Profile::default()),
            fail_on: Setting::default_of(Severity::Warn),
            baseline: None,
            rules: Vec::new(),
            operators: Vec::new(),
            waivers: Vec::new(),
        }
    }
}

impl Policy {
    /// Takes in a configuration file. `file` is how messages call it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line: no TOML, an unknown key, a value that does not fit.
    pub fn read_file(&mut self, text: &str, file: &str) -> Result<(), PolicyError> {
        file::read(self, text, file)
    }

    /// Sets the profile by its word.
    ///
    /// # Errors
    /// When there is no such profile.
    pub fn set_profile(&mut self, word: &str, origin: Origin) -> Result<(), PolicyError> {
        let value = one_of(word, "profile", Profile::ALL, Profile::name, &origin)?;
        self.profile = Setting { value, origin };
        Ok(())
    }

    /// Sets what the gate fails on by its word.
    ///
    /// # Errors
    /// When there is no such severity.
    pub fn set_fail_on(&mut self, word: &str, origin: Origin) -> Result<(), PolicyError> {
        let all = [Severity::Info, Severity::Warn, Severity::Deny];
        let value = one_of(word, "severity", all, Severity::name, &origin)?;
        self.fail_on = Setting { value, origin };
        Ok(())
    }

    /// Sets how much a rule weighs, by id or name and word.
    ///
    /// # Errors
    /// When there is no such rule or weight.
    pub fn set_rule(&mut self, name: &str, word: &str, origin: Origin) -> Result<(), PolicyError> {
        let (rule, value) = (find_rule(name, &origin)?, weight(word, &origin)?);
        self.rules.push((rule, Setting { value, origin }));
        Ok(())
    }

    /// Returns how much a finding weighs.
    pub fn weigh(&self, finding: &Finding) -> Weight {
        let rules = || self.rules.iter().rev().filter(|(rule, _)| rule.id == finding.rule.id);
        let by_flag =
            rules().find(|(_, set)| matches!(set.origin, Origin::Flag(_))).map(|(_, set)| set.value);
        let key = finding.operator_key();
        let by_operator = || {
            let mut all = self.operators.iter().rev();
            all.find(|(uid, rule, _)| uid == key && rule.id == finding.rule.id).map(|(_, _, set)| set.value)
        };
        let by_rule = || rules().next().map(|(_, set)| set.value);
        let by_profile = || Weight::At(self.profile.value.weigh(finding.rule, finding.severity));
        by_flag.or_else(by_operator).or_else(by_rule).unwrap_or_else(by_profile)
    }

    /// Weighs what a check has found on a day: gravest first.
    pub fn grade(&self, report: Report, baseline: &Baseline, today: NaiveDate) -> Graded {
        let mut graded = Graded::new(report.overall, report.states, self.fail_on.value);
        for mut finding in report.findings {
            match self.weigh(&finding) {
                Weight::Allow => graded.allowed += 1,
                Weight::At(severity) => {
                    finding.severity = severity;
                    match self.waived(&finding, baseline, today) {
                        Some((reason, until)) => graded.waived.push(Waived { finding, reason, until }),
                        None => graded.findings.push(finding),
                    }
                }
            }
        }
        graded.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let waivers = self.waivers.iter().map(|set| &set.value);
        graded.expired = waivers.filter(|waiver| waiver.until < today).cloned().collect();
        graded
    }

    fn waived(
        &self,
        finding: &Finding,
        baseline: &Baseline,
        today: NaiveDate,
    ) -> Option<(String, Option<NaiveDate>)> {
        let mut waivers = self.waivers.iter().map(|set| &set.value);
        let waiver = waivers.find(|waiver| waiver.until >= today && waiver.covers(finding));
        let by_waiver = waiver.map(|waiver| (waiver.reason.clone(), Some(waiver.until)));
        let in_baseline = || baseline.contains(finding).then(|| ("in the baseline".to_owned(), None));
        by_waiver.or_else(in_baseline)
    }

    /// Returns every effective value: name, value, origin.
    pub fn effective(&self) -> Vec<(String, String, Origin)> {
        let mut all = vec![
            ("profile".to_owned(), self.profile.value.name().to_owned(), self.profile.origin.clone()),
            ("fail-on".to_owned(), self.fail_on.value.name().to_owned(), self.fail_on.origin.clone()),
        ];
        let baseline = self.baseline.as_ref();
        all.push(match baseline {
            Some(set) => ("baseline".to_owned(), set.value.clone(), set.origin.clone()),
            None => ("baseline".to_owned(), "none".to_owned(), Origin::Default),
        });
        for rule in crate::RULES.iter() {
            let flag = |set: &&Setting<Weight>| matches!(set.origin, Origin::Flag(_));
            let set = || self.rules.iter().rev().filter(|(other, _)| other.id == rule.id).map(|(_, set)| set);
            let set = set().find(flag).or_else(|| set().next());
            let by_profile = || Weight::At(self.profile.value.weigh(rule, rule.severity));
            let value = set.map_or_else(by_profile, |set| set.value);
            let origin = set.map_or_else(|| self.profile.origin.clone(), |set| set.origin.clone());
            all.push((format!("rules.{}", rule.name), value.name().to_owned(), origin));
        }
        for (uid, rule, set) in &self.operators {
            let name = format!("operators.{uid:?}.{}", rule.name);
            all.push((name, set.value.name().to_owned(), set.origin.clone()));
        }
        for set in &self.waivers {
            all.push(("waiver".to_owned(), set.value.to_string(), set.origin.clone()));
        }
        all
    }
}

fn find_rule(name: &str, origin: &Origin) -> Result<&'static Rule, PolicyError> {
    let names = || crate::RULES.iter().flat_map(|rule| [rule.id, rule.name]);
    rule(name).ok_or_else(|| unknown("rule", name, names(), origin))
}

fn weight(word: &str, origin: &Origin) -> Result<Weight, PolicyError> {
    let all =
        [Weight::Allow, Weight::At(Severity::Info), Weight::At(Severity::Warn), Weight::At(Severity::Deny)];
    one_of(word, "severity", all, Weight::name, origin)
}

fn one_of<T: Copy, const N: usize>(
    word: &str,
    what: &str,
    all: [T; N],
    name: impl Fn(T) -> &'static str + Copy,
    origin: &Origin,
) -> Result<T, PolicyError> {
    let found = all.into_iter().find(|one| name(*one) == word);
    found.ok_or_else(|| unknown(what, word, all.into_iter().map(name), origin))
}

/// Says that there is no such word, and which is the nearest.
fn unknown(
    what: &str,
    word: &str,
    known: impl Iterator<Item = &'static str>,
    origin: &Origin,
) -> PolicyError {
    let near = |name: &&str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    let nearest = known.max_by(|a, b| near(a).total_cmp(&near(b)));
    PolicyError {
        origin: origin.clone(),
        message: format!("there is no {what} {word:?}"),
        next: nearest.map(|nearest| format!("did you mean {nearest:?}?")),
    }
}

#[cfg(test)]
mod tests;
