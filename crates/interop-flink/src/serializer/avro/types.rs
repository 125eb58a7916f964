use alluvium_model::{ElementType, EnumType, LogicalType, StructType, TimeUnit, Value};

use super::super::decoder::Decoder;
use super::super::{DEPTH_MAX, basic::is_null};
use super::schema::{Decimal, Node, Schema};
use crate::Result;

/// A schema compiled to a tree; parts that hold themselves end it.
#[derive(Debug, Clone)]
pub(super) enum Type {
    Null,
    Bool,
    Int(LogicalType),
    Long(LogicalType),
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Decimal {
        precision: u8,
        scale: i8,
        fixed: Option<usize>,
    },
    Enum(Vec<String>),
    Array(Box<Type>),
    Map(Box<Type>),
    Record(Vec<(String, Type)>),
    /// A union of null and another type.
    Nullable {
        null: i32,
        value: Box<Type>,
    },
    /// Any other union: its types by name.
    Union(Vec<(String, Type)>),
    /// A type within itself, kept as it is.
    Recursive {
        place: usize,
        name: String,
    },
}

/// Types of one tree: types that are named several times are compiled for each.
const TYPES_MAX: usize = 1 << 14;

/// Compiles a schema; none past the limits of depth and number.
pub(super) fn compile(schema: &Schema) -> Option<Type> {
    Compiler { schema, open: Vec::new(), left: TYPES_MAX }.node(schema.root())
}

struct Compiler<'c> {
    schema: &'c Schema,
    /// Places of the types being compiled.
    open: Vec<usize>,
    left: usize,
}

impl Compiler<'_> {
    fn node(&mut self, place: usize) -> Option<Type> {
        self.left = self.left.checked_sub(1)?;
        if self.open.contains(&place) {
            return Some(Type::Recursive { place, name: format!("Avro<{}>", self.schema.name(place)) });
        }
        if self.open.len() >= DEPTH_MAX {
            return None;
        }
        self.open.push(place);
        let ty = self.open_node(place);
        self.open.pop();
        ty
    }

    fn open_node(&mut self, place: usize) -> Option<Type> {
        Some(match self.schema.node(place)? {
            Node::Null => Type::Null,
            Node::Bool => Type::Bool,
            Node::Int(logical) => Type::Int(int_type(logical.as_deref())),
            Node::Long(logical) => Type::Long(long_type(logical.as_deref())),
            Node::Float => Type::Float,
            Node::Double => Type::Double,
            Node::Bytes(None) => Type::Bytes,
            Node::Bytes(Some(decimal)) => decimal_type(*decimal, None),
            Node::Text => Type::Text,
            Node::Fixed { size, decimal: None } => Type::Fixed(*size),
            Node::Fixed { size, decimal: Some(decimal) } => decimal_type(*decimal, Some(*size)),
            Node::Enum(symbols) => Type::Enum(symbols.clone()),
            Node::Array(element) => Type::Array(Box::new(self.node(*element)?)),
            Node::Map(value) => Type::Map(Box::new(self.node(*value)?)),
            Node::Record { fields, .. } => {
                let fields = fields.iter().map(|(name, ty)| Some((name.clone(), self.node(*ty)?)));
                Type::Record(fields.collect::<Option<_>>()?)
            }
            Node::Union(branches) => {
                let compiled =
                    branches.iter().map(|b| Some((self.schema.name(*b).to_owned(), self.node(*b)?)));
                union_type(compiled.collect::<Option<_>>()?)
            }
        })
    }
}

fn decimal_type(decimal: Decimal, fixed: Option<usize>) -> Type {
    Type::Decimal { precision: decimal.precision, scale: decimal.scale, fixed }
}

fn union_type(mut branches: Vec<(String, Type)>) -> Type {
    let null = branches.iter().position(|(_, ty)| matches!(ty, Type::Null));
    match (branches.len(), null) {
        (2, Some(null @ (0 | 1))) => {
            let (_, value) = branches.swap_remove(1 - null);
            Type::Nullable { null: i32::from(null == 1), value: Box::new(value) }
        }
        _ => Type::Union(branches),
    }
}

fn int_type(logical: Option<&str>) -> LogicalType {
    match logical {
        Some("date") => LogicalType::Date,
        Some("time-millis") => LogicalType::Time(TimeUnit::Milli),
        _ => LogicalType::Int32,
    }
}

