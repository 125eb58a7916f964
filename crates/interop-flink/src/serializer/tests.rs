//! Random serializers and random values of their types, and what snapshots may not do.

mod plans;

use alluvium_model::{ElementType, LogicalType, Side, TimeUnit, Value};
use proptest::prelude::*;

use super::basic::Basic;
use super::collections::{Map, Marked, Masked};
use super::composite::{Either, Fields, Optional, Symbols, Timer};
use super::known::finish;
use super::pojo::Pojo;
use super::row::Row;
use super::stream::TwoPhaseCommit;
use super::table::{BinaryArray, BinaryMap, BinaryRow, TableDecimal, TableTimestamp, TableType};
use super::{Cell, Codec, Context, Form, Serializer, VALUE_BYTES_MAX, read_block, read_snapshot};
use crate::Error;
use crate::bytes::{Input, put_utf};

/// Bytes that decide everything, so that failures shrink.
struct Choices<'c>(std::slice::Iter<'c, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn long(&mut self) -> i64 {
        let width = self.below(9);
        (0..width).fold(0, |value, _| value << 8 | i64::from(self.byte()))
            * if self.byte() & 1 == 0 { 1 } else { -1 }
    }

    fn serializer(&mut self, depth: usize) -> Serializer {
        let codec = if depth == 0 { self.leaf() } else { self.codec(depth - 1) };
        finish("Random".to_owned(), codec)
    }

    fn leaf(&mut self) -> Codec {
        use Basic::*;
        let leaves = [
            Bool,
            Int8,
            Int16,
            Int32,
            Int64,
            SortedInt64,
            Float32,
            Float64,
            String,
            ModifiedUtf8,
            PlainString,
            Utf8,
            Bytes,
            BigInteger,
            BigDecimal,
            Millis,
            SqlTimestamp,
            Instant,
            LocalDate,
            LocalTime,
            LocalDateTime,
            TimeWindow,
            VoidNamespace,
            Null { bytes: 0 },
            Null { bytes: 1 },
            Single { name: "One", byte: 7 },
        ];
        match self.below(leaves.len() + 3) {
            0 => Codec::TableDecimal(TableDecimal { precision: 1 + self.below(38) as u8, scale: 0 }),
            1 => Codec::TableTimestamp(TableTimestamp { precision: self.below(10) as u8 }),
            2 => Codec::Symbols(Symbols::by_id(vec![("A".into(), -5), ("B".into(), 9)])),
            n => Codec::Basic(leaves[n - 3]),
        }
    }

    fn codec(&mut self, depth: usize) -> Codec {
        let one = |c: &mut Self| Box::new(c.serializer(depth));
        match self.below(20) {
            0 => Codec::List(one(self)),
            1 => Codec::Marked(Box::new(Marked { element: *one(self), present: true, set: false })),
            2 => Codec::Marked(Box::new(Marked { element: *one(self), present: false, set: true })),
            3 => Codec::Masked(Box::new(Masked { element: *one(self) })),
            4 => {
                let marked_keys = self.byte() & 1 == 0;
                Codec::Map(Box::new(Map { key: *one(self), value: *one(self), marked_keys }))
            }
            5 => Codec::Fields(Fields::tuple((0..self.below(4)).map(|_| *one(self)).collect())),
            6 | 7 => {
                let fields = (0..self.below(12)).map(|_| *one(self)).collect();
                let kinds = self.byte() & 1 == 0;
                Codec::Row(Row { fields, kinds, shows_kind: kinds })
            }
            8 => {
                let value = *one(self);
                let padding = value.fixed_length().filter(|length| *length > 0);
                Codec::Optional(Box::new(Optional { value, present: false, padding }))
            }
            9 => Codec::Either(Box::new(Either { left: *one(self), right: *one(self), markers: [1, 2] })),
            10 => {
                let fields = (0..self.below(4)).map(|i| (format!("f{i}"), *one(self))).collect();
                let other = (0..self.below(3)).map(|i| (format!("g{i}"), *one(self))).collect();
                let sub = Codec::Pojo(Box::new(Pojo::new("Sub".into(), other, Vec::new(), Vec::new())));
                let sub = ("Sub".to_owned(), Serializer::new("Sub", sub));
                Codec::Pojo(Box::new(Pojo::new("Base".into(), fields, Vec::new(), vec![sub])))
            }
            11 => Codec::Ttl(one(self)),
            12 => Codec::Timer(Box::new(Timer { key: *one(self), namespace: *one(self) })),
            13 => Codec::StreamElement(one(self)),
            14 => {
                let (transaction, context, optional) = (*one(self), *one(self), self.byte() & 1 == 0);
                Codec::TwoPhaseCommit(Box::new(TwoPhaseCommit { transaction, context, optional }))
            }
            15 | 16 => {
                let fields = (0..self.below(70)).map(|_| (None, self.table(depth))).collect();
                Codec::BinaryRow(Box::new(BinaryRow { fields, shows_kind: true }))
            }
            17 => Codec::BinaryArray(Box::new(BinaryArray(self.table(depth)))),
            18 => Codec::BinaryMap(Box::new(BinaryMap(self.table(depth), self.table(depth)))),
            _ => self.leaf(),
        }
    }

    fn table(&mut self, depth: usize) -> TableType {
        use TableType::*;
        let scalars = [Bool, Int8, Int16, Int32, Int64, Float32, Float64, Date, Time, Text, Binary];
        match self.below(scalars.len() + 5) {
            0 if depth > 0 => Array(Box::new(self.table(depth - 1))),
            1 if depth > 0 => Map(Box::new((self.table(depth - 1), self.table(depth - 1)))),
            2 if depth > 0 => {
                Row((0..self.below(4)).map(|i| (Some(format!("r{i}")), self.table(depth - 1))).collect())
            }
            0..=3 => Decimal { precision: 1 + self.below(38) as u8, scale: 0 },
            4 => Timestamp { precision: self.below(10) as u8, utc: true },
            n => scalars[n - 5].clone(),
        }
    }

    fn element(&mut self, ty: &ElementType) -> Value {
        if ty.nullable && self.below(4) == 0 {
            return Value::Null;
        }
        self.value(&ty.ty, ty.nullable)
    }

    fn value(&mut self, ty: &LogicalType, nullable: bool) -> Value {
        use LogicalType as T;
        match ty {
            T::Bool => Value::Bool(self.byte() & 1 == 0),
            T::Int8 => Value::Int((self.long() as i8).into()),
            T::Int16 => Value::Int((self.long() as i16).into()),
            T::Int32 => Value::Int((self.long() as i32).into()),
            T::Int64 => Value::Int(self.long()),
            T::Date => Value::Int(self.long() % 1_000_000),
            T::Time(TimeUnit::Milli) => Value::Int(self.long().rem_euclid(86_400_000)),
            T::Time(_) => Value::Int(self.long().rem_euclid(86_400_000_000_000)),
            T::Timestamp { .. } => Value::Int(self.long()),
            T::Float32 => Value::Float32(self.long() as f32 / 8.0),
            T::Float64 => Value::Float64(self.long() as f64 / 8.0),
            T::String => Value::String(self.text()),
            T::Bytes => Value::Bytes((0..self.below(20)).map(|_| self.byte()).collect()),
            T::BigInteger => Value::BigInteger(self.long().to_string()),
            T::BigDecimal => {
                Value::BigDecimal { unscaled: self.long().to_string(), scale: self.long() as i32 }
            }
            T::Decimal { precision, .. } => {
                let wide = i128::from(self.long()) * i128::from(self.long());
                Value::Decimal(wide % 10i128.pow((*precision).into()))
            }
            T::List(element) => Value::List((0..self.below(6)).map(|_| self.element(element)).collect()),
            T::Set(element) => Value::List((0..self.below(6)).map(|_| self.value(element, false)).collect()),
            T::Map(key, value) => {
                let entry = |c: &mut Self| (c.value(key, false), c.element(value));
                Value::Map((0..self.below(5)).map(|_| entry(self)).collect())
            }
            T::Tuple(types) => Value::Struct(types.iter().map(|ty| self.element(ty)).collect()),
            T::Struct(fields) if fields.fields.first().is_some_and(|field| field.name == "$class") => {
                let exactly = self.byte() & 1 == 0;
                let own = |name: &str| name.starts_with(if exactly { 'f' } else { 'g' });
                let class = if exactly { Value::Null } else { Value::String("Sub".into()) };
                let rest = fields.fields.iter().skip(1);
                let rest = rest.map(|f| if own(&f.name) { self.element(&f.ty) } else { Value::Null });
                Value::Struct(std::iter::once(class).chain(rest).collect())
            }
            T::Struct(fields) => {
                Value::Struct(fields.fields.iter().map(|field| self.element(&field.ty)).collect())
            }
            // The first kind of a row is null.
            T::Enum(symbols) if symbols.symbols.len() == 4 => Value::Enum(1 + self.below(3) as u32),
            T::Enum(symbols) if nullable && symbols.symbols.len() == 1 => Value::Null,
            T::Enum(symbols) => Value::Enum(self.below(symbols.symbols.len()) as u32),
            T::Either(left, right) => match self.byte() & 1 {
                0 => Value::Either(Side::Left, Box::new(self.element(left))),
                _ => Value::Either(Side::Right, Box::new(self.element(right))),
            },
            T::TimeWindow => Value::Window { start: self.long(), end: self.long() },
            other => panic!("{other}"),
        }
    }

    fn text(&mut self) -> String {
        let units = ["a", "z", "\0", "é", "中", "\u{1F600}", "long text of twenty"];
        (0..self.below(6)).map(|_| units[self.below(units.len())]).collect()
    }
}

