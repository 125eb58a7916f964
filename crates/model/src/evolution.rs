//! How a state's schema may change between the writer of a snapshot and its reader.
//!
//! One implementation serves the restore path, the reading of older runs and the checker.
//! [`resolve`] compares by name or declared alias, as a restore does; [`resolve_by_id`] compares
//! by field id, as the runs of one table do: a name that was removed and came back later has
//! another id, and older rows do not show under it.
//!
//! | change of a value | outcome |
//! |---|---|
//! | none, or another time to live | as is |
//! | field renamed by a declared alias, fields in another order, enum symbols appended | reconfigured |
//! | field added that may be null, field removed, integer or float widened, decimal digits added, null allowed | after migration |
//! | time to live switched on or off | after migration |
//! | required field added, null forbidden, any other type, symbols removed or moved | incompatible |
//! | any change of kind, key, namespace or map key | incompatible |
//!
//! Spec: EVOL-1 to EVOL-12.

mod difference;
mod ids;
mod project;
mod resolve;

use std::sync::Arc;

pub use difference::{Difference, What};
pub use ids::assign_field_ids;
pub use project::{Change, Projection};

use crate::StateSchema;

/// What becomes of a state under another schema: Flink's four outcomes, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Stored rows are rows of the new schema.
    AsIs,
    /// Stored rows hold; names or symbols are told to the reader.
    Reconfigured,
    /// Stored rows are changed while they are read.
    AfterMigration,
    /// Stored rows cannot be read.
    Incompatible,
}

impl Outcome {
    /// Returns the name printed by `check`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::AsIs => "as-is",
            Outcome::Reconfigured => "reconfigured",
            Outcome::AfterMigration => "after-migration",
            Outcome::Incompatible => "incompatible",
        }
    }
}

/// The comparison of an old schema with a new one.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// What becomes of the state: the worst of the differences.
    pub outcome: Outcome,
    /// Every difference, with its place.
    pub differences: Vec<Difference>,
    /// How old rows become new ones; none when incompatible.
    pub projection: Option<Projection>,
}

impl Resolution {
    /// Returns the differences that make the schemas incompatible.
    pub fn reasons(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|d| d.what.outcome() == Outcome::Incompatible)
    }
}

/// Compares schemas as a restore does: fields by name, else by an alias that either side declares.
///
/// Spec: EVOL-1.
pub fn resolve(old: &StateSchema, new: &StateSchema) -> Resolution {
    resolve::resolve(old, new, resolve::Matching::Names)
}

/// Compares schemas of one table as a reader of its older runs does: fields by id.
///
/// Spec: EVOL-2.
pub fn resolve_by_id(old: &StateSchema, new: &StateSchema) -> Resolution {
    resolve::resolve(old, new, resolve::Matching::Ids)
}

/// Returns whether two schemas give every field id the same name, or one that the other side
/// declares as its alias: what allows canonical digests to stand for rows.
///
/// Spec: ROWHASH-10.
pub fn same_field_names(a: &StateSchema, b: &StateSchema) -> bool {
    let pairs = [(&a.key, &b.key), (&a.namespace, &b.namespace), (&a.map_key, &b.map_key)];
    let value = |schema: &StateSchema| schema.value.as_ref().map(|v| v.ty.clone());
    pairs.into_iter().all(|(a, b)| resolve::same_names(a.as_ref(), b.as_ref()))
        && resolve::same_names(value(a).as_ref(), value(b).as_ref())
}

/// Returns how rows of one schema become rows of another, or why they cannot.
///
/// # Errors
/// The differences that make them incompatible.
pub fn projection(old: &StateSchema, new: &StateSchema) -> Result<Arc<Projection>, Vec<Difference>> {
    let resolution = resolve(old, new);
    match resolution.projection {
        Some(projection) => Ok(Arc::new(projection)),
        None => Err(resolution.differences),
    }
}

#[cfg(test)]
mod tests;
