use alluvium_model::{ElementType, EnumType, LogicalType, StructType, TimeUnit};

use super::super::DEPTH_MAX;
use super::super::row::row_type;
use crate::java;

/// A logical type of Flink SQL, as far as its binary form and our types go.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum TableType {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// Days since 1970 in 32 bits.
    Date,
    /// Milliseconds of the day in 32 bits.
    Time,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Timestamp {
        precision: u8,
        utc: bool,
    },
    /// `CHAR`, `VARCHAR`.
    Text,
    /// `BINARY`, `VARBINARY`.
    Binary,
    Array(Box<TableType>),
    Map(Box<(TableType, TableType)>),
    /// `ROW` and structured types; the names of the fields where they have some.
    Row(Vec<(Option<String>, TableType)>),
    /// `NULL`, and what the rest of the crate takes for opaque: `RAW`, `VARIANT`, `BITMAP`.
    Null,
    Opaque(String),
}

/// Types of one snapshot, counted; more are hostile.
const TYPES_MAX: usize = 1 << 16;

/// Returns the type that a Java object of `LogicalType` stands for; none for classes that are not
/// known, and past the limits of depth and number.
pub(in super::super) fn table_type(value: java::Value<'_>) -> Option<TableType> {
    Types { left: TYPES_MAX }.of(value, 0)
}

struct Types {
    left: usize,
}

const LOGICAL: &str = "org.apache.flink.table.types.logical.";

impl Types {
    fn of(&mut self, value: java::Value<'_>, depth: usize) -> Option<TableType> {
        self.left = self.left.checked_sub(1)?;
        if depth >= DEPTH_MAX {
            return None;
        }
        let object = value.as_object()?;
        let number = |name| u8::try_from(object.find(name)?.as_i64()?).ok();
        Some(match object.class().name().strip_prefix(LOGICAL)? {
            "BooleanType" => TableType::Bool,
            "TinyIntType" => TableType::Int8,
            "SmallIntType" => TableType::Int16,
            "IntType" | "YearMonthIntervalType" => TableType::Int32,
            "BigIntType" | "DayTimeIntervalType" => TableType::Int64,
            "FloatType" => TableType::Float32,
            "DoubleType" => TableType::Float64,
            "DateType" => TableType::Date,
            "TimeType" => TableType::Time,
            "DecimalType" => TableType::Decimal {
                precision: number("precision")?,
                scale: i8::try_from(object.find("scale")?.as_i64()?).ok()?,
            },
            "TimestampType" => TableType::Timestamp { precision: number("precision")?, utc: false },
            "LocalZonedTimestampType" => TableType::Timestamp { precision: number("precision")?, utc: true },
            "CharType" | "VarCharType" => TableType::Text,
            "BinaryType" | "VarBinaryType" => TableType::Binary,
            "NullType" => TableType::Null,
            "ArrayType" => TableType::Array(Box::new(self.of(object.find("elementType")?, depth + 1)?)),
            "MultisetType" => {
                let element = self.of(object.find("elementType")?, depth + 1)?;
                TableType::Map(Box::new((element, TableType::Int32)))
            }
            "MapType" => {
                let key = self.of(object.find("keyType")?, depth + 1)?;
                TableType::Map(Box::new((key, self.of(object.find("valueType")?, depth + 1)?)))
            }
            "RowType" => self.row(object, "fields", depth)?,
            "StructuredType" => self.row(object, "attributes", depth)?,
            "DistinctType" => self.of(object.find("sourceType")?, depth + 1)?,
            "RawType" => {
                let class = object.find("clazz").and_then(java::Value::as_class);
                TableType::Opaque(format!("RAW<{}>", class.map(java::Class::name).unwrap_or_default()))
            }
            "VariantType" => TableType::Opaque("VARIANT".into()),
            "BitmapType" => TableType::Opaque("BITMAP".into()),
            _ => return None,
        })
    }

    fn row(&mut self, object: java::Object<'_>, fields: &str, depth: usize) -> Option<TableType> {
        let mut row = Vec::new();
        for field in object.find(fields)?.elements()? {
            let field = field.as_object()?;
            let name = field.find("name")?.as_str()?.to_owned();
            row.push((Some(name), self.of(field.find("type")?, depth + 1)?));
        }
        Some(TableType::Row(row))
    }
}

impl TableType {
    /// Returns the type of a place of this type, which the null bits allow to be null everywhere.
    pub(in super::super) fn element_type(&self) -> ElementType {
        ElementType::nullable(self.ty())
    }

    pub(super) fn ty(&self) -> LogicalType {
        use LogicalType as T;
        match self {
            TableType::Bool => T::Bool,
            TableType::Int8 => T::Int8,
            TableType::Int16 => T::Int16,
            TableType::Int32 => T::Int32,
            TableType::Int64 => T::Int64,
            TableType::Float32 => T::Float32,
            TableType::Float64 => T::Float64,
            TableType::Date => T::Date,
            TableType::Time => T::Time(TimeUnit::Milli),
            TableType::Decimal { precision, scale } => T::Decimal { precision: *precision, scale: *scale },
            TableType::Timestamp { precision, utc } => T::Timestamp { unit: unit(*precision), utc: *utc },
            TableType::Text => T::String,
            TableType::Binary => T::Bytes,
            TableType::Array(element) => T::List(Box::new(element.element_type())),
            TableType::Map(types) => T::Map(Box::new(types.0.ty()), Box::new(types.1.element_type())),
            TableType::Row(fields) => fields_type(fields),
            TableType::Null => T::Enum(EnumType { symbols: vec!["Void".into()] }),
            TableType::Opaque(name) => T::Opaque { serializer: name.clone() },
        }
    }

    /// Returns the bytes of an element in an array.
    pub(super) fn width(&self) -> usize {
        match self {
            TableType::Bool | TableType::Int8 => 1,
            TableType::Int16 => 2,
            TableType::Int32 | TableType::Float32 | TableType::Date | TableType::Time => 4,
            _ => 8,
        }
    }
}

/// Returns the type of a row without its kind.
pub(super) fn fields_type(fields: &[(Option<String>, TableType)]) -> LogicalType {
    if fields.is_empty() {
        return LogicalType::Struct(StructType::default());
    }
    row_type(false, fields.iter().map(|(name, ty)| (name.as_deref(), ty.element_type())).collect())
}

/// Returns the unit that holds fractions of so many digits.
pub(super) fn unit(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Milli,
        4..=6 => TimeUnit::Micro,
        _ => TimeUnit::Nano,
    }
}
