//! The answer of a check, and the forms in which it is written.

pub mod code_quality;
pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod text;

#[cfg(test)]
mod tests;

use alluvium_model::evolution::Outcome;

use crate::{Finding, Severity};

/// What becomes of one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The old side does not have it: it starts empty.
    New,
    /// Stored rows are read as they are.
    AsIs,
    /// A side does not tell enough of it.
    NotChecked,
    /// Stored rows are read as they are, under other names or symbols.
    Reconfigured,
    /// Stored rows are changed while they are read.
    AfterMigration,
    /// The new side does not reach it: the restore succeeds and says nothing.
    SilentlyLost,
    /// The new side does not have it: its rows are left behind, if the restore allows that.
    Lost,
    /// Stored rows cannot be read.
    Incompatible,
}

impl Verdict {
    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::New => "new",
            Verdict::AsIs => Outcome::AsIs.name(),
            Verdict::NotChecked => "not-checked",
            Verdict::Reconfigured => Outcome::Reconfigured.name(),
            Verdict::AfterMigration => Outcome::AfterMigration.name(),
            Verdict::SilentlyLost => "silently-lost",
            Verdict::Lost => "lost",
            Verdict::Incompatible => Outcome::Incompatible.name(),
        }
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::AsIs => Verdict::AsIs,
            Outcome::Reconfigured => Verdict::Reconfigured,
            Outcome::AfterMigration => Verdict::AfterMigration,
            Outcome::Incompatible => Verdict::Incompatible,
        }
    }
}

/// The verdict on a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateVerdict {
    /// The operator, as people call it.
    pub operator: String,
    /// The state.
    pub state: String,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Overall {
    /// Every state is restored as it is.
    RestoresAsIs,
    /// Every state is restored, some after migration.
    RestoresAfterMigration,
    /// Restores without a word, and loses or changes state.
    RestoresSilently,
    /// Restores only where non-restored state is allowed (`-n`), and loses it.
    RestoresWithLoss,
    /// Does not restore.
    DoesNotRestore,
}

impl Overall {
    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            Overall::RestoresAsIs => "restores-as-is",
            Overall::RestoresAfterMigration => "restores-after-migration",
            Overall::RestoresSilently => "restores-but-silently-loses",
            Overall::RestoresWithLoss => "restores-with-loss",
            Overall::DoesNotRestore => "does-not-restore",
        }
    }

    /// Returns the sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Overall::RestoresAsIs => "restores as it is",
            Overall::RestoresAfterMigration => "restores with migration",
            Overall::RestoresSilently => "restores, but silently loses or changes state",
            Overall::RestoresWithLoss => {
                "restores only with --allow-non-restored-state (-n), and loses state"
            }
            Overall::DoesNotRestore => "does not restore",
        }
    }
}

/// The answer of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was found: gravest first, then in the order of the old side.
    pub findings: Vec<Finding>,
    /// What becomes of every state of either side.
    pub states: Vec<StateVerdict>,
    /// What becomes of the whole.
    pub overall: Overall,
}

impl Report {
    /// Returns the number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Returns whether the gate fails: whether a finding weighs at least so much.
    pub fn fails_on(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity >= severity)
    }
}
