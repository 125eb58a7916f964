use std::sync::Arc;

use alluvium_model::digest::{Digest, TableDigest};
use alluvium_model::{ElementType, Field, KeyGroup, KeyGroupFunction, OperatorUid, StructType, spec};
use bytes::Bytes;

use super::*;
use crate::{JobRef, Root, Unknown};

/// A run of the key groups 0 to 63 with one row.
pub(crate) fn run(object: &Arc<ObjectRef>, sequence: u32, base: bool) -> RunRef {
    RunRef {
        place: Place::Object { object: Arc::clone(object), offset: 0, length: object.size },
        rows: 1,
        deletes: 0,
        clears: 0,
        sequence: (sequence, sequence),
        clip: KeyGroupRange::new(0, 64),
        schema_id: 0,
        base,
        rows_digest: Digest { rows: 1, sum: 5 },
        subtask: None,
        unknown: Unknown::default(),
    }
}

/// A checkpoint of one operator with a keyed table of three runs and an operator list.
pub(crate) fn checkpoint() -> Manifest {
    let mut manifest = Manifest::new(Profile::Checkpoint, JobRef { id: "j1".into(), name: "flights".into() });
    (manifest.attempt, manifest.checkpoint_id, manifest.created_ms) = (1, 7, 1_700_000_000_000);
    manifest.as_of_ms = Some(-5);
    let fields =
        StructType { fields: vec![Field::new(1, "airport", ElementType::nullable(LogicalType::String))] };
    let mut keyed = StateSchema::new("last", StateKind::Value)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Struct(fields)));
    keyed.field_id_max = 1;
    let list = StateSchema::new("source-positions", StateKind::OperatorList)
        .with_value(ElementType::required(LogicalType::Int64));
    manifest.schemas = vec![Arc::new(keyed), Arc::new(list)];
    let (a, b) = (ObjectRef::of_bytes("objects/a", b"aaaa"), ObjectRef::of_bytes("objects/b", b"bb"));
    let (a, b) = (Arc::new(a), Arc::new(b));
    let inline =
        RunRef { place: Place::Inline(Bytes::from_static(b"PAR1")), deletes: 1, ..run(&a, 3, false) };
    let split = RunRef {
        schema_id: 1,
        subtask: Some(1),
        sequence: (0, 0),
        clip: KeyGroupRange::new(0, 1),
        ..run(&b, 0, true)
    };
    let uid = OperatorUid::new("aircraft");
    manifest.operators.push(OperatorEntry {
        id: uid.id(),
        uid: Some(uid),
        name: None,
        parallelism: 2,
        max_parallelism: 128,
        key_group_function: KeyGroupFunction::JavaHash,
        sequence_max: 3,
        tables: vec![
            TableEntry {
                schema_id: 0,
                runs: vec![run(&a, 1, true), run(&b, 2, false), inline],
                digest: None,
                entries: None,
            },
            TableEntry { schema_id: 1, runs: vec![split], digest: None, entries: Some(1) },
        ],
    });
    manifest
}

/// A compacted savepoint of the same operator.
pub(crate) fn savepoint() -> Manifest {
    let mut manifest = checkpoint();
    manifest.profile = Profile::Savepoint { compacted: true };
    for table in &mut manifest.operators[0].tables {
        table.runs.truncate(1);
        table.digest = Some(TableDigest { groups: [(KeyGroup(0), Digest { rows: 1, sum: 9 })].into() });
    }
    manifest
}

#[track_caller]
fn breaks(rule: &str, mut manifest: Manifest, defect: impl FnOnce(&mut Manifest)) {
    assert!(check(&manifest).is_ok());
    defect(&mut manifest);
    let error = check(&manifest).unwrap_err();
    assert_eq!(error.rule(), Some(rule), "{error}");
    assert!(crate::encode(&manifest).is_err(), "and nobody writes it");
}

fn first_run(manifest: &mut Manifest) -> &mut RunRef {
    &mut manifest.operators[0].tables[0].runs[0]
}

fn object_of(manifest: &mut Manifest, change: impl FnOnce(&mut ObjectRef)) {
    let Place::Object { object, .. } = &mut first_run(manifest).place else { unreachable!() };
    change(Arc::make_mut(object));
}

#[test]
fn roots_begin_with_the_own_one() {
    spec!("ROOT-1");
    breaks("ROOT-1", checkpoint(), |m| m.roots.clear());
    breaks("ROOT-1", checkpoint(), |m| m.roots.insert(0, Root::claimed("file:///x")));
    breaks("ROOT-1", checkpoint(), |m| m.roots.push(Root::own()));
    let mut claimed = checkpoint();
    claimed.roots.push(Root::claimed("file:///x"));
    assert!(check(&claimed).is_ok() && !claimed.is_borrowing());
}

