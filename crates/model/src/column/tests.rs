use super::*;
use crate::{EnumType, StructType, spec};

fn check(ty: LogicalType, values: Vec<Value>) {
    let column = column_of(&values, &ty).unwrap();
    assert_eq!(column.data_type(), &arrow_type(&ty), "{ty}");
    for (row, value) in values.iter().enumerate() {
        assert_eq!(&value_at(&column, &ty, row).unwrap(), value, "{ty}");
    }
}

#[test]
fn values_of_every_type_pass_through_columns() {
    spec!(
        "TYPE-1", "TYPE-2", "TYPE-3", "TYPE-4", "TYPE-5", "TYPE-6", "TYPE-7", "TYPE-8", "TYPE-9", "TYPE-10",
        "TYPE-11", "TYPE-12", "TYPE-13", "TYPE-14", "TYPE-15", "TYPE-16", "TYPE-17", "TYPE-18", "TYPE-19",
        "TYPE-20", "TYPE-21", "TYPE-22", "TYPE-26", "TYPE-27", "TYPE-28"
    );
    use LogicalType as T;
    let required = ElementType::required;
    check(T::Bool, vec![Value::Bool(true), Value::Null, Value::Bool(false)]);
    for ty in [T::Int8, T::Int16, T::Int32, T::Int64, T::Date, T::timestamp_ms()] {
        check(ty, vec![Value::Int(-5), Value::Null, Value::Int(7)]);
    }
    for unit in [TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano] {
        check(T::Time(unit), vec![Value::Int(5)]);
        check(T::Timestamp { unit, utc: false }, vec![Value::Int(5)]);
    }
    for ty in [T::UInt8, T::UInt16, T::UInt32, T::UInt64] {
        check(ty, vec![Value::UInt(200), Value::Null]);
    }
    check(T::Float32, vec![Value::Float32(1.5)]);
    check(T::Float64, vec![Value::Float64(-0.5), Value::Null]);
    check(T::Decimal { precision: 10, scale: 2 }, vec![Value::Decimal(-12_345)]);
    check(T::String, vec![Value::String("é".into()), Value::Null]);
    check(T::Bytes, vec![Value::Bytes(vec![0, 255])]);
    check(
        T::List(Box::new(ElementType::nullable(T::Int8))),
        vec![Value::List(vec![Value::Int(1), Value::Null]), Value::Null, Value::List(vec![])],
    );
    check(T::Set(Box::new(T::String)), vec![Value::List(vec![Value::String("a".into())])]);
    check(
        T::Map(Box::new(T::String), Box::new(required(T::Int64))),
        vec![Value::Map(vec![(Value::String("a".into()), Value::Int(1))]), Value::Null],
    );
    let fields = StructType::of([("a", required(T::Int64)), ("b", ElementType::nullable(T::String))]);
    check(
        T::Struct(fields),
        vec![
            Value::Struct(vec![Value::Int(1), Value::Null]),
            Value::Null,
            Value::Struct(vec![Value::Int(2), Value::String("x".into())]),
        ],
    );
    check(T::Tuple(vec![required(T::Int64)]), vec![Value::Struct(vec![Value::Int(1)])]);
    check(T::Enum(EnumType { symbols: vec!["A".into(), "B".into()] }), vec![Value::Enum(1), Value::Null]);
    check(T::TimeWindow, vec![Value::Window { start: -1, end: 1 }, Value::Null]);
    check(T::BigInteger, vec![Value::BigInteger("-12345678901234567890123".into()), Value::Null]);
    check(
        T::BigDecimal,
        vec![Value::big_decimal("1.00").unwrap(), Value::Null, Value::big_decimal("0E+9").unwrap()],
    );
    let either = T::Either(Box::new(required(T::String)), Box::new(ElementType::nullable(T::Int8)));
    let (left, right) =
        (|v| Value::Either(Side::Left, Box::new(v)), |v| Value::Either(Side::Right, Box::new(v)));
    check(
        either,
        vec![left(Value::String("a".into())), Value::Null, right(Value::Null), right(Value::Int(1))],
    );
    check(
        T::Opaque { serializer: "Kryo".into() },
        vec![Value::Opaque { serializer: "Kryo".into(), bytes: vec![1] }],
    );
}

