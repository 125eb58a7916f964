use std::io;

use alluvium_store::Error;

/// Turns an error of the client into one of stores.
pub(crate) fn fault(operation: &'static str, path: &str, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let kind = match &error {
        E::NotFound { .. } => return Error::Missing { path: path.into() },
        E::AlreadyExists { .. } | E::Precondition { .. } => return Error::Exists { path: path.into() },
        E::InvalidPath { .. } => return bad_place(path, error),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        E::NotSupported { .. } | E::NotImplemented { .. } => io::ErrorKind::Unsupported,
        E::UnknownConfigurationKey { .. } => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    Error::Io { operation, path: path.into(), source: io::Error::new(kind, chain(&error)) }
}

/// Returns the error of a place that is none.
pub(crate) fn bad_place(place: &str, found: impl ToString) -> Error {
    let source = io::Error::new(io::ErrorKind::Unsupported, found.to_string());
    Error::Io { operation: "open", path: place.into(), source }
}

/// Joins an error with its causes: the client's own message often leaves the reason to them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
