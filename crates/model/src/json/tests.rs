use serde_json::json;

use super::*;
use crate::{ElementType, EnumType, Side, StructType, TimeUnit, spec};

fn check(ty: LogicalType, value: Value, form: Json) {
    assert_eq!(to_json(&value, &ty), form, "{ty}");
    assert_eq!(from_json(&form, &ty).unwrap(), value, "{ty}");
}

#[test]
fn every_type_has_its_form() {
    spec!(
        "JSON-1", "JSON-2", "JSON-3", "JSON-4", "JSON-5", "JSON-6", "JSON-7", "JSON-8", "JSON-9", "JSON-13",
        "JSON-14"
    );
    use LogicalType as T;
    check(T::Bool, Value::Bool(true), json!(true));
    check(T::Int64, Value::Int(i64::MIN), json!(i64::MIN));
    check(T::UInt64, Value::UInt(u64::MAX), json!(u64::MAX));
    check(T::Float32, Value::Float32(0.1), json!(0.1));
    check(T::Float64, Value::Float64(f64::NEG_INFINITY), json!("-Infinity"));
    check(T::String, Value::String("ü".into()), json!("ü"));
    check(T::Bytes, Value::Bytes(vec![0, 255]), json!("AP8="));
    check(T::Date, Value::Int(15_706), json!("2013-01-01"));
    check(T::Date, Value::Int(2_932_897), json!("+10000-01-01"));
    check(T::Date, Value::Int(-719_529), json!("-0001-12-31"));
    check(T::Date, Value::Int(95_026_236), json!("+262142-12-31"));
    check(T::Date, Value::Int(95_026_237), json!(95_026_237));
    check(T::Date, Value::Int(-96_465_292), json!("-262143-01-01"));
    check(T::Date, Value::Int(-96_465_293), json!(-96_465_293));
    check(T::Time(TimeUnit::Milli), Value::Int(3_723_004), json!("01:02:03.004"));
    check(T::timestamp_ms(), Value::Int(1_357_035_300_000), json!("2013-01-01T10:15:00Z"));
    check(T::timestamp_ms(), Value::Int(-1), json!("1969-12-31T23:59:59.999Z"));
    check(T::timestamp_ms(), Value::Int(i64::MAX), json!(i64::MAX));
    let local = T::Timestamp { unit: TimeUnit::Nano, utc: false };
    check(local, Value::Int(1), json!("1970-01-01T00:00:00.000000001"));
    check(T::Decimal { precision: 10, scale: 2 }, Value::Decimal(-5), json!("-0.05"));
    check(T::Decimal { precision: 10, scale: -2 }, Value::Decimal(5), json!("500"));
    check(
        T::List(Box::new(ElementType::nullable(T::Int8))),
        Value::List(vec![Value::Int(1), Value::Null]),
        json!([1, null]),
    );
    let map = T::Map(Box::new(T::String), Box::new(ElementType::required(T::Int8)));
    check(map, Value::Map(vec![(Value::String("a".into()), Value::Int(1))]), json!([["a", 1]]));
    let fields =
        StructType::of([("a", ElementType::required(T::Int8)), ("b", ElementType::nullable(T::Int8))]);
    check(T::Struct(fields), Value::Struct(vec![Value::Int(1), Value::Null]), json!({"a": 1, "b": null}));
    check(
        T::Tuple(vec![ElementType::required(T::Int8)]),
        Value::Struct(vec![Value::Int(1)]),
        json!({"f0": 1}),
    );
    check(T::Enum(EnumType { symbols: vec!["A".into()] }), Value::Enum(0), json!("A"));
    let integer = "-123456789012345678901234567890";
    check(T::BigInteger, Value::BigInteger(integer.into()), json!(integer));
    check(T::BigDecimal, Value::BigDecimal { unscaled: "100".into(), scale: 2 }, json!("1.00"));
    let either =
        T::Either(Box::new(ElementType::required(T::Int8)), Box::new(ElementType::nullable(T::String)));
    check(either.clone(), Value::Either(Side::Left, Box::new(Value::Int(1))), json!({"left": 1}));
    check(either.clone(), Value::Either(Side::Right, Box::new(Value::Null)), json!({"right": null}));
    assert!(
        from_json(&json!({"left": null}), &either).is_err()
            && from_json(&json!({"top": 1}), &either).is_err()
    );
    check(T::TimeWindow, Value::Window { start: 1, end: 2 }, json!({"start": 1, "end": 2}));
}

