//! Logical types: what a state's keys, namespaces and values are, whatever stores them.

mod text;

pub(crate) use text::type_from;
pub use text::{type_from_json, type_to_json};

/// A unit of time of day or of instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// Thousandths of a second.
    Milli,
    /// Millionths of a second.
    Micro,
    /// Billionths of a second.
    Nano,
}

/// The type of a key, a namespace, an entry key or a value.
///
/// The mapping of each to Arrow ([`crate::column`]), to canonical bytes ([`crate::canonical`]) and
/// to JSON ([`crate::json`]) depends on the type alone, never on the data.
///
/// Spec: TYPE-1 to TYPE-28.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogicalType {
    /// True or false.
    Bool,
    /// Signed integers of 8, 16, 32 and 64 bits.
    Int8,
    /// A signed integer of 16 bits.
    Int16,
    /// A signed integer of 32 bits.
    Int32,
    /// A signed integer of 64 bits.
    Int64,
    /// An unsigned integer of 8 bits.
    UInt8,
    /// An unsigned integer of 16 bits.
    UInt16,
    /// An unsigned integer of 32 bits.
    UInt32,
    /// An unsigned integer of 64 bits.
    UInt64,
    /// An IEEE 754 binary32.
    Float32,
    /// An IEEE 754 binary64.
    Float64,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// Days since 1970-01-01.
    Date,
    /// Time of day since midnight.
    Time(TimeUnit),
    /// An instant since 1970-01-01T00:00:00Z, or a local date and time without a zone.
    Timestamp {
        /// The unit counted.
        unit: TimeUnit,
        /// Whether it is an instant in UTC; otherwise a local date and time.
        utc: bool,
    },
    /// A decimal of fixed scale, at most 38 digits.
    Decimal {
        /// Number of digits.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// An integer of any size.
    BigInteger,
    /// A decimal of any size, with a scale of its own in every value.
    BigDecimal,
    /// Elements in order.
    List(Box<ElementType>),
    /// Distinct elements without order.
    Set(Box<LogicalType>),
    /// Keys and values without order, keys distinct.
    Map(Box<LogicalType>, Box<ElementType>),
    /// Named fields with ids.
    Struct(StructType),
    /// Fields by position, printed as `f0`, `f1`, ….
    Tuple(Vec<ElementType>),
    /// One of a list of symbols.
    Enum(EnumType),
    /// A value of one of two types.
    Either(Box<ElementType>, Box<ElementType>),
    /// A window of time, start inclusive and end exclusive, in milliseconds.
    TimeWindow,
    /// Bytes that only the named serializer understands.
    Opaque {
        /// Name of the serializer.
        serializer: String,
    },
}

/// A type that may or may not be null where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ElementType {
    /// The type.
    pub ty: LogicalType,
    /// Whether null may stand in its place.
    pub nullable: bool,
}

impl ElementType {
    /// Wraps a type whose place is never null.
    pub fn required(ty: LogicalType) -> Self {
        ElementType { ty, nullable: false }
    }

    /// Wraps a type whose place may be null.
    pub fn nullable(ty: LogicalType) -> Self {
        ElementType { ty, nullable: true }
    }
}

/// Named fields in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StructType {
    /// The fields, ascending by id once ids are assigned.
    pub fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Id within its struct, from 1; 0 while none is assigned.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Earlier names under which it is also found.
    pub aliases: Vec<String>,
    /// Its type.
    pub ty: ElementType,
}

impl Field {
    /// Makes a field without aliases.
    pub fn new(id: u32, name: impl Into<String>, ty: ElementType) -> Self {
        Field { id, name: name.into(), aliases: Vec::new(), ty }
    }
}

/// The symbols of an enum; a symbol is stored as its position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnumType {
    /// Symbols in order; new ones are only ever appended.
    pub symbols: Vec<String>,
}

impl StructType {
    /// Makes a struct whose fields have the ids 1, 2, … in order.
    pub fn of(fields: impl IntoIterator<Item = (impl Into<String>, ElementType)>) -> Self {
        let fields = fields.into_iter().zip(1..).map(|((name, ty), id)| Field::new(id, name, ty));
        StructType { fields: fields.collect() }
    }

    /// Returns the position of the field of that name or alias.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|f| f.name == name)
            .or_else(|| self.fields.iter().position(|f| f.aliases.iter().any(|a| a == name)))
    }
}

impl LogicalType {
    /// Returns whether a key of this type can be opaque while its column is typed: only types
    /// whose canonical bytes never begin with 0xFF. Values can be opaque whatever their type.
    ///
    /// Spec: CANON-18.
    pub fn allows_opaque_rows(&self) -> bool {
        use LogicalType::*;
        matches!(
            self,
            String
                | BigInteger
                | BigDecimal
                | List(_)
                | Set(_)
                | Map(..)
                | Struct(_)
                | Tuple(_)
                | Enum(_)
                | Either(..)
                | Opaque { .. }
        )
    }

    /// Returns the canonical timestamp type: milliseconds in UTC.
    pub fn timestamp_ms() -> Self {
        LogicalType::Timestamp { unit: TimeUnit::Milli, utc: true }
    }
}
