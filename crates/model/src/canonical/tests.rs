use super::*;
use crate::{EnumType, Side, StructType, spec};

fn round_trip(ty: &LogicalType, value: &Value) -> Vec<u8> {
    let bytes = to_bytes(value, ty).unwrap();
    let mut longer = bytes.clone();
    longer.extend_from_slice(&[0xAB, 0xCD]);
    let (back, len) = decode(&longer, ty).unwrap();
    assert_eq!(len, bytes.len(), "{ty}: prefix-free");
    assert_eq!(to_bytes(&back, ty).unwrap(), bytes);
    for cut in 0..bytes.len() {
        assert!(decode(&bytes[..cut], ty).is_err(), "{ty} cut at {cut}");
    }
    bytes
}

fn ascending(ty: &LogicalType, values: &[Value]) {
    let bytes: Vec<_> = values.iter().map(|v| round_trip(ty, v)).collect();
    for (i, pair) in bytes.windows(2).enumerate() {
        assert!(pair[0] < pair[1], "{ty}: {:?} before {:?}", values[i], values[i + 1]);
    }
}

#[test]
fn scalars_keep_their_natural_order() {
    spec!("CANON-2", "CANON-3", "CANON-4", "CANON-5", "CANON-7", "CANON-8");
    ascending(&LogicalType::Bool, &[Value::Bool(false), Value::Bool(true)]);
    for (ty, min, max) in [
        (LogicalType::Int8, -128, 127),
        (LogicalType::Int16, -32768, 32767),
        (LogicalType::Int32, i64::from(i32::MIN), i64::from(i32::MAX)),
        (LogicalType::Date, i64::from(i32::MIN), i64::from(i32::MAX)),
        (LogicalType::Int64, i64::MIN, i64::MAX),
        (LogicalType::timestamp_ms(), i64::MIN, i64::MAX),
    ] {
        ascending(&ty, &[min, -1, 0, 1, max].map(Value::Int));
    }
    for (ty, max) in
        [(LogicalType::UInt8, 255), (LogicalType::UInt16, 65535), (LogicalType::UInt64, u64::MAX)]
    {
        ascending(&ty, &[0, 1, max].map(Value::UInt));
    }
    let floats = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 1.5, f64::INFINITY, f64::NAN];
    ascending(&LogicalType::Float64, &floats.map(Value::Float64));
    ascending(
        &LogicalType::Float32,
        &[f32::NEG_INFINITY, -1.5, -0.0, 0.0, 1.5, f32::INFINITY, f32::NAN].map(Value::Float32),
    );
    let decimal = LogicalType::Decimal { precision: 38, scale: 2 };
    ascending(&decimal, &[i128::MIN, -1, 0, 1, i128::MAX].map(Value::Decimal));
}

#[test]
fn text_and_bytes_keep_their_order_with_zeros_inside() {
    spec!("CANON-1", "CANON-6");
    let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "ab", "b", "é", "\u{1F600}"];
    ascending(&LogicalType::String, &texts.map(|t| Value::String(t.into())));
    ascending(&LogicalType::Bytes, &texts.map(|t| Value::Bytes(t.into())));
}

#[test]
fn composites_order_by_their_parts() {
    spec!("CANON-10", "CANON-11", "CANON-14");
    let list = LogicalType::List(Box::new(ElementType::nullable(LogicalType::Int32)));
    let lists: [&[Value]; 5] =
        [&[], &[Value::Null], &[Value::Int(1)], &[Value::Int(1), Value::Null], &[Value::Int(2)]];
    ascending(&list, &lists.map(|l| Value::List(l.to_vec())));
    let fields = StructType::of([
        ("a", ElementType::required(LogicalType::String)),
        ("b", ElementType::nullable(LogicalType::Int8)),
    ]);
    let row = |a: &str, b: Option<i64>| {
        Value::Struct(vec![Value::String(a.into()), b.map_or(Value::Null, Value::Int)])
    };
    ascending(
        &LogicalType::Struct(fields),
        &[row("", None), row("a", None), row("a", Some(-1)), row("a", Some(1)), row("ab", None)],
    );
}

#[test]
fn members_of_sets_and_maps_are_sorted() {
    spec!("CANON-12", "CANON-13");
    let set = LogicalType::Set(Box::new(LogicalType::Int8));
    let one = Value::List(vec![Value::Int(3), Value::Int(-1)]);
    let other = Value::List(vec![Value::Int(-1), Value::Int(3)]);
    assert_eq!(to_bytes(&one, &set).unwrap(), to_bytes(&other, &set).unwrap());
    round_trip(&set, &one);
    assert!(decode(&[1, 0x83, 1, 0x7F, 0], &set).is_err());
    let map =
        LogicalType::Map(Box::new(LogicalType::String), Box::new(ElementType::nullable(LogicalType::Bool)));
    round_trip(
        &map,
        &Value::Map(vec![
            (Value::String("b".into()), Value::Null),
            (Value::String("a".into()), Value::Bool(true)),
        ]),
    );
}

