use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{OperatorId, OperatorUid, SnapshotDescription};

use crate::Error;
use crate::error::Result;

/// A state that was found in a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its operator.
    pub operator: &'a OperatorState,
    /// The state.
    pub table: &'a StateTable,
}

impl Target<'_> {
    /// Returns OP/STATE of this state, as [`find`] takes it.
    pub fn path(&self) -> String {
        format!("{}/{}", operator_text(self.operator), self.table.schema.name)
    }
}

/// Finds the state that `OP/STATE` names: OP is a uid or 32 hex digits with `/` and `%` written
/// `%2F` and `%25`; the first slash separates; STATE is taken as it is.
///
/// # Errors
/// [`Error::NoPath`], [`Error::NoOperator`] and [`Error::NoState`], with the nearest names.
pub fn find<'a>(snapshot: &'a SnapshotDescription, path: &str) -> Result<Target<'a>> {
    let (operator, state) = path.split_once('/').ok_or_else(|| Error::NoPath { found: path.to_owned() })?;
    let operator = find_operator(snapshot, operator)?;
    let table = operator.states.iter().find(|table| table.schema.name == state);
    let table = table.ok_or_else(|| Error::NoState {
        operator: operator_text(operator),
        wanted: state.to_owned(),
        nearest: nearest(state, operator.states.iter().map(|table| table.schema.name.clone())),
    })?;
    Ok(Target { operator, table })
}

/// Finds an operator by its uid or its 32 hex digits, `/` and `%` written `%2F` and `%25`.
///
/// A uid finds its operator also where the snapshot holds only the id.
///
/// # Errors
/// [`Error::NoOperator`] with the nearest names.
pub fn find_operator<'a>(snapshot: &'a SnapshotDescription, text: &str) -> Result<&'a OperatorState> {
    let uid = decoded(text);
    let by_uid = || snapshot.operators.iter().find(|o| o.uid.as_ref().is_some_and(|u| u.as_str() == uid));
    let by_id = |id: OperatorId| snapshot.operators.iter().find(|o| o.id == id);
    let found = by_uid()
        .or_else(|| by_id(uid.parse::<OperatorId>().ok()?))
        .or_else(|| by_id(OperatorUid::new(uid.clone()).id()));
    found.ok_or_else(|| Error::NoOperator {
        wanted: uid.clone(),
        nearest: nearest(&uid, snapshot.operators.iter().map(operator_text)),
    })
}

/// Returns OP of an operator: its uid with `%` and `/` escaped, or its id.
pub fn operator_text(operator: &OperatorState) -> String {
    match &operator.uid {
        Some(uid) => uid.as_str().replace('%', "%25").replace('/', "%2F"),
        None => operator.id.to_string(),
    }
}

fn decoded(text: &str) -> String {
    text.replace("%2F", "/").replace("%2f", "/").replace("%25", "%")
}

/// Returns the names that are similar to the wanted one, best first; all when they are few.
fn nearest(wanted: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, String)> =
        names.map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let few = scored.len() <= NEAREST_MAX;
    scored.retain(|(score, _)| few || *score > 0.6);
    scored.into_iter().take(NEAREST_MAX).map(|(_, name)| name).collect()
}

const NEAREST_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn state_is_found_by_uid_or_id() {
        let source = fake::snapshot();
        let description = alluvium_model::SnapshotSource::describe(&source);
        let by_uid = find(description, "air%2Fcraft/visits").unwrap();
        assert_eq!(by_uid.table.schema.name, "visits");
        assert_eq!(by_uid.path(), "air%2Fcraft/visits");
        let by_id = find(description, &format!("{}/visits", by_uid.operator.id)).unwrap();
        assert_eq!(by_id.operator.id, by_uid.operator.id);
    }

    #[test]
    fn unknown_names_come_with_the_nearest() {
        let source = fake::snapshot();
        let description = alluvium_model::SnapshotSource::describe(&source);
        match find(description, "air%2Fcraft/visit") {
            Err(Error::NoState { nearest, .. }) => assert_eq!(nearest[0], "visits"),
            other => panic!("{other:?}"),
        }
        match find(description, "aircraft/visits") {
            Err(Error::NoOperator { nearest, .. }) => assert_eq!(nearest[0], "air%2Fcraft"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(find(description, "aircraft"), Err(Error::NoPath { .. })));
    }

    #[test]
    fn escapes_decode_once() {
        assert_eq!(decoded("a%2Fb%25c"), "a/b%c");
        assert_eq!(decoded("a%252Fb"), "a%2Fb");
    }
}
