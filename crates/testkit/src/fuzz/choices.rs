use alluvium_model::types::{Field, StructType};
use alluvium_model::{ElementType, EnumType, LogicalType, Side, TimeUnit, Value, big, canonical};

/// Decisions read from bytes; zeros once they end.
#[derive(Debug)]
pub(super) struct Choices<'a> {
    bytes: &'a [u8],
}

/// How deep types nest.
const DEPTH_MAX: usize = 3;

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Choices { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn number(&mut self) -> u64 {
        match self.byte() % 4 {
            0 => u64::from(self.byte()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => 1 << (self.byte() % 64),
            _ => (0..8).fold(0, |n, _| n << 8 | u64::from(self.byte())),
        }
    }

    fn blob(&mut self) -> Vec<u8> {
        let length = self.below(12);
        (0..length).map(|_| self.byte()).collect()
    }

    pub(super) fn logical_type(&mut self, depth: usize) -> LogicalType {
        use LogicalType as T;
        let unit = |choices: &mut Self| [TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano][choices.below(3)];
        let kinds = if depth < DEPTH_MAX { 28 } else { 20 };
        match self.below(kinds) {
            0 => T::Bool,
            1 => T::Int8,
            2 => T::Int16,
            3 => T::Int32,
            4 => T::Int64,
            5 => T::UInt8,
            6 => T::UInt16,
            7 => T::UInt32,
            8 => T::UInt64,
            9 => T::Float32,
            10 => T::Float64,
            11 => T::Bytes,
            12 => T::Date,
            13 => T::Time(unit(self)),
            14 => T::Timestamp { unit: unit(self), utc: self.flag() },
            15 => T::Decimal { precision: 1 + self.below(38) as u8, scale: self.below(6) as i8 },
            16 => T::TimeWindow,
            17 => T::String,
            18 => T::BigInteger,
            19 => T::BigDecimal,
            20 => T::List(Box::new(self.element_type(depth + 1))),
            21 => T::Set(Box::new(self.logical_type(depth + 1))),
            22 => T::Map(Box::new(self.logical_type(depth + 1)), Box::new(self.element_type(depth + 1))),
            23 => {
                let fields = (1..=1 + self.below(3) as u32)
                    .map(|id| Field::new(id, format!("field{id}"), self.element_type(depth + 1)));
                T::Struct(StructType { fields: fields.collect() })
            }
            24 => T::Tuple((0..=self.below(3)).map(|_| self.element_type(depth + 1)).collect()),
            25 => T::Either(Box::new(self.element_type(depth + 1)), Box::new(self.element_type(depth + 1))),
            26 => T::Enum(EnumType { symbols: (0..=self.below(4)).map(|n| format!("S{n}")).collect() }),
            _ => T::Opaque { serializer: "kryo".into() },
        }
    }

    fn element_type(&mut self, depth: usize) -> ElementType {
        ElementType { nullable: self.flag(), ty: self.logical_type(depth) }
    }

    /// Returns a value of a type; members of sets and keys of maps are distinct, in any order.
    pub(super) fn value(&mut self, ty: &LogicalType) -> Value {
        use LogicalType as T;
        if matches!(ty, T::Opaque { .. }) || (ty.allows_opaque_rows() && self.below(16) == 15) {
            let serializer = if self.flag() { "kryo".into() } else { format!("s{}", self.byte()) };
            return Value::Opaque { serializer, bytes: self.blob() };
        }
        match ty {
            T::Bool => Value::Bool(self.flag()),
            T::Int8 => Value::Int(i64::from(self.number() as i8)),
            T::Int16 => Value::Int(i64::from(self.number() as i16)),
            T::Int32 => Value::Int(i64::from(self.number() as i32)),
            T::Date => Value::Int(i64::from(self.number() as i32)),
            T::Int64 | T::Timestamp { .. } => Value::Int(self.number() as i64),
            T::Time(unit) => Value::Int((self.number() % per_day(*unit)) as i64),
            T::UInt8 => Value::UInt(self.number() & 0xFF),
            T::UInt16 => Value::UInt(self.number() & 0xFFFF),
            T::UInt32 => Value::UInt(self.number() & 0xFFFF_FFFF),
            T::UInt64 => Value::UInt(self.number()),
            T::Float32 => Value::Float32(f32::from_bits(self.number() as u32)),
            T::Float64 => Value::Float64(f64::from_bits(self.number())),
            T::String => self.string(),
            T::Bytes => Value::Bytes(self.blob()),
            T::Decimal { precision, .. } => {
                let number = u128::from(self.number()) << 64 | u128::from(self.number());
                Value::Decimal(number as i128 % 10i128.pow(u32::from(*precision)))
            }
            T::BigInteger => Value::BigInteger(self.integer()),
            T::BigDecimal => {
                let scale = self.number() as i32;
                Value::BigDecimal {
                    unscaled: self.integer(),
                    scale: if self.flag() { scale } else { scale % 9 },
                }
            }
            T::Either(left, right) => {
                let side = if self.flag() { Side::Left } else { Side::Right };
                Value::Either(side, Box::new(self.element(side.of(left, right))))
            }
            T::List(element) => Value::List((0..self.below(4)).map(|_| self.element(element)).collect()),
            T::Set(member) => {
                let members = (0..self.below(4)).map(|_| self.value(member)).collect();
                Value::List(distinct(members, |v| v, member))
            }
            T::Map(key, element) => {
                let entries = (0..self.below(4)).map(|_| (self.value(key), self.element(element))).collect();
                Value::Map(distinct(entries, |(k, _)| k, key))
            }
            T::Struct(fields) => Value::Struct(fields.fields.iter().map(|f| self.element(&f.ty)).collect()),
            T::Tuple(types) => Value::Struct(types.iter().map(|t| self.element(t)).collect()),
            T::Enum(symbols) => Value::Enum(self.below(symbols.symbols.len()) as u32),
            T::TimeWindow => Value::Window { start: self.number() as i64, end: self.number() as i64 },
            _ => Value::Null,
        }
    }

    fn element(&mut self, ty: &ElementType) -> Value {
        if ty.nullable && self.below(4) == 3 { Value::Null } else { self.value(&ty.ty) }
    }

    fn integer(&mut self) -> String {
        big::integer_from_be(&self.blob()).unwrap_or_else(|| "0".into())
    }

    /// Text of characters that encoders stumble over, now and then with a lone surrogate.
    fn string(&mut self) -> Value {
        const PARTS: [&[u8]; 8] =
            [b"", b"a", b"b", b"\0", b"\x01", "é".as_bytes(), "🛩".as_bytes(), b"\xED\xA0\x80"];
        let count = self.below(6);
        let bytes = (0..count).flat_map(|_| PARTS[self.below(8)].iter().copied()).collect::<Vec<u8>>();
        match String::from_utf8(bytes) {
            Ok(text) => Value::String(text),
            Err(odd) => Value::Wtf8(odd.into_bytes()),
        }
    }
}

fn per_day(unit: TimeUnit) -> u64 {
    let per_second = match unit {
        TimeUnit::Milli => 1_000,
        TimeUnit::Micro => 1_000_000,
        TimeUnit::Nano => 1_000_000_000,
    };
    86_400 * per_second
}

/// Drops members whose key stands before them.
fn distinct<T>(members: Vec<T>, key: impl Fn(&T) -> &Value, ty: &LogicalType) -> Vec<T> {
    let mut seen = std::collections::BTreeSet::new();
    let mut kept = Vec::new();
    for member in members {
        if canonical::to_bytes(key(&member), ty).is_ok_and(|bytes| seen.insert(bytes)) {
            kept.push(member);
        }
    }
    kept
}