#[test]
fn raw_cells_give_the_logical_value_or_the_bytes() {
    spec!("TYPE-25");
    let lone = Value::Wtf8(vec![0xED, 0xA0, 0x80]);
    let typed =
        column_of(&[Value::Null, Value::Null, Value::String("a".into())], &LogicalType::String).unwrap();
    let cells = arrow_array::BinaryArray::from_opt_vec(vec![
        Some(&raw_logical(&lone, &LogicalType::String, b"orig").unwrap()),
        Some(&raw_opaque("S", b"xy")),
        Some(&raw_opaque("S", b"odd form of a")),
    ]);
    let at = |row| value_with_raw(&typed, Some(&cells), &LogicalType::String, row).unwrap();
    assert_eq!(at(0), lone);
    assert_eq!(at(1), Value::Opaque { serializer: "S".into(), bytes: b"xy".to_vec() });
    assert_eq!(at(2), Value::String("a".into()));
}

#[test]
fn what_arrow_cannot_hold_within_a_value_goes_into_the_raw_cell() {
    spec!("TYPE-25");
    let fields = StructType::of([
        ("a", ElementType::required(LogicalType::String)),
        ("b", ElementType::nullable(LogicalType::Opaque { serializer: "Kryo".into() })),
    ]);
    let ty = LogicalType::Struct(fields);
    let kryo = |serializer: &str| Value::Opaque { serializer: serializer.into(), bytes: vec![7] };
    let row = |a: Value, b: &str| Value::Struct(vec![a, kryo(b)]);
    let lone = Value::Wtf8(vec![0xED, 0xA0, 0x80]);
    assert!(holds(&row(Value::String("a".into()), "Kryo"), &ty));
    for odd in [row(lone, "Kryo"), row(Value::String("a".into()), "Other")] {
        assert!(!holds(&odd, &ty));
        let cells = arrow_array::BinaryArray::from_vec(vec![&raw_logical(&odd, &ty, b"").unwrap()]);
        let typed = column_of(&[Value::Null], &ty).unwrap();
        assert_eq!(value_with_raw(&typed, Some(&cells), &ty, 0).unwrap(), odd);
    }
}

#[test]
fn broken_texts_and_sides_are_refused() {
    spec!("TYPE-26", "TYPE-27", "TYPE-28");
    let texts = arrow_array::StringArray::from(vec!["007"]);
    assert!(value_at(&texts, &LogicalType::BigInteger, 0).is_err());
    assert!(value_at(&texts, &LogicalType::BigDecimal, 0).is_err());
    let element = || Box::new(ElementType::required(LogicalType::Bool));
    let ty = LogicalType::Either(element(), element());
    let DataType::Struct(fields) = arrow_type(&ty) else { panic!() };
    let bools = |v| Arc::new(arrow_array::BooleanArray::from(vec![v])) as arrow_array::ArrayRef;
    for (side, left, right) in [
        ("left", None, None),
        ("left", Some(true), Some(true)),
        ("left", None, Some(true)),
        ("top", Some(true), None),
    ] {
        let sides = Arc::new(arrow_array::StringArray::from(vec![side]));
        let columns = vec![sides as arrow_array::ArrayRef, bools(left), bools(right)];
        let column = arrow_array::StructArray::new(fields.clone(), columns, None);
        assert!(value_at(&column, &ty, 0).is_err(), "{side} {left:?} {right:?}");
    }
    assert!(column_of(&[Value::Either(Side::Left, Box::new(Value::Null))], &ty).is_err());
}

#[test]
fn values_out_of_range_are_refused() {
    assert!(column_of(&[Value::Int(300)], &LogicalType::Int8).is_err());
    assert!(column_of(&[Value::Bool(true)], &LogicalType::Int8).is_err());
}