#[test]
fn enums_and_windows_round_trip() {
    spec!("CANON-15", "CANON-16");
    let symbols = LogicalType::Enum(EnumType { symbols: vec!["A".into(), "B".into()] });
    ascending(&symbols, &[Value::Enum(0), Value::Enum(1)]);
    assert!(encode(&Value::Enum(2), &symbols, &mut Vec::new()).is_err());
    ascending(
        &LogicalType::TimeWindow,
        &[
            Value::Window { start: -1, end: 5 },
            Value::Window { start: 0, end: 4 },
            Value::Window { start: 0, end: 5 },
        ],
    );
}

#[test]
fn numbers_of_any_size_keep_their_order() {
    spec!("CANON-19", "CANON-20");
    let wide = "1".repeat(80);
    let integers =
        [&format!("-{wide}"), "-257", "-256", "-255", "-1", "0", "1", "255", "256", "65536", &wide];
    ascending(&LogicalType::BigInteger, &integers.map(|t| Value::BigInteger(t.into())));
    let decimals = [
        "-1E+2147483648",
        "-1E+2",
        "-100",
        "-100.0",
        "-99.9",
        "-1.10",
        "-1.01",
        "-1",
        "-1.0",
        "-0.1",
        "-1E-9",
        "0E+3",
        "0",
        "0.0",
        "1E-9",
        "0.1",
        "0.10",
        "0.101",
        "0.11",
        "1E+0",
        "1.0",
        "1.00",
        "1.001",
        "9.9",
        "1E+1",
        "10",
        "10.5",
        "99",
        "1E+9",
    ];
    let decimals: Vec<_> = decimals.iter().filter_map(|t| Value::big_decimal(t)).collect();
    assert_eq!(decimals.len(), 28, "1E+0 is no form of 1");
    ascending(&LogicalType::BigDecimal, &decimals);
}

#[test]
fn other_bytes_are_no_numbers() {
    spec!("CANON-19", "CANON-20");
    let refused = |bytes: &[u8], ty: LogicalType| assert!(decode(bytes, &ty).is_err(), "{bytes:?}");
    for odd in [
        &[1, 0, 0, 0, 1, 0][..],
        &[2, 0, 0, 0, 0],
        &[0, 0xFF, 0xFF, 0xFF, 0xFF],
        &[1, 0xFF, 0xFF, 0xFF, 0xFF],
    ] {
        refused(odd, LogicalType::BigInteger);
    }
    let decimal = |point: i64, digits: &[u8], scale: i32| {
        let mut out = vec![POSITIVE];
        push_i64(point, &mut out);
        out.extend_from_slice(digits);
        out.push(0);
        push_i32(scale, &mut out);
        refused(&out, LogicalType::BigDecimal);
    };
    decimal(1, b"10", 0);
    decimal(1, b"", 0);
    decimal(1, b"15", 0);
    decimal(1, b"1x", 1);
    decimal(1, b"01", 1);
    decimal(i64::MAX, b"1", 1);
    decimal(1 << 40, b"1", 1);
}

#[test]
fn sides_are_ordered_left_first() {
    spec!("CANON-21");
    let element = |ty| Box::new(ElementType { nullable: true, ty });
    let ty = LogicalType::Either(element(LogicalType::Int8), element(LogicalType::String));
    let side = |side, value| Value::Either(side, Box::new(value));
    ascending(
        &ty,
        &[
            side(Side::Left, Value::Null),
            side(Side::Left, Value::Int(127)),
            side(Side::Right, Value::Null),
            side(Side::Right, Value::String("".into())),
        ],
    );
    assert!(decode(&[2, 0], &ty).is_err());
}

#[test]
fn opaque_rows_never_meet_typed_ones() {
    spec!("CANON-17", "CANON-18");
    let ty = LogicalType::Struct(StructType::of([("a", ElementType::required(LogicalType::Int8))]));
    let opaque = Value::Opaque { serializer: "Kryo".into(), bytes: vec![0, 1, 2] };
    assert_eq!(round_trip(&ty, &opaque)[0], OPAQUE);
    assert!(to_bytes(&Value::Struct(vec![Value::Int(127)]), &ty).unwrap()[0] != OPAQUE);
    assert!(!LogicalType::Int8.allows_opaque_rows());
    assert!(to_bytes(&opaque, &LogicalType::Int8).is_err());
}

#[test]
fn values_of_another_type_are_refused() {
    assert!(to_bytes(&Value::Int(128), &LogicalType::Int8).is_err());
    assert!(to_bytes(&Value::UInt(256), &LogicalType::UInt8).is_err());
    assert!(to_bytes(&Value::String("1".into()), &LogicalType::Int64).is_err());
    assert!(to_bytes(&Value::Null, &LogicalType::Int64).is_err());
}

#[test]
fn surrogates_survive_as_wtf8() {
    spec!("CANON-9");
    let lone = Value::Wtf8(vec![0xED, 0xA0, 0x80]);
    let bytes = to_bytes(&lone, &LogicalType::String).unwrap();
    assert_eq!(decode(&bytes, &LogicalType::String).unwrap().0, lone);
}
