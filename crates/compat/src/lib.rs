//! Will the state of the old job find its way into the new one?
//!
//! [`check`] compares two [`Contract`]s, each made from a job description, a lock file or the
//! description of a snapshot, and answers with a [`Report`]: findings by rule, a verdict per state
//! and one for the whole. It reads no rows and does no I/O. The rules on types are those of
//! [`alluvium_model::evolution`], which the restore path uses too.
//!
//! ```
//! use alluvium_compat::{Contract, Overall, check};
//! use alluvium_model::JobDescription;
//!
//! let job = JobDescription { name: "flights".into(), ..JobDescription::default() };
//! let report = check(&Contract::from(&job), &Contract::from(&job));
//! assert_eq!(report.overall, Overall::RestoresAsIs);
//! assert!(report.findings.is_empty());
//! ```
//!
//! [`RULES`] lists every rule with its page, for `rules` and `explain`.
#![deny(missing_docs)]

mod check;
mod contract;
mod date;
mod finding;
mod flink;
mod gate;
mod pairing;
mod partial;
mod policy;
pub mod report;
mod rules;
mod states;
mod suggestion;

pub use check::check;
pub use contract::{Contract, Engine, OperatorContract, StateContract};
pub use date::{day_of, parse_day};
pub use finding::{Finding, Severity};
pub use gate::{Answer, Failure, Gate, Graded, Waived};
pub use policy::{Baseline, Origin, Policy, PolicyError, Profile, Setting, Waiver, Weight};
pub use report::{Overall, Report, StateVerdict, Verdict};
pub use rules::{RULES, Rule, rule};
pub use suggestion::{Impact, Suggestion};
