//! State of subtasks.

use alluvium_model::Value;
use alluvium_state::{BroadcastState, OperatorListState, OperatorStates};

fn declare() -> (OperatorStates, OperatorListState<i64>, BroadcastState<String, i64>) {
    let mut states = OperatorStates::new();
    let list = states.list("list");
    let rules = states.broadcast("rules");
    (states, list, rules)
}

#[test]
fn only_changed_states_are_given_and_then_whole() {
    let (mut states, list, rules) = declare();
    assert!(states.take_changed().is_empty());
    list.add(&mut states, 1);
    rules.put(&mut states, "a".into(), 1);
    assert_eq!(states.take_changed().len(), 2);
    assert!(states.take_changed().is_empty());
    list.add(&mut states, 2);
    assert_eq!(
        states.take_changed(),
        [(0, vec![(Value::Null, Value::Int(1)), (Value::Null, Value::Int(2))])]
    );
    list.clear(&mut states);
    assert_eq!(states.take_changed(), [(0, Vec::new())]);
}

#[test]
fn what_is_restored_is_read_and_given_again_to_the_next_snapshot() {
    let (mut states, list, rules) = declare();
    list.update(&mut states, vec![3, 1, 2]);
    for (name, n) in [("b", 2), ("a", 1), ("c", 3)] {
        rules.put(&mut states, name.into(), n);
    }
    rules.remove(&mut states, &"c".to_owned());
    let saved = states.take_changed();
    let (mut restored, list, rules) = declare();
    for (slot, entries) in &saved {
        restored.restore(*slot, entries).unwrap();
    }
    assert_eq!(list.get(&restored), [3, 1, 2]);
    assert_eq!(rules.iter(&restored).collect::<Vec<_>>(), [(&"a".to_owned(), &1), (&"b".to_owned(), &2)]);
    assert_eq!(rules.get(&restored, &"b".to_owned()), Some(&2));
    assert_eq!(restored.take_changed(), saved);
}

#[test]
fn values_of_another_type_and_unknown_slots_are_refused() {
    let (mut states, ..) = declare();
    assert!(states.restore(0, &[(Value::Null, Value::String("x".into()))]).is_err());
    assert!(states.restore(1, &[(Value::Null, Value::Int(1))]).is_err());
    assert!(states.restore(2, &[]).is_err());
}

#[test]
#[should_panic(expected = "broadcast state changes only where broadcast records are processed")]
fn held_broadcast_state_is_only_read() {
    let (mut states, _, rules) = declare();
    rules.put(&mut states, "a".into(), 1);
    states.hold_broadcast();
    assert_eq!(rules.get(&states, &"a".to_owned()), Some(&1));
    rules.put(&mut states, "a".into(), 2);
}
