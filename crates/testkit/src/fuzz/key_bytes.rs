use std::cmp::Ordering;

use alluvium_model::{KeyGroupFunction, LogicalType, MaxParallelism, Value, canonical, json};

use super::choices::Choices;
use super::order::compare;

/// Checks canonical bytes: for two values of a type made of the input, and for the rest of the
/// input as canonical bytes of that type.
///
/// # Panics
/// When a law does not hold.
///
/// Spec: CANON-1 to CANON-21.
pub fn key_bytes(data: &[u8]) {
    let mut choices = Choices::new(data);
    let ty = choices.logical_type(0);
    let (a, b) = (choices.value(&ty), choices.value(&ty));
    let (one, other) = (round_trip(&a, &ty), round_trip(&b, &ty));
    let order = one.cmp(&other);
    assert_eq!(order, compare(&a, &b, &ty), "{ty}: {a:?} and {b:?}");
    assert!(order == Ordering::Equal || !other.starts_with(&one), "{ty}: {a:?} begins {b:?}");
    for function in [KeyGroupFunction::CanonicalBytes, KeyGroupFunction::JavaHash] {
        placed(function, &a, &ty, &one);
    }
    decoded(choices.rest(), &ty);
}

/// Encodes, decodes with bytes behind, encodes again; and goes through JSON and back.
fn round_trip(value: &Value, ty: &LogicalType) -> Vec<u8> {
    let bytes = encode(value, ty);
    let mut longer = bytes.clone();
    longer.extend([0x00, 0xFF, 0x01]);
    let (back, length) = canonical::decode(&longer, ty).unwrap_or_else(|e| panic!("{ty}: {value:?}: {e}"));
    assert_eq!(length, bytes.len(), "{ty}: {value:?}");
    assert_eq!(encode(&back, ty), bytes, "{ty}: {value:?}");
    assert_eq!(compare(value, &back, ty), Ordering::Equal, "{ty}: {value:?}");
    let json = json::to_json(value, ty);
    let back = json::from_json(&json, ty).unwrap_or_else(|e| panic!("{ty}: {json}: {e}"));
    assert_eq!(encode(&back, ty), bytes, "{ty}: {value:?} as {json}");
    bytes
}

/// Whatever decodes is what its value encodes to: no value has two forms.
fn decoded(bytes: &[u8], ty: &LogicalType) {
    if let Ok((value, length)) = canonical::decode(bytes, ty) {
        assert_eq!(encode(&value, ty), bytes[..length], "{ty}: {value:?}");
    }
}

fn placed(function: KeyGroupFunction, key: &Value, ty: &LogicalType, bytes: &[u8]) {
    for max in [1, 128, 32768] {
        let max = MaxParallelism::new(max).unwrap_or_else(|e| panic!("{max}: {e}"));
        if let Ok(group) = function.place(key, ty, bytes, max) {
            assert!(u32::from(group.0) < max.get(), "{ty}: {key:?} in {group}");
        }
    }
}

fn encode(value: &Value, ty: &LogicalType) -> Vec<u8> {
    canonical::to_bytes(value, ty).unwrap_or_else(|e| panic!("{ty}: {value:?}: {e}"))
}