#[test]
fn objects_outside_the_own_root_are_borrowed() {
    spec!("ROOT-3");
    let mut manifest = checkpoint();
    manifest.roots.push(Root::claimed("file:///x"));
    object_of(&mut manifest, |o| o.root = 1);
    assert!(check(&manifest).is_ok() && manifest.is_borrowing());
}

#[test]
fn references_stay_inside_their_arrays_and_roots() {
    spec!("MAN-3", "NAME-1");
    breaks("MAN-3", checkpoint(), |m| first_run(m).schema_id = 2);
    breaks("MAN-3", checkpoint(), |m| first_run(m).schema_id = 1);
    breaks("MAN-3", checkpoint(), |m| m.operators[0].tables[1].schema_id = 9);
    breaks("MAN-3", checkpoint(), |m| object_of(m, |o| o.root = 1));
    breaks("NAME-1", checkpoint(), |m| object_of(m, |o| o.name = "../a".into()));
    breaks("NAME-1", checkpoint(), |m| object_of(m, |o| o.name = "/a".into()));
}

#[test]
fn operators_and_states_are_distinct() {
    spec!("MAN-4", "MAN-5");
    breaks("MAN-4", checkpoint(), |m| {
        let again = m.operators[0].clone();
        m.operators.push(again);
    });
    breaks("MAN-4", checkpoint(), |m| m.operators[0].parallelism = 129);
    breaks("MAN-4", checkpoint(), |m| m.operators[0].parallelism = 0);
    breaks("MAN-4", checkpoint(), |m| m.operators[0].max_parallelism = 40_000);
    breaks("MAN-5", checkpoint(), |m| {
        let again = m.operators[0].tables[1].clone();
        m.operators[0].tables.push(again);
    });
}

#[test]
fn sizes_and_counts_fit() {
    spec!("MAN-6", "MAN-7", "ROWHASH-9");
    breaks("MAN-6", checkpoint(), |m| {
        let Place::Object { offset, .. } = &mut first_run(m).place else { unreachable!() };
        *offset = u64::MAX;
    });
    breaks("MAN-6", checkpoint(), |m| object_of(m, |o| o.size = 3));
    breaks("MAN-6", checkpoint(), |m| object_of(m, |o| o.size = (256 << 20) + 1));
    breaks("MAN-7", checkpoint(), |m| (first_run(m).base, first_run(m).deletes) = (false, 2));
    breaks("ROWHASH-9", checkpoint(), |m| first_run(m).rows_digest.rows = 2);
}

#[test]
fn large_objects_have_their_block_digests() {
    spec!("DIGEST-3");
    let held = |count: usize| Blocks::Held(vec![0; count].into());
    breaks("DIGEST-3", checkpoint(), |m| object_of(m, |o| o.size = (1 << 20) + 1));
    breaks("DIGEST-3", checkpoint(), |m| object_of(m, |o| (o.size, o.blocks) = ((1 << 20) + 1, held(16))));
    let mut manifest = checkpoint();
    object_of(&mut manifest, |o| (o.size, o.blocks) = ((1 << 20) + 1, held(17)));
    assert!(check(&manifest).is_ok());
    assert!(matches!(crate::encode(&manifest), Err(Error::Unwritable { .. })));
    let listed = |length| Blocks::Listed { object_name: "objects/l".into(), root: 0, offset: 3, length };
    object_of(&mut manifest, |o| o.blocks = listed(17 * 8));
    assert!(crate::encode(&manifest).is_ok());
    object_of(&mut manifest, |o| o.blocks = listed(17 * 8 + 1));
    assert_eq!(check(&manifest).unwrap_err().rule(), Some("DIGEST-3"));
}

#[test]
fn field_ids_ascend_and_are_below_the_largest() {
    spec!("SCHEMA-2");
    for id in [0, 2] {
        breaks("SCHEMA-2", checkpoint(), |m| {
            let schema = Arc::make_mut(&mut m.schemas[0]);
            let LogicalType::Struct(fields) = &mut schema.value.as_mut().unwrap().ty else { unreachable!() };
            fields.fields[0].id = id;
        });
    }
}

