/// One value of a [`LogicalType`](crate::LogicalType), for the paths where single values matter:
/// look-ups, JSON, tests. Batches stay in Arrow.
///
/// Structs and tuples hold their fields by position; a map its entries and a set its members in
/// canonical order once they have passed through [`Value::normalize`](crate::canonical).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// A bool.
    Bool(bool),
    /// A signed integer, a date (days), a time or a timestamp (in the unit of its type).
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A binary32.
    Float32(f32),
    /// A binary64.
    Float64(f64),
    /// Text that is valid Unicode.
    String(String),
    /// Text with lone surrogates, as WTF-8.
    Wtf8(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// The unscaled value of a decimal.
    Decimal(i128),
    /// An integer of any size, as its decimal text ([`crate::big::is_integer`]).
    BigInteger(String),
    /// A decimal of any size and scale; 1.0 and 1.00 differ.
    BigDecimal {
        /// The unscaled integer's text.
        unscaled: String,
        /// Digits after the point.
        scale: i32,
    },
    /// A list or a set.
    List(Vec<Value>),
    /// A map.
    Map(Vec<(Value, Value)>),
    /// The fields of a struct or a tuple, by position.
    Struct(Vec<Value>),
    /// The position of an enum's symbol.
    Enum(u32),
    /// A time window, end exclusive, in milliseconds.
    Window {
        /// First millisecond.
        start: i64,
        /// One past the last millisecond.
        end: i64,
    },
    /// One of two, and which.
    Either(Side, Box<Value>),
    /// Bytes that only the named serializer understands.
    Opaque {
        /// Name of the serializer.
        serializer: String,
        /// The bytes as found.
        bytes: Vec<u8>,
    },
}

/// A side of a [`Value::Either`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The first of the two types.
    Left,
    /// The second.
    Right,
}

impl Side {
    /// Returns the name in columns and JSON: `left` or `right`.
    pub fn name(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }

    /// Returns the side of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Side::Left, Side::Right].into_iter().find(|side| side.name() == name)
    }

    /// Returns the member of a pair that stands on this side.
    pub fn of<T>(self, left: T, right: T) -> T {
        match self {
            Side::Left => left,
            Side::Right => right,
        }
    }
}

impl Value {
    /// Makes a decimal from its text ([`crate::big::decimal_parts`]).
    pub fn big_decimal(text: &str) -> Option<Self> {
        let (unscaled, scale) = crate::big::decimal_parts(text)?;
        Some(Value::BigDecimal { unscaled, scale })
    }

    /// Returns a short name of what this is, for errors.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an integer",
            Value::UInt(_) => "an unsigned integer",
            Value::Float32(_) | Value::Float64(_) => "a float",
            Value::String(_) | Value::Wtf8(_) => "a string",
            Value::Bytes(_) => "bytes",
            Value::Decimal(_) => "a decimal",
            Value::BigInteger(_) => "a big integer",
            Value::BigDecimal { .. } => "a big decimal",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Struct(_) => "a struct",
            Value::Enum(_) => "an enum symbol",
            Value::Window { .. } => "a time window",
            Value::Either(Side::Left, _) => "a left side",
            Value::Either(Side::Right, _) => "a right side",
            Value::Opaque { .. } => "opaque bytes",
        }
    }
}
