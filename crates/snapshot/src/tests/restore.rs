use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{Place, Root};
use alluvium_model::{ElementType, ErrorKind, KeyGroupRange, LogicalType, SnapshotSource, StateSchema, spec};
use alluvium_store::{LocalStore, MemoryStore, ObjectPath, Store, block_on};

use super::support::*;
use crate::{JobRoot, SavepointOptions, Snapshot, write_savepoint};

fn restored(snapshot: &Snapshot, range: KeyGroupRange, wanted: &Arc<StateSchema>) -> crate::Result<Contents> {
    block_on(async {
        let mut rows = snapshot.merged(operator(), STATE, range, wanted)?;
        let mut contents = Contents::new();
        while let Some(batch) = rows.next().await? {
            assert_eq!(batch.schema(), wanted);
            collect(&batch, &mut contents);
        }
        Ok(contents)
    })
}

async fn two_runs(world: &World) -> Snapshot {
    let mut runs = write_run(&world.store(), &world.env, 1, true, &puts(0..200, "one")).await.unwrap();
    runs.extend(write_run(&world.store(), &world.env, 2, false, &puts(50..60, "two")).await.unwrap());
    let published = publish(&world.root(), 1, 1, runs).await.unwrap();
    world.root().open(published.name).await.unwrap()
}

#[test]
fn subtasks_of_any_parallelism_restore_all_rows_between_them() {
    spec!("CLIP-2", "KEYGROUP-2");
    let world = World::new();
    let snapshot = block_on(two_runs(&world));
    let whole = contents(&snapshot);
    for parallelism in [1, 2, 3, GROUPS] {
        let mut together = Contents::new();
        for subtask in 0..parallelism {
            let max = alluvium_model::MaxParallelism::new(GROUPS).unwrap();
            together.extend(restored(&snapshot, max.range_of(subtask, parallelism), &schema()).unwrap());
        }
        assert_eq!(together, whole);
    }
}

#[test]
fn rows_come_in_the_schema_that_the_job_wants_or_not_at_all() {
    spec!("EVOL-1");
    let world = World::new();
    let snapshot = block_on(two_runs(&world));
    let all = KeyGroupRange::new(0, GROUPS);
    let with_value = |ty| Arc::new(StateSchema { value: Some(ty), ..schema().as_ref().clone() });
    let nullable = with_value(ElementType::nullable(LogicalType::Bytes));
    assert_eq!(restored(&snapshot, all, &nullable).unwrap(), contents(&snapshot));
    let other = with_value(ElementType::required(LogicalType::Int64));
    assert_eq!(restored(&snapshot, all, &other).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_checkpoint_may_borrow_from_a_claimed_root_and_its_savepoint_does_not() {
    spec!("ROOT-1", "ROOT-3", "MAN-8");
    let dir = tempfile::tempdir().unwrap();
    let local =
        |name: &str| -> Arc<dyn Store> { Arc::new(LocalStore::create_dir(dir.path().join(name)).unwrap()) };
    let (claimed, own, env) = (local("claimed"), local("own"), Env::simulated(3));
    block_on(async {
        let rows = puts(0..2000, "value");
        let mut runs = write_run(&claimed, &env, 1, true, &rows).await.unwrap();
        for run in &mut runs {
            let Place::Object { object, .. } = &mut run.place else { panic!("inline") };
            Arc::make_mut(object).root = 1;
        }
        let mut manifest = checkpoint(1, 1, runs);
        manifest.roots.push(Root::claimed(dir.path().join("claimed").display().to_string()));
        let root = JobRoot::new(Arc::clone(&own), env.clone());
        let published = root.publish(manifest).await.unwrap();
        let snapshot = root.open(published.name).await.unwrap();
        assert!(snapshot.describe().facts.iter().any(|(name, _)| *name == "borrowing"));
        assert_sound(&snapshot);
        assert_eq!(contents(&snapshot).len(), rows.len());

        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        write_savepoint(&snapshot, Arc::clone(&store), &env, &SavepointOptions::default()).await.unwrap();
        let path = ObjectPath::new("savepoint.manifest").unwrap();
        let savepoint = Snapshot::open(store, &path).await.unwrap();
        assert!(!savepoint.manifest().is_borrowing());
        assert_sound(&savepoint);

        std::fs::remove_dir_all(dir.path().join("claimed")).unwrap();
        assert_eq!(root.open(published.name).await.unwrap_err().kind(), ErrorKind::Missing);
    });
}