#[test]
fn base_runs_only_put_and_lie_lowest() {
    spec!("RUN-2", "RUN-3");
    breaks("RUN-2", checkpoint(), |m| first_run(m).deletes = 1);
    breaks("RUN-3", checkpoint(), |m| {
        first_run(m).base = false;
        m.operators[0].tables[0].runs[1].base = true;
    });
}

#[test]
fn sequences_are_disjoint_and_within_bounds() {
    spec!("SEQ-1", "SEQ-2");
    breaks("SEQ-1", checkpoint(), |m| first_run(m).sequence = (0, 1));
    breaks("SEQ-1", checkpoint(), |m| first_run(m).sequence = (2, 1));
    breaks("SEQ-1", checkpoint(), |m| m.operators[0].sequence_max = 2);
    breaks("SEQ-1", checkpoint(), |m| m.operators[0].sequence_max = 1 << 31);
    breaks("SEQ-2", checkpoint(), |m| first_run(m).sequence = (1, 2));
}

#[test]
fn clips_hold_key_groups_of_the_operator() {
    spec!("CLIP-1");
    breaks("CLIP-1", checkpoint(), |m| first_run(m).clip = KeyGroupRange { start: 0, end: 129 });
    breaks("CLIP-1", checkpoint(), |m| first_run(m).clip = KeyGroupRange { start: 5, end: 5 });
    breaks("CLIP-1", checkpoint(), |m| first_run(m).clip = KeyGroupRange { start: 6, end: 5 });
}

#[test]
fn operator_state_is_written_whole_by_each_subtask() {
    spec!("RUN-6");
    let list = |m: &mut Manifest| m.operators[0].tables[1].runs[0].clone();
    breaks("RUN-6", checkpoint(), |m| m.operators[0].tables[1].runs[0].base = false);
    breaks("RUN-6", checkpoint(), |m| m.operators[0].tables[1].runs[0].subtask = Some(2));
    breaks("RUN-6", checkpoint(), |m| {
        let again = list(m);
        m.operators[0].tables[1].runs.push(again);
    });
    breaks("RUN-6", checkpoint(), |m| {
        let all = RunRef { subtask: None, ..list(m) };
        m.operators[0].tables[1].runs.push(all);
    });
}

#[test]
fn only_small_runs_are_inline() {
    spec!("RUN-7");
    let inline = |n| Place::Inline(Bytes::from(vec![0; n]));
    breaks("RUN-7", checkpoint(), |m| first_run(m).place = inline(4097));
    let mut manifest = checkpoint();
    first_run(&mut manifest).place = inline(4096);
    assert!(check(&manifest).is_ok());
}

#[test]
fn savepoints_are_self_contained() {
    spec!("MAN-8");
    breaks("MAN-8", savepoint(), |m| m.roots.push(Root::claimed("file:///x")));
    breaks("MAN-8", savepoint(), |m| m.aborted.push(ObjectRef::of_bytes("objects/x", b"x")));
}

#[test]
fn compacted_tables_are_files_of_their_own() {
    spec!("MAN-9");
    breaks("MAN-9", savepoint(), |m| first_run(m).base = false);
    breaks("MAN-9", savepoint(), |m| first_run(m).place = Place::Inline(Bytes::from_static(b"PAR1")));
    breaks("MAN-9", savepoint(), |m| {
        let Place::Object { length, .. } = &mut first_run(m).place else { unreachable!() };
        *length -= 1;
    });
    let mut stacked = savepoint();
    stacked.profile = Profile::Savepoint { compacted: false };
    first_run(&mut stacked).base = false;
    assert!(check(&stacked).is_ok());
}

#[test]
fn savepoints_carry_canonical_digests() {
    spec!("MAN-10");
    breaks("MAN-10", savepoint(), |m| m.operators[0].tables[0].digest = None);
    let digest =
        |group, rows| Some(TableDigest { groups: [(KeyGroup(group), Digest { rows, sum: 9 })].into() });
    breaks("MAN-10", savepoint(), |m| m.operators[0].tables[0].digest = digest(128, 1));
    breaks("MAN-10", checkpoint(), |m| m.operators[0].tables[0].digest = digest(1, 0));
    breaks("MAN-10", savepoint(), |m| m.operators[0].tables[1].digest = digest(1, 1));
}

#[test]
fn records_in_flight_are_only_in_checkpoints() {
    spec!("MAN-11");
    breaks("MAN-11", savepoint(), |m| Arc::make_mut(&mut m.schemas[1]).kind = StateKind::InFlight);
    let mut manifest = checkpoint();
    Arc::make_mut(&mut manifest.schemas[1]).kind = StateKind::InFlight;
    assert!(check(&manifest).is_ok());
}
