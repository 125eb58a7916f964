use std::collections::BTreeMap;
use std::fmt::Debug;

use super::*;
use crate::column::{arrow_type, value_at};
use crate::{canonical, spec};

fn check_type<T: StateType + PartialEq + Debug>(values: &[T]) {
    let mut column = T::Builder::with_capacity(values.len());
    values.iter().for_each(|value| column.push(value));
    let array = column.finish();
    let ty = T::element_type();
    assert_eq!(*array.data_type(), arrow_type(&ty.ty));
    let reader = T::Reader::open(&array).unwrap();
    for (row, value) in values.iter().enumerate() {
        assert_eq!(reader.get(row), *value);
        assert_eq!(value_at(&array, &ty.ty, row).unwrap(), value.to_value());
        assert_eq!(T::from_value(&value.to_value()).unwrap(), *value);
    }
    column.push_null();
    assert!(column.finish().is_null(0));
}

fn check_key<K: StateKey + Debug>(ascending: &[K]) {
    check_type(ascending);
    let ty = K::element_type();
    let max = MaxParallelism::new(128).unwrap();
    let function = key_group_function::<K>();
    assert_eq!(K::HAS_JAVA_HASH, function == KeyGroupFunction::JavaHash);
    for pair in ascending.windows(2) {
        assert_eq!(pair[0].canonical_cmp(&pair[1]), Ordering::Less, "{pair:?}");
        assert!(canonical_bytes(&pair[0]) < canonical_bytes(&pair[1]), "{pair:?}");
    }
    for key in ascending {
        let mut wanted = Vec::new();
        canonical::encode_element(&key.to_value(), &ty, &mut wanted).unwrap();
        assert_eq!(canonical_bytes(key), wanted, "{key:?}");
        assert!(K::WIDTH.is_none_or(|width| width == wanted.len()));
        assert_eq!(
            function.place(&key.to_value(), &ty.ty, &wanted, max).unwrap(),
            key_group(key, max),
            "{key:?}"
        );
        if K::WIDTH.is_some_and(|width| width <= 8) {
            assert_eq!(key.word().to_be_bytes()[8 - wanted.len()..], wanted, "{key:?}");
        }
    }
}

#[test]
fn keys_have_the_canonical_bytes_and_key_groups_of_their_logical_type() {
    spec!("CANON-1", "CANON-2", "CANON-3", "CANON-6", "KEYGROUP-4", "KEYGROUP-5", "KEYGROUP-6");
    check_key(&[false, true]);
    check_key(&[i8::MIN, -1, 0, i8::MAX]);
    check_key(&[i16::MIN, -300, 0, 7]);
    check_key(&[i32::MIN, -1, 0, 42]);
    check_key(&[i64::MIN, -1, 0, 1 << 40]);
    check_key(&[0u8, 1, 255]);
    check_key(&[0u16, 1, u16::MAX]);
    check_key(&[0u32, 1, u32::MAX]);
    check_key(&[0u64, 1, u64::MAX]);
    check_key(&[Timestamp(-1500), Timestamp(0), Timestamp(1_700_000_000_123)]);
    check_key(&[Date(-1), Date(0), Date(19_782)]);
    check_key(&["", "\0", "a", "a\0b", "ab", "é", "中"].map(String::from));
    check_key(&[Bytes(vec![]), Bytes(vec![0]), Bytes(vec![0, 0]), Bytes(vec![1])]);
}

#[test]
fn nested_keys_have_the_canonical_bytes_of_their_parts() {
    spec!("CANON-10", "CANON-11", "CANON-14");
    check_key(&[(1i64, "a".to_owned()), (1, "b".to_owned()), (2, "a".to_owned())]);
    check_key(&[(None, 2u8), (Some(0u64), 1), (Some(1), 0)]);
    check_key(&[(1i32,), (2,)]);
    check_key(&[vec![], vec![1i32], vec![1, 2], vec![2]]);
    check_key(&[(1u8, (true, Date(3))), (2, (false, Date(1)))]);
}

#[test]
fn values_survive_their_columns() {
    check_type(&[1.5f32, -0.0, f32::INFINITY]);
    check_type(&[1.5f64, f64::NEG_INFINITY]);
    check_type(&[Some(1i64), None]);
    check_type(&[vec![Some("a".to_owned()), None], vec![]]);
    check_type(&[BTreeMap::from([(1i32, Some(2.0f64)), (3, None)]), BTreeMap::new()]);
    check_type(&[(1i8, 2i16, 3u32, 4u64, true, "six".to_owned())]);
    check_type(&[Some((1i64, vec![1u8])), None]);
}

#[test]
fn column_of_another_type_is_refused() {
    let array = column::<i64>(&[1]);
    assert!(cells::<i32>(&array).is_err());
    assert!(cells::<String>(&array).is_err());
    assert!(cells::<(i64,)>(&array).is_err());
    assert!(cells::<Timestamp>(&array).is_err());
}
