use std::cmp::Ordering;

use alluvium_model::{ElementType, LogicalType, Value};

/// Compares two values of a type as the specification orders them, without canonical bytes.
pub(super) fn compare(a: &Value, b: &Value, ty: &LogicalType) -> Ordering {
    use LogicalType as T;
    match (ty, a, b) {
        (_, Value::Opaque { serializer: one, bytes: x }, Value::Opaque { serializer: other, bytes: y }) => {
            (one.len(), one.as_bytes(), x).cmp(&(other.len(), other.as_bytes(), y))
        }
        (_, Value::Opaque { .. }, _) => Ordering::Greater,
        (_, _, Value::Opaque { .. }) => Ordering::Less,
        (_, Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (_, Value::Int(x), Value::Int(y)) => x.cmp(y),
        (_, Value::UInt(x), Value::UInt(y)) => x.cmp(y),
        (_, Value::Decimal(x), Value::Decimal(y)) => x.cmp(y),
        (_, Value::Enum(x), Value::Enum(y)) => x.cmp(y),
        (_, Value::Float32(x), Value::Float32(y)) => floats(f64::from(*x), f64::from(*y)),
        (_, Value::Float64(x), Value::Float64(y)) => floats(*x, *y),
        (_, Value::Window { start: s, end: e }, Value::Window { start, end }) => (s, e).cmp(&(start, end)),
        (_, Value::BigInteger(x), Value::BigInteger(y)) => numbers((x, 0), (y, 0)),
        (_, Value::BigDecimal { unscaled: x, scale: s }, Value::BigDecimal { unscaled: y, scale: t }) => {
            numbers((x, *s), (y, *t)).then(s.cmp(t))
        }
        (T::Either(left, right), Value::Either(x, one), Value::Either(y, other)) => {
            x.cmp(y).then_with(|| elements(one, other, x.of(left, right)))
        }
        (T::List(element), Value::List(x), Value::List(y)) => sequence(x, y, |a, b| elements(a, b, element)),
        (T::Set(member), Value::List(x), Value::List(y)) => {
            let by = |a: &&Value, b: &&Value| compare(a, b, member);
            sequence(&sorted(x.iter(), by), &sorted(y.iter(), by), by)
        }
        (T::Map(key, element), Value::Map(x), Value::Map(y)) => {
            let by = |a: &&(Value, Value), b: &&(Value, Value)| {
                compare(&a.0, &b.0, key).then_with(|| elements(&a.1, &b.1, element))
            };
            sequence(&sorted(x.iter(), by), &sorted(y.iter(), by), by)
        }
        (T::Struct(fields), Value::Struct(x), Value::Struct(y)) => {
            fieldwise(x, y, fields.fields.iter().map(|f| &f.ty))
        }
        (T::Tuple(types), Value::Struct(x), Value::Struct(y)) => fieldwise(x, y, types.iter()),
        (_, x, y) => text(x).cmp(text(y)),
    }
}

/// −0 before +0, every NaN as one after +∞.
fn floats(x: f64, y: f64) -> Ordering {
    match (x.is_nan(), y.is_nan()) {
        (false, false) => x.total_cmp(&y),
        (x, y) => x.cmp(&y),
    }
}

/// Compares unscaled integers with their scales, of fewer digits than `NEAR`.
fn numbers((x, s): (&str, i32), (y, t): (&str, i32)) -> Ordering {
    const NEAR: usize = 100;
    let sign = |text: &str| if text == "0" { 0 } else { 1 - 2 * i32::from(text.starts_with('-')) };
    let zeros = |scale: i32, other: i32| usize::try_from(i64::from(other) - i64::from(scale)).unwrap_or(0);
    let padded =
        |text: &str, zeros: usize| format!("{}{}", text.trim_start_matches('-'), "0".repeat(zeros.min(NEAR)));
    let (one, other) = (padded(x, zeros(s, t)), padded(y, zeros(t, s)));
    let larger = one.len().cmp(&other.len()).then_with(|| one.cmp(&other));
    sign(x).cmp(&sign(y)).then(match sign(x) {
        0 => Ordering::Equal,
        1 => larger,
        _ => larger.reverse(),
    })
}

fn text(value: &Value) -> &[u8] {
    match value {
        Value::String(text) => text.as_bytes(),
        Value::Wtf8(bytes) | Value::Bytes(bytes) => bytes,
        other => panic!("{} compared as text", other.kind_name()),
    }
}

fn elements(a: &Value, b: &Value, ty: &ElementType) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (a, b) => compare(a, b, &ty.ty),
    }
}

fn fieldwise<'a>(x: &[Value], y: &[Value], types: impl Iterator<Item = &'a ElementType>) -> Ordering {
    let mut orders = x.iter().zip(y).zip(types).map(|((a, b), ty)| elements(a, b, ty));
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn sequence<T>(x: &[T], y: &[T], by: impl Fn(&T, &T) -> Ordering) -> Ordering {
    let mut orders = x.iter().zip(y).map(|(a, b)| by(a, b));
    orders.find(|order| order.is_ne()).unwrap_or(x.len().cmp(&y.len()))
}

fn sorted<T>(members: impl Iterator<Item = T>, by: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut members: Vec<T> = members.collect();
    members.sort_by(by);
    members
}
