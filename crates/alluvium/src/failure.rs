//! Exit codes, and how an error is told to a person.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use alluvium_model::ErrorKind;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Clean = 0,
    /// The command finished and reports findings or differences.
    Findings = 1,
    /// The arguments do not fit, or name something that the input lacks.
    Usage = 2,
    /// The input is missing, unreadable or corrupt.
    Input = 3,
    /// The input is valid but not supported.
    Unsupported = 4,
    /// An internal error, or a failed job.
    Failed = 5,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// Returns the exit code of a command that could not finish for this kind of error.
    pub fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Input => Exit::Usage,
            ErrorKind::Missing | ErrorKind::Corrupt => Exit::Input,
            ErrorKind::Unsupported => Exit::Unsupported,
            _ => Exit::Failed,
        }
    }
}

/// Returns the name of a kind of error, which is printed with it and explained by `explain`.
pub fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Retry => "retry",
        ErrorKind::Input => "input",
        ErrorKind::Missing => "missing",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Conflict => "conflict",
        _ => "internal",
    }
}

/// An error found at the edge itself, with its kind and what to do next.
#[derive(Debug)]
pub struct Told {
    kind: Option<ErrorKind>,
    message: String,
    next: Option<String>,
}

impl Told {
    /// Says what is wrong.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Told { kind: Some(kind), message: message.into(), next: None }
    }

    /// Says what was being done when another error came; the kind is that error's.
    pub fn doing(message: impl Into<String>) -> Self {
        Told { kind: None, message: message.into(), next: None }
    }

    /// Says what to do next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Told {}

/// Finds the kind of an error by asking each cause from the outside in.
///
/// `known` knows the errors of the rooms of the caller.
pub fn kind_of(
    error: &anyhow::Error,
    known: impl Fn(&(dyn StdError + 'static)) -> Option<ErrorKind>,
) -> ErrorKind {
    if let Some(kind) = error.downcast_ref::<Told>().and_then(|told| told.kind) {
        return kind;
    }
    let of = |cause: &(dyn StdError + 'static)| match cause.downcast_ref::<Told>() {
        Some(told) => told.kind,
        None => known(cause).or_else(|| model_kind(cause)),
    };
    error.chain().find_map(of).unwrap_or(ErrorKind::Internal)
}

fn model_kind(cause: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if let Some(error) = cause.downcast_ref::<alluvium_model::Error>() {
        return Some(error.kind());
    }
    if let Some(error) = cause.downcast_ref::<alluvium_model::source::SourceError>() {
        return Some(error.kind);
    }
    cause.downcast_ref::<std::io::Error>().map(io_kind)
}

fn io_kind(error: &std::io::Error) -> ErrorKind {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => ErrorKind::Missing,
        _ => ErrorKind::Internal,
    }
}

/// Writes an error as people read it: what, its causes without repetition, what next.
///
/// ```text
/// error[missing]: cannot open snapshot data/nowhere
///   because: no such directory
///   next: alluvium ls data
/// ```
pub fn render(error: &anyhow::Error, kind: ErrorKind) -> String {
    let mut text = format!("error[{}]: {error}\n", code(kind));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            text.push_str(&format!("  because: {}\n", cause.replace('\n', "\n           ")));
            last = cause;
        }
    }
    if let Some(next) = error.downcast_ref::<Told>().and_then(|told| told.next.as_ref()) {
        text.push_str(&format!("  next: {next}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn context_keeps_the_kind_of_its_cause() {
        let inner = Err::<(), _>(Told::new(ErrorKind::Corrupt, "bad preamble"));
        let error = inner.context(Told::doing("cannot open x").next("alluvium verify x")).unwrap_err();
        assert_eq!(kind_of(&error, |_| None), ErrorKind::Corrupt);
        let told = render(&error, ErrorKind::Corrupt);
        assert_eq!(
            told,
            "error[corrupt]: cannot open x\n  because: bad preamble\n  next: alluvium verify x\n"
        );
    }

    #[test]
    fn kinds_have_the_exit_codes_of_the_contract() {
        use ErrorKind::*;
        let codes =
            [Input, Missing, Corrupt, Unsupported, Internal, Conflict].map(|kind| Exit::of(kind) as u8);
        assert_eq!(codes, [2, 3, 3, 4, 5, 5]);
    }

    #[test]
    fn a_missing_file_is_missing_input() {
        let error =
            anyhow::Error::new(std::io::Error::from(std::io::ErrorKind::NotFound)).context("reading x");
        assert_eq!(kind_of(&error, |_| None), ErrorKind::Missing);
    }
}