#[test]
fn odd_values_have_marked_forms() {
    spec!("JSON-10", "JSON-11");
    check(LogicalType::String, Value::Wtf8(vec![0x61, 0xED, 0xA0, 0x80]), json!({"$utf16": "0061d800"}));
    let opaque = Value::Opaque { serializer: "Kryo".into(), bytes: vec![1] };
    let form = json!({"$opaque": {"serializer": "Kryo", "bytes": "AQ=="}});
    check(LogicalType::List(Box::new(ElementType::required(LogicalType::Bool))), opaque, form);
    assert!(from_json(&json!("NaN"), &LogicalType::Float64).is_ok());
}

#[test]
fn null_members_with_a_dollar_are_left_out() {
    spec!("JSON-15");
    let fields = [
        ("$kind", ElementType::nullable(LogicalType::String)),
        ("a", ElementType::nullable(LogicalType::Int8)),
    ];
    let ty = LogicalType::Struct(StructType::of(fields));
    check(ty.clone(), Value::Struct(vec![Value::Null, Value::Null]), json!({"a": null}));
    let kind = Value::String("delete".into());
    check(ty, Value::Struct(vec![kind, Value::Int(1)]), json!({"$kind": "delete", "a": 1}));
}

#[test]
fn values_of_any_type_can_be_opaque() {
    spec!("JSON-11");
    let opaque = Value::Opaque { serializer: "Kryo".into(), bytes: vec![1] };
    check(LogicalType::Int64, opaque, json!({"$opaque": {"serializer": "Kryo", "bytes": "AQ=="}}));
}

#[test]
fn keys_come_as_json_or_as_bare_text() {
    spec!("JSON-12");
    let key = |text, ty: &LogicalType| key_from_text(text, ty);
    assert_eq!(key("N14228", &LogicalType::String).unwrap(), Value::String("N14228".into()));
    assert_eq!(key("\"1\"", &LogicalType::String).unwrap(), Value::String("1".into()));
    assert_eq!(key("12", &LogicalType::String).unwrap(), Value::String("12".into()));
    assert_eq!(key("12", &LogicalType::Int64).unwrap(), Value::Int(12));
    assert_eq!(key("2013-01-01", &LogicalType::Date).unwrap(), Value::Int(15_706));
    let pair = LogicalType::Tuple(vec![
        ElementType::required(LogicalType::String),
        ElementType::required(LogicalType::Int32),
    ]);
    let both = Value::Struct(vec![Value::String("UA".into()), Value::Int(3)]);
    assert_eq!(key("[\"UA\",3]", &pair).unwrap(), both);
    assert_eq!(key("{\"f0\":\"UA\",\"f1\":3}", &pair).unwrap(), both);
    assert_eq!(key("12", &LogicalType::BigInteger).unwrap(), Value::BigInteger("12".into()));
    assert_eq!(key("1E+5", &LogicalType::BigDecimal).unwrap(), Value::big_decimal("1E+5").unwrap());
    assert!(key("x", &LogicalType::Int64).is_err());
    assert!(key("null", &LogicalType::Int64).is_err());
}

#[test]
fn mismatches_name_their_place() {
    let fields = LogicalType::Struct(StructType::of([("a", ElementType::required(LogicalType::Int8))]));
    let message = |json: Json| from_json(&json, &fields).unwrap_err().to_string();
    assert!(message(json!({"a": 300})).contains("value.a"));
    assert!(message(json!({"b": 1})).contains("member b"));
    assert!(message(json!({})).contains("value.a"));
}
