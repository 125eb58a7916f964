//! Which objects a manifest needs: what collection marks and what copying copies.

use std::collections::BTreeSet;

use crate::{Blocks, Manifest, ObjectRef};

/// An object by root and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reached {
    /// Index of its root in the manifest.
    pub root: u32,
    /// Path below the root.
    pub name: String,
}

/// Returns every object that a manifest names, lists of block digests and aborted runs among them.
///
/// Spec: COLLECT-1.
pub fn objects(manifest: &Manifest) -> BTreeSet<Reached> {
    let mut reached = BTreeSet::new();
    for object in references(manifest) {
        reached.insert(Reached { root: object.root, name: object.name.clone() });
        if let Blocks::Listed { object_name, root, .. } = &object.blocks {
            reached.insert(Reached { root: *root, name: object_name.clone() });
        }
    }
    reached
}

/// Returns every reference to an object in a manifest, shared ones as often as they are used.
pub fn references(manifest: &Manifest) -> impl Iterator<Item = &ObjectRef> {
    let runs = manifest.operators.iter().flat_map(|o| &o.tables).flat_map(|t| &t.runs);
    runs.filter_map(|run| run.object().map(|object| &**object))
        .chain(&manifest.aborted)
        .chain(&manifest.job_description)
        .chain(&manifest.schemas_object)
        .chain(&manifest.origin)
}

#[cfg(test)]
mod tests {
    use alluvium_model::spec;

    use super::*;
    use crate::check::tests::checkpoint;

    #[test]
    fn everything_named_is_reached() {
        spec!("COLLECT-1");
        let mut manifest = checkpoint();
        let mut description = ObjectRef::of_bytes("objects/description", b"{}");
        description.blocks =
            Blocks::Listed { object_name: "objects/lists".into(), root: 0, offset: 0, length: 8 };
        manifest.job_description = Some(description);
        manifest.origin = Some(ObjectRef::of_bytes("objects/origin", b"[]"));
        manifest.aborted.push(ObjectRef::of_bytes("objects/aborted", b"x"));
        let names: Vec<_> = objects(&manifest).into_iter().map(|o| o.name).collect();
        assert_eq!(
            names,
            [
                "objects/a",
                "objects/aborted",
                "objects/b",
                "objects/description",
                "objects/lists",
                "objects/origin"
            ]
        );
        assert!(!manifest.is_borrowing());
    }
}
