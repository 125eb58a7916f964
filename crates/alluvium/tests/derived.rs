//! Derived types as columns, keys and values.

use alluvium_derive::State;
use alluvium_model::column::{arrow_type, value_at};
use alluvium_model::typed::{self, StateKey, StateType, canonical_bytes, key_group, key_group_function};
use alluvium_model::{KeyGroupFunction, LogicalType, MaxParallelism, canonical, spec};

mod alluvium {
    #[allow(unreachable_pub)]
    pub use alluvium_model as model;
}

#[derive(State, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[state(key, crate = "crate::alluvium")]
enum Phase {
    Scheduled,
    Airborne,
    r#Landed,
}

#[derive(State, Debug, Clone, PartialEq)]
#[state(crate = "crate::alluvium")]
struct Position {
    airport: Option<String>,
    #[state(alias = "last_arrival", alias = "arrived")]
    last: Option<i64>,
    r#type: u32,
    minutes: f64,
    phase: Phase,
    legs: Vec<(i64, Option<Phase>)>,
    at: Option<Spot>,
}

#[derive(State, Debug, Clone, PartialEq, Eq, Hash)]
#[state(key, crate = "crate::alluvium")]
struct Spot {
    carrier: String,
    month: i32,
}

fn positions() -> Vec<Position> {
    let first = Position {
        airport: Some("JFK".into()),
        last: None,
        r#type: 7,
        minutes: 1.5,
        phase: Phase::Airborne,
        legs: vec![(1, Some(Phase::Landed)), (2, None)],
        at: Some(Spot { carrier: "AA".into(), month: -1 }),
    };
    let second = Position {
        airport: None,
        last: Some(5),
        phase: Phase::Scheduled,
        legs: vec![],
        at: None,
        ..first.clone()
    };
    vec![first, second]
}

#[test]
fn derived_struct_survives_its_column_and_its_value() {
    let rows = positions();
    let column = typed::column(&rows);
    let ty = Position::logical_type();
    assert_eq!(*column.data_type(), arrow_type(&ty));
    assert_eq!(typed::cells::<Position>(&column).unwrap(), rows);
    for (row, position) in rows.iter().enumerate() {
        assert_eq!(value_at(&column, &ty, row).unwrap(), position.to_value());
        assert_eq!(Position::from_value(&position.to_value()).unwrap(), *position);
    }
}

#[test]
fn field_ids_follow_the_declaration_and_aliases_are_kept() {
    let LogicalType::Struct(ty) = Position::logical_type() else { panic!("a struct") };
    assert_eq!(ty.fields.iter().map(|f| f.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(ty.fields[1].aliases, ["last_arrival", "arrived"]);
    assert_eq!(ty.fields[2].name, "type");
    assert!(ty.fields[0].ty.nullable && !ty.fields[3].ty.nullable);
}

#[test]
fn derived_key_hashes_and_sorts_as_its_logical_type() {
    spec!("CANON-14", "KEYGROUP-5");
    let max = MaxParallelism::new(128).unwrap();
    let spot = |carrier: &str, month| Spot { carrier: carrier.into(), month };
    let ascending = [spot("AA", -1), spot("AA", 2), spot("B", 0)];
    for pair in ascending.windows(2) {
        assert!(pair[0].canonical_cmp(&pair[1]).is_lt());
        assert!(canonical_bytes(&pair[0]) < canonical_bytes(&pair[1]));
    }
    let ty = Spot::logical_type();
    for key in &ascending {
        let bytes = canonical::to_bytes(&key.to_value(), &ty).unwrap();
        assert_eq!(canonical_bytes(key), bytes);
        let group = KeyGroupFunction::JavaHash.place(&key.to_value(), &ty, &bytes, max).unwrap();
        assert_eq!(key_group(key, max), group);
    }
}

#[test]
fn derived_enum_is_placed_by_its_canonical_bytes() {
    spec!("CANON-15", "KEYGROUP-6");
    assert_eq!(key_group_function::<Phase>(), KeyGroupFunction::CanonicalBytes);
    assert_eq!(canonical_bytes(&Phase::Landed), [0, 0, 0, 2]);
    assert_eq!(Phase::Landed.word(), 2);
    assert!(typed::cells::<Phase>(&typed::column::<String>(&["Taxiing".to_owned()])).is_err());
}
