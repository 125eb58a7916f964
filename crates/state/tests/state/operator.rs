//! State of subtasks.

use alluvium_model::spec;
use alluvium_state::{OperatorListState, OperatorStates};

fn declare() -> (OperatorStates, OperatorListState<i64>) {
    let mut states = OperatorStates::new();
    let list = states.list("list");
    (states, list)
}

#[test]
fn split_list_is_dealt_round_robin_in_the_order_of_subtask_and_index() {
    spec!("TABLE-2", "ORDER-4");
    let mut rows = Vec::new();
    for subtask in [1u32, 0] {
        let (mut states, list) = declare();
        list.update(&mut states, (0..3).map(|i| i64::from(subtask) * 10 + i).collect());
        rows.push(states.snapshot(subtask).unwrap().remove(0).rows);
    }
    let dealt = |subtask, parallelism| {
        let (mut states, list) = declare();
        states.restore(0, &rows, subtask, parallelism).unwrap();
        list.get(&states).to_vec()
    };
    assert_eq!(dealt(0, 1), [0, 1, 2, 10, 11, 12]);
    assert_eq!((dealt(0, 2), dealt(1, 2)), (vec![0, 2, 11], vec![1, 10, 12]));
    assert_eq!(dealt(7, 8), [] as [i64; 0]);
}

#[test]
fn union_list_is_given_whole_to_everyone() {
    let mut states = OperatorStates::new();
    let union = states.union::<String>("union");
    union.add(&mut states, "a".into());
    let rows = vec![states.snapshot(0).unwrap().remove(0).rows];
    for subtask in 0..3 {
        let mut states = OperatorStates::new();
        let union = states.union::<String>("union");
        states.restore(0, &rows, subtask, 3).unwrap();
        assert_eq!(union.get(&states), ["a"]);
    }
}

#[test]
fn only_changed_states_are_written_and_then_whole() {
    let (mut states, list) = declare();
    assert!(states.snapshot(0).unwrap().is_empty());
    list.add(&mut states, 1);
    assert_eq!(states.snapshot(0).unwrap()[0].rows.len(), 1);
    assert!(states.snapshot(0).unwrap().is_empty());
    list.add(&mut states, 2);
    assert_eq!(states.snapshot(0).unwrap()[0].rows.len(), 2);
    list.clear(&mut states);
    assert_eq!(states.snapshot(0).unwrap()[0].rows.len(), 0);
}

#[test]
fn broadcast_state_is_written_once_and_read_by_all() {
    let declare = || {
        let mut states = OperatorStates::new();
        let rules = states.broadcast::<String, i64>("rules");
        (states, rules)
    };
    let (mut states, rules) = declare();
    rules.put(&mut states, "b".into(), 2);
    rules.put(&mut states, "a".into(), 1);
    rules.put(&mut states, "c".into(), 3);
    rules.remove(&mut states, &"c".to_owned());
    let (mut other, _) = declare();
    rules.put(&mut other, "b".into(), 2);
    assert!(other.snapshot(1).unwrap().is_empty());
    let rows = vec![states.snapshot(0).unwrap().remove(0).rows];
    let (mut restored, rules) = declare();
    restored.restore(0, &rows, 3, 4).unwrap();
    assert_eq!(rules.iter(&restored).collect::<Vec<_>>(), [(&"a".to_owned(), &1), (&"b".to_owned(), &2)]);
    assert_eq!(rules.get(&restored, &"b".to_owned()), Some(&2));
}

#[test]
fn rows_of_another_kind_are_refused() {
    let (mut states, list) = declare();
    list.add(&mut states, 1);
    let rows = vec![states.snapshot(0).unwrap().remove(0).rows];
    let mut union = OperatorStates::new();
    union.union::<i64>("list");
    assert!(union.restore(0, &rows, 0, 1).is_err());
}