fn long_type(logical: Option<&str>) -> LogicalType {
    let timestamp = |unit, utc| LogicalType::Timestamp { unit, utc };
    match logical {
        Some("time-micros") => LogicalType::Time(TimeUnit::Micro),
        Some("timestamp-millis") => timestamp(TimeUnit::Milli, true),
        Some("timestamp-micros") => timestamp(TimeUnit::Micro, true),
        Some("timestamp-nanos") => timestamp(TimeUnit::Nano, true),
        Some("local-timestamp-millis") => timestamp(TimeUnit::Milli, false),
        Some("local-timestamp-micros") => timestamp(TimeUnit::Micro, false),
        Some("local-timestamp-nanos") => timestamp(TimeUnit::Nano, false),
        _ => LogicalType::Int64,
    }
}

impl Type {
    pub(super) fn element_type(&self) -> ElementType {
        use LogicalType as T;
        let required = |types: &[(String, Type)]| {
            T::Struct(StructType::of(types.iter().map(|(name, ty)| (name.as_str(), ty.element_type()))))
        };
        ElementType::required(match self {
            Type::Null => {
                return ElementType::nullable(T::Enum(EnumType { symbols: vec!["Void".into()] }));
            }
            Type::Bool => T::Bool,
            Type::Int(ty) | Type::Long(ty) => ty.clone(),
            Type::Float => T::Float32,
            Type::Double => T::Float64,
            Type::Bytes | Type::Fixed(_) => T::Bytes,
            Type::Text => T::String,
            Type::Decimal { precision, scale, .. } => T::Decimal { precision: *precision, scale: *scale },
            Type::Enum(symbols) => T::Enum(EnumType { symbols: symbols.clone() }),
            Type::Array(element) => T::List(Box::new(element.element_type())),
            Type::Map(value) => T::Map(Box::new(T::String), Box::new(value.element_type())),
            Type::Record(fields) => required(fields),
            Type::Nullable { value, .. } => return ElementType::nullable(value.element_type().ty),
            Type::Union(branches) => {
                let some = branches.iter().filter(|(_, ty)| !matches!(ty, Type::Null));
                let fields =
                    some.map(|(name, ty)| (name.as_str(), ElementType::nullable(ty.element_type().ty)));
                let nullable = branches.iter().any(|(_, ty)| matches!(ty, Type::Null));
                return ElementType { ty: T::Struct(StructType::of(fields)), nullable };
            }
            Type::Recursive { name, .. } => T::Opaque { serializer: name.clone() },
        })
    }

    /// Returns the least number of bytes of a value.
    pub(super) fn least(&self) -> usize {
        match self {
            Type::Null => 0,
            Type::Bool | Type::Array(_) | Type::Map(_) => 1,
            Type::Int(_) | Type::Float | Type::Bytes | Type::Text | Type::Enum(_) => 4,
            Type::Nullable { .. } | Type::Union(_) | Type::Decimal { fixed: None, .. } => 4,
            Type::Long(_) | Type::Double => 8,
            Type::Fixed(size) | Type::Decimal { fixed: Some(size), .. } => *size,
            Type::Record(fields) => fields.iter().map(|(_, ty)| ty.least()).fold(0, usize::saturating_add),
            Type::Recursive { .. } => 0,
        }
    }
}

/// Returns the value of a union: a struct with a field for every type but null, of which one is set.
pub(super) fn union_value(
    branches: &[(String, Type)],
    chosen: usize,
    value: Value,
    d: &mut Decoder<'_, '_>,
) -> Result<Value> {
    if matches!(branches.get(chosen), Some((_, Type::Null))) {
        return Ok(Value::Null);
    }
    let mut values = d.values(branches.len())?;
    let mut value = Some(value);
    for (position, (_, ty)) in branches.iter().enumerate() {
        match ty {
            Type::Null => {}
            _ if position == chosen => values.extend(value.take()),
            _ => values.push(Value::Null),
        }
    }
    Ok(Value::Struct(values))
}

/// Returns the type of a union's value and what it holds; none unless exactly one is set.
pub(super) fn union_branch<'v>(branches: &[(String, Type)], value: &'v Value) -> Option<(usize, &'v Value)> {
    let null = branches.iter().position(|(_, ty)| matches!(ty, Type::Null));
    let fields = match value {
        Value::Null => return Some((null?, value)),
        Value::Struct(fields) => fields,
        _ => return None,
    };
    let typed = (0..branches.len()).filter(|position| Some(*position) != null);
    let mut set = typed.zip(fields).filter(|(_, value)| !is_null(value));
    set.next().filter(|_| set.next().is_none())
}