fn encoded(serializer: &Serializer, value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    serializer.encode(value, &mut out).ok()?;
    Some(out)
}

/// Whether the type forbids null where the value generated for it may be the only one: maps and sets whose
/// members are always null have no typed form.
fn has_null_members(ty: &LogicalType) -> bool {
    use LogicalType as T;
    let void = |ty: &LogicalType| matches!(ty, T::Enum(e) if ["Void", "VoidNamespace"].contains(&e.symbols[0].as_str()));
    match ty {
        T::Set(element) => void(element) || has_null_members(element),
        T::Map(key, value) => void(key) || has_null_members(key) || has_null_members(&value.ty),
        T::List(element) => has_null_members(&element.ty),
        T::Tuple(types) => types.iter().any(|ty| has_null_members(&ty.ty)),
        T::Struct(fields) => fields.fields.iter().any(|field| has_null_members(&field.ty.ty)),
        T::Either(left, right) => has_null_members(&left.ty) || has_null_members(&right.ty),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_values_of_random_types_are_the_same_after_both_ways(
        shape in prop::collection::vec(any::<u8>(), 0..60),
        data in prop::collection::vec(any::<u8>(), 0..400),
        flip in any::<(u16, u8)>(),
    ) {
        let serializer = Choices(shape.iter()).serializer(3);
        let ty = serializer.element_type();
        prop_assume!(!has_null_members(&ty.ty));
        let value = Choices(data.iter()).element(&ty);
        let bytes = encoded(&serializer, &value);
        prop_assert!(bytes.is_some(), "{value:?} is no {ty}");
        let bytes = bytes.unwrap();
        prop_assert!(bytes.len() >= serializer.least());
        if let Some(length) = serializer.fixed_length().filter(|length| *length > 0) {
            prop_assert_eq!(length, bytes.len() - void_bytes(&ty.ty));
        }
        let cell = serializer.decode_whole(&bytes).unwrap();
        prop_assert_eq!(&cell, &Cell { value: value.clone(), raw: None });

        let longer = [bytes.as_slice(), &[9]].concat();
        let mut input = Input::new(&longer);
        prop_assert_eq!(serializer.decode(&mut input).unwrap(), value);
        prop_assert_eq!(input.rest(), [9]);

        if !bytes.is_empty() {
            let mut broken = bytes.clone();
            let at = usize::from(flip.0) % broken.len();
            broken[at] ^= flip.1 | 1;
            if let Ok(cell) = serializer.decode_whole(&broken) {
                let same = encoded(&serializer, &cell.value).as_ref() == Some(&broken);
                prop_assert_eq!(same, cell.raw.is_none(), "{:?}", cell);
            }
        }
    }

    #[test]
    fn random_bytes_are_errors_or_keep_their_bytes(
        shape in prop::collection::vec(any::<u8>(), 0..60),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let serializer = Choices(shape.iter()).serializer(3);
        if let Ok(cell) = serializer.decode_whole(&bytes) {
            let same = encoded(&serializer, &cell.value).as_ref() == Some(&bytes);
            prop_assert_eq!(same, cell.raw.is_none(), "{:?}", cell);
        }
    }
}

/// Void namespaces say that they have no bytes, and have one.
fn void_bytes(ty: &LogicalType) -> usize {
    match ty {
        LogicalType::Tuple(types) => types.iter().map(|ty| void_bytes(&ty.ty)).sum(),
        LogicalType::Struct(fields) => fields.fields.iter().map(|field| void_bytes(&field.ty.ty)).sum(),
        LogicalType::Enum(symbols) => usize::from(symbols.symbols[0] == "VoidNamespace"),
        _ => 0,
    }
}

fn list_of(element: Codec) -> Serializer {
    Serializer::new("List", Codec::List(Box::new(Serializer::new("Element", element))))
}

#[test]
fn counts_of_elements_without_bytes_end_at_the_limit_of_memory() {
    let list = list_of(Codec::Basic(Basic::Null { bytes: 0 }));
    let huge = [0x7F, 0xFF, 0xFF, 0xFF];
    assert!(matches!(list.decode(&mut Input::new(&huge)), Err(Error::TooLarge { .. })));
    let nested = Serializer::new("Lists", Codec::List(Box::new(list)));
    let many: Vec<u8> =
        [0, 0, 0, 200].into_iter().chain([0, 0, 0xFF, 0xFF].into_iter().cycle().take(800)).collect();
    assert!(matches!(nested.decode(&mut Input::new(&many)), Err(Error::TooLarge { .. })));
    assert!(matches!(nested.decode_whole(&many).unwrap().value, Value::Opaque { .. }));
    assert_eq!(VALUE_BYTES_MAX, 64 << 20);
}

#[test]
fn a_class_that_is_not_known_is_named_with_its_place() {
    let mut bytes = vec![0, 0, 0, 2];
    put_utf("com.example.MoneySerializer$Snapshot", "class", &mut bytes).unwrap();
    bytes.extend([0, 0, 0, 1]);
    let error = read_snapshot(&mut Input::at(&bytes, 100), Form::Proxy, &Context::default()).unwrap_err();
    match error {
        Error::Unsupported { offset, what, .. } => {
            assert_eq!(offset, 104);
            assert_eq!(what, "com.example.MoneySerializer$Snapshot version 1");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn snapshots_within_snapshots_end_at_the_limit_of_depth() {
    let mut bytes = Vec::new();
    for _ in 0..70 {
        put_utf("org.apache.flink.api.common.typeutils.base.ListSerializerSnapshot", "class", &mut bytes)
            .unwrap();
        bytes.extend([0, 0, 0, 3, 0, 0x0D, 0xE7, 4, 0, 0, 0, 1]);
        bytes.extend([0, 0x14, 0x57, 0xFD, 0, 0, 0, 1, 0, 0, 0, 1]);
    }
    let error = read_snapshot(&mut Input::new(&bytes), Form::Versioned, &Context::default()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { section: "nesting", .. }), "{error}");
}

#[test]
fn blocks_that_point_outside_are_errors() {
    let block = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 1];
    assert!(read_block(&mut Input::new(&block), &Context::default()).is_err());
    assert!(read_block(&mut Input::new(&[0xFF; 12]), &Context::default()).is_err());
    assert!(read_block(&mut Input::new(&[0; 8]), &Context::default()).unwrap().is_empty());
}

#[test]
fn subtasks_agree_on_the_subclasses_that_any_of_them_met() {
    let field = |basic| Serializer::new("Field", Codec::Basic(basic));
    let sub = |name: &str, own: &str| {
        let fields = vec![("id".to_owned(), field(Basic::Int64)), (own.to_owned(), field(Basic::Bool))];
        let pojo = Pojo::new(name.to_owned(), fields, Vec::new(), Vec::new());
        (name.to_owned(), Serializer::new(name, Codec::Pojo(Box::new(pojo))))
    };
    let base = |others| {
        let fields = vec![("id".to_owned(), field(Basic::Int64))];
        list_of(Codec::Pojo(Box::new(Pojo::new("Base".into(), fields, Vec::new(), others))))
    };
    let mut subtasks =
        [base(vec![sub("B", "b")]), base(Vec::new()), base(vec![sub("C", "c"), sub("A", "a")])];
    let bytes = b"\0\0\0\x01\x04\0\x01C\x02\0\0\0\0\0\0\0\0\x07\0\x01";
    assert!(subtasks[1].decode(&mut Input::new(bytes)).is_err());

    let mut all = subtasks[0].clone();
    subtasks.iter().for_each(|subtask| all.unite(subtask));
    subtasks.iter_mut().for_each(|subtask| subtask.unite(&all));
    let ty = all.element_type().to_string();
    assert_eq!(ty, "list<struct<$class: string?, id: int64?, a: bool?, b: bool?, c: bool?>?>");
    for subtask in &subtasks {
        assert_eq!(subtask.element_type().to_string(), ty);
        let value = subtask.decode(&mut Input::new(bytes)).unwrap();
        let row = vec![Value::String("C".into()), Value::Int(7), Value::Null, Value::Null, Value::Bool(true)];
        assert_eq!(value, Value::List(vec![Value::Struct(row)]));
        assert_eq!(encoded(subtask, &value).as_deref(), Some(&bytes[..]));
    }
}
