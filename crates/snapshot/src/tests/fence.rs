use std::sync::Arc;

use alluvium_model::{ErrorKind, spec};
use alluvium_store::{Fault, FaultKind, FaultyStore, ObjectPath, block_on};

use super::support::*;
use crate::{CheckpointName, JobRoot};

fn name(attempt: u64, checkpoint_id: u64) -> CheckpointName {
    CheckpointName { attempt, checkpoint_id }
}

#[test]
fn a_stopped_attempt_leaves_at_most_a_superseded_checkpoint() {
    spec!("FENCE-1", "FENCE-2", "FENCE-3", "FENCE-4");
    let world = World::new();
    let root = world.root();
    block_on(async {
        let first = root.claim().await.unwrap();
        assert_eq!((first.number, first.start, first.next_checkpoint_id), (1, None, 1));
        let run = write_run(&world.store(), &world.env, 1, true, &puts(0..3, "a")).await.unwrap();
        for id in [5, 6] {
            assert_eq!(publish(&root, 1, id, run.clone()).await.unwrap().fenced_by, None);
        }

        let second = root.claim().await.unwrap();
        assert_eq!((second.number, second.start, second.next_checkpoint_id), (2, Some(name(1, 6)), 7));
        let record = root.store().get(&ObjectPath::new("attempts/2.start").unwrap()).await.unwrap();
        assert_eq!(record, r#"{"after":[1,6]}"#);

        // The first attempt wakes up and publishes: it must commit nothing.
        let late = publish(&root, 1, 7, run.clone()).await.unwrap();
        assert_eq!(late.fenced_by, Some(2));
        assert!(root.is_superseded(late.name).await.unwrap());
        assert_eq!(root.latest().await.unwrap(), Some(name(1, 6)));
        assert_eq!(root.check_claim(1).await.unwrap_err().kind(), ErrorKind::Conflict);

        let next = publish(&root, 2, 7, run).await.unwrap();
        assert_eq!(next.fenced_by, None);
        assert_eq!(root.latest().await.unwrap(), Some(name(2, 7)));
        let third = root.claim().await.unwrap();
        assert_eq!((third.start, third.next_checkpoint_id), (Some(name(2, 7)), 8));
        let superseded: Vec<_> =
            root.checkpoints().await.unwrap().iter().map(|e| (e.name, e.superseded)).collect();
        let expected = [(name(1, 5), false), (name(1, 6), false), (name(1, 7), true), (name(2, 7), false)];
        assert_eq!(superseded, expected);
    });
}

#[test]
fn an_attempt_that_started_from_nothing_supersedes_all_older_ones() {
    spec!("FENCE-2", "FENCE-3");
    let world = World::new();
    let root = world.root();
    block_on(async {
        root.claim().await.unwrap();
        root.claim().await.unwrap();
        publish(&root, 1, 1, vec![]).await.unwrap();
        assert_eq!(root.latest().await.unwrap(), None);
        publish(&root, 2, 1, vec![]).await.unwrap();
        assert_eq!(root.latest().await.unwrap(), Some(name(2, 1)));
    });
}

#[test]
fn a_claim_interrupted_at_every_operation_supersedes_nothing_wrongly() {
    spec!("FENCE-1", "FENCE-2");
    for kind in [FaultKind::Fail, FaultKind::LoseAnswer, FaultKind::CrashBefore, FaultKind::CrashAfter] {
        for at in 0.. {
            let world = World::new();
            block_on(async {
                let root = world.root();
                root.claim().await.unwrap();
                publish(&root, 1, 1, vec![]).await.unwrap();
            });
            let faulty = FaultyStore::with_fault(world.store(), Fault { at, kind });
            let half = JobRoot::new(Arc::new(faulty.clone()), world.env.clone());
            let claimed = block_on(half.claim());
            if faulty.operations() <= at {
                assert!(claimed.is_ok() && at > 3);
                break;
            }
            assert_eq!(block_on(world.root().latest()).unwrap(), Some(name(1, 1)));
            let next = block_on(world.root().claim()).unwrap();
            assert!(next.number >= 2 && next.start == Some(name(1, 1)));
        }
    }
}

#[test]
fn a_start_record_that_cannot_be_read_is_named() {
    spec!("FENCE-2");
    let world = World::new();
    for text in ["", "{}", "[]", r#"{"after":[1]}"#, r#"{"after":["a",1]}"#, r#"{"after":[1,-1]}"#] {
        let path = ObjectPath::new("attempts/1.start").unwrap();
        world.memory.overwrite(&path, text.into());
        let error = block_on(world.root().latest()).unwrap_err();
        assert_eq!((error.kind(), error.rule()), (ErrorKind::Corrupt, Some("FENCE-2")), "{text}");
        assert!(error.to_string().contains("attempts/1.start"));
    }
}
