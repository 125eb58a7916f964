use std::sync::Arc;

use super::project::{Change, Projection, Source};
use super::{Difference, Outcome, Resolution, What};
use crate::{ElementType, EnumType, Field, LogicalType, StateSchema, StructType};

/// By what the fields of two structs are paired.
#[derive(Debug, Clone, Copy)]
pub(super) enum Matching {
    Names,
    Ids,
}

pub(super) fn resolve(old: &StateSchema, new: &StateSchema, matching: Matching) -> Resolution {
    let mut resolver = Resolver { matching, differences: Vec::new() };
    if old.kind != new.kind {
        resolver.push("kind", What::KindChanged { old: old.kind.name(), new: new.kind.name() });
    }
    let key = resolver.fixed("key", old.key.as_ref(), new.key.as_ref());
    let namespace = resolver.fixed("namespace", old.namespace.as_ref(), new.namespace.as_ref());
    let map_key = resolver.fixed("map_key", old.map_key.as_ref(), new.map_key.as_ref());
    let value = resolver.value(old.value.as_ref(), new.value.as_ref());
    resolver.ttl(old, new);
    let value_kept = match (&old.value, &new.value) {
        (Some(old), Some(new)) => same_type(&old.ty, &new.ty),
        _ => true,
    };
    let differences = resolver.differences;
    let outcome = differences.iter().map(|d| d.what.outcome()).max().unwrap_or(Outcome::AsIs);
    let projection = (outcome != Outcome::Incompatible).then(|| Projection {
        old: Arc::new(old.clone()),
        new: Arc::new(new.clone()),
        key,
        namespace,
        map_key,
        value,
        value_kept,
        last_access_ms: None,
    });
    Resolution { outcome, differences, projection }
}

struct Resolver {
    matching: Matching,
    differences: Vec<Difference>,
}

impl Resolver {
    fn push(&mut self, path: &str, what: What) {
        self.differences.push(Difference { path: path.to_owned(), what });
    }

    fn ttl(&mut self, old: &StateSchema, new: &StateSchema) {
        match (old.has_last_access(), new.has_last_access()) {
            (true, true) if old.ttl_ms != new.ttl_ms => {
                self.push("ttl", What::TtlChanged { old_ms: old.ttl_ms, new_ms: new.ttl_ms });
            }
            (false, true) => self.push("ttl", What::TtlAdded { new_ms: new.ttl_ms }),
            (true, false) => self.push("ttl", What::TtlRemoved { old_ms: old.ttl_ms }),
            _ => {}
        }
    }

    fn value(&mut self, old: Option<&ElementType>, new: Option<&ElementType>) -> Change {
        match (old, new) {
            (Some(old), Some(new)) => self.element("value", old, new),
            (None, None) => Change::Keep,
            (old, new) => {
                let print =
                    |ty: Option<&ElementType>| ty.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                self.push("value", What::TypeChanged { old: print(old), new: print(new) });
                Change::Keep
            }
        }
    }

    /// Pairs types that may not change in meaning; only field names known by alias may differ.
    fn fixed(&mut self, path: &str, old: Option<&LogicalType>, new: Option<&LogicalType>) -> Change {
        match (old, new) {
            (None, None) => Change::Keep,
            (Some(old), Some(new)) if same_type(old, new) => relabel(old, new),
            (old, new) => {
                let print =
                    |ty: Option<&LogicalType>| ty.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                self.push(path, What::FixedTypeChanged { old: print(old), new: print(new) });
                Change::Keep
            }
        }
    }

    fn element(&mut self, path: &str, old: &ElementType, new: &ElementType) -> Change {
        match (old.nullable, new.nullable) {
            (true, false) => self.push(path, What::NullForbidden),
            (false, true) => self.push(path, What::NullAllowed),
            _ => {}
        }
        self.logical(path, &old.ty, &new.ty)
    }

    fn logical(&mut self, path: &str, old: &LogicalType, new: &LogicalType) -> Change {
        use LogicalType as T;
        if old == new {
            return Change::Keep;
        }
        match (old, new) {
            (T::List(old), T::List(new)) => {
                Change::List(Box::new(self.element(&format!("{path}[]"), old, new)))
            }
            (T::Set(old), T::Set(new)) => {
                Change::List(Box::new(self.fixed(&format!("{path}{{}}"), Some(old), Some(new))))
            }
            (T::Map(old_key, old_value), T::Map(new_key, new_value)) => {
                let key = self.fixed(&format!("{path}{{key}}"), Some(old_key), Some(new_key));
                let value = self.element(&format!("{path}{{value}}"), old_value, new_value);
                Change::Map(Box::new((key, value)))
            }
            (T::Struct(old), T::Struct(new)) => self.fields(path, old, new),
            (T::Tuple(old), T::Tuple(new)) if old.len() == new.len() => {
                let parts = old.iter().zip(new).enumerate();
                let parts =
                    parts.map(|(i, (o, n))| Source::Field(i, self.element(&format!("{path}.f{i}"), o, n)));
                Change::Struct(parts.collect())
            }
            (T::Either(old_left, old_right), T::Either(left, right)) => Change::Either(Box::new((
                self.element(&format!("{path}.left"), old_left, left),
                self.element(&format!("{path}.right"), old_right, right),
            ))),
            (T::Enum(old), T::Enum(new)) => self.symbols(path, old, new),
            _ if widens(old, new) => {
                self.push(path, What::Widened { old: old.to_string(), new: new.to_string() });
                Change::Widen
            }
            _ => {
                self.push(path, What::TypeChanged { old: old.to_string(), new: new.to_string() });
                Change::Keep
            }
        }
    }

    fn symbols(&mut self, path: &str, old: &EnumType, new: &EnumType) -> Change {
        match new.symbols.strip_prefix(old.symbols.as_slice()) {
            Some(added) => self.push(path, What::SymbolsAdded { symbols: added.to_vec() }),
            None => {
                let (old, new) = (old.symbols.clone(), new.symbols.clone());
                self.push(path, What::SymbolsChanged { old, new });
            }
        }
        Change::Keep
    }

    fn fields(&mut self, path: &str, old: &StructType, new: &StructType) -> Change {
        let pairs = match self.matching {
            Matching::Names => pair_by_name(old, new),
            Matching::Ids => pair_by_id(old, new),
        };
        let known: Vec<usize> = pairs.iter().flatten().copied().collect();
        if !known.is_sorted() {
            self.push(path, What::FieldsReordered);
        }
        for (_, field) in old.fields.iter().enumerate().filter(|(i, _)| !known.contains(i)) {
            self.push(&format!("{path}.{}", field.name), What::FieldRemoved { old: field.ty.to_string() });
        }
        let sources = new.fields.iter().zip(pairs).map(|(field, pair)| self.field(path, field, pair, old));
        Change::Struct(sources.collect())
    }

    fn field(&mut self, path: &str, field: &Field, pair: Option<usize>, old: &StructType) -> Source {
        let path = format!("{path}.{}", field.name);
        let Some((position, before)) = pair.and_then(|p| Some((p, old.fields.get(p)?))) else {
            let new = field.ty.to_string();
            let what =
                if field.ty.nullable { What::FieldAdded { new } } else { What::RequiredFieldAdded { new } };
            self.push(&path, what);
            return Source::Null;
        };
        if before.name != field.name {
            self.push(&path, What::FieldRenamed { old: before.name.clone() });
        }
        Source::Field(position, self.element(&path, &before.ty, &field.ty))
    }
}

/// Pairs each new field with an old one, one to one: first equal names, then names that the new
/// side declares as aliases, then those that the old side does.
pub(super) fn pair_by_name(old: &StructType, new: &StructType) -> Vec<Option<usize>> {
    let mut pairs: Vec<Option<usize>> = vec![None; new.fields.len()];
    let passes: [fn(&Field, &Field) -> bool; 3] = [
        |old, new| old.name == new.name,
        |old, new| new.aliases.contains(&old.name),
        |old, new| old.aliases.contains(&new.name),
    ];
    for fits in passes {
        for (i, field) in new.fields.iter().enumerate() {
            if pairs[i].is_none() {
                let found =
                    old.fields.iter().enumerate().find(|(p, o)| fits(o, field) && !pairs.contains(&Some(*p)));
                pairs[i] = found.map(|(p, _)| p);
            }
        }
    }
    pairs
}

fn pair_by_id(old: &StructType, new: &StructType) -> Vec<Option<usize>> {
    let position = |field: &Field| old.fields.iter().position(|o| o.id == field.id && o.id != 0);
    new.fields.iter().map(position).collect()
}

/// Returns whether every value of `old` is one of `new`, and equal to it.
fn widens(old: &LogicalType, new: &LogicalType) -> bool {
    use LogicalType::*;
    let rank = |ty: &LogicalType| {
        Some(match ty {
            Int8 => (0, 1),
            Int16 => (0, 2),
            Int32 => (0, 3),
            Int64 => (0, 4),
            UInt8 => (1, 1),
            UInt16 => (1, 2),
            UInt32 => (1, 3),
            UInt64 => (1, 4),
            Float32 => (2, 1),
            Float64 => (2, 2),
            _ => return None,
        })
    };
    match (old, new) {
        (Decimal { precision: p, scale: s }, Decimal { precision: q, scale: t }) => p < q && s == t,
        _ => match (rank(old), rank(new)) {
            (Some((family, old)), Some((other, new))) => family == other && old < new,
            _ => false,
        },
    }
}

/// Returns whether two types have the same canonical bytes and meaning: fields in the same order,
/// under the same names or declared aliases.
fn same_type(old: &LogicalType, new: &LogicalType) -> bool {
    use LogicalType as T;
    let elements = |a: &ElementType, b: &ElementType| a.nullable == b.nullable && same_type(&a.ty, &b.ty);
    match (old, new) {
        (T::List(a), T::List(b)) => elements(a, b),
        (T::Set(a), T::Set(b)) => same_type(a, b),
        (T::Map(a, v), T::Map(b, w)) => same_type(a, b) && elements(v, w),
        (T::Either(a, b), T::Either(c, d)) => elements(a, c) && elements(b, d),
        (T::Tuple(a), T::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| elements(a, b)),
        (T::Struct(a), T::Struct(b)) => {
            let fields = |(a, b): (&Field, &Field)| known_as(a, b) && elements(&a.ty, &b.ty);
            a.fields.len() == b.fields.len() && a.fields.iter().zip(&b.fields).all(fields)
        }
        _ => old == new,
    }
}

fn known_as(a: &Field, b: &Field) -> bool {
    a.name == b.name || a.aliases.contains(&b.name) || b.aliases.contains(&a.name)
}

/// Returns the change between types of [`same_type`]: only names and ids of fields differ.
fn relabel(old: &LogicalType, new: &LogicalType) -> Change {
    use LogicalType as T;
    if old == new {
        return Change::Keep;
    }
    match (old, new) {
        (T::List(a), T::List(b)) => Change::List(Box::new(relabel(&a.ty, &b.ty))),
        (T::Set(a), T::Set(b)) => Change::List(Box::new(relabel(a, b))),
        (T::Map(a, v), T::Map(b, w)) => Change::Map(Box::new((relabel(a, b), relabel(&v.ty, &w.ty)))),
        (T::Either(a, b), T::Either(c, d)) => {
            Change::Either(Box::new((relabel(&a.ty, &c.ty), relabel(&b.ty, &d.ty))))
        }
        (T::Tuple(a), T::Tuple(b)) => parts(a.iter().zip(b)),
        (T::Struct(a), T::Struct(b)) => {
            parts(a.fields.iter().map(|f| &f.ty).zip(b.fields.iter().map(|f| &f.ty)))
        }
        _ => Change::Keep,
    }
}

fn parts<'a>(pairs: impl Iterator<Item = (&'a ElementType, &'a ElementType)>) -> Change {
    Change::Struct(pairs.enumerate().map(|(i, (a, b))| Source::Field(i, relabel(&a.ty, &b.ty))).collect())
}

/// Returns whether every field id has one name, or a declared alias of it, in both types.
pub(super) fn same_names(a: Option<&LogicalType>, b: Option<&LogicalType>) -> bool {
    use LogicalType as T;
    match (a, b) {
        (Some(T::List(a)), Some(T::List(b))) => same_names(Some(&a.ty), Some(&b.ty)),
        (Some(T::Set(a)), Some(T::Set(b))) => same_names(Some(a), Some(b)),
        (Some(T::Map(a, v)), Some(T::Map(b, w))) => {
            same_names(Some(a), Some(b)) && same_names(Some(&v.ty), Some(&w.ty))
        }
        (Some(T::Either(a, b)), Some(T::Either(c, d))) => {
            same_names(Some(&a.ty), Some(&c.ty)) && same_names(Some(&b.ty), Some(&d.ty))
        }
        (Some(T::Tuple(a)), Some(T::Tuple(b))) => {
            a.iter().zip(b).all(|(a, b)| same_names(Some(&a.ty), Some(&b.ty)))
        }
        (Some(T::Struct(a)), Some(T::Struct(b))) => {
            let other = |field: &Field| b.fields.iter().find(|f| f.id == field.id);
            let ids: Vec<u32> = a.fields.iter().map(|f| f.id).collect();
            let by_name = b.fields.iter().all(|f| ids.contains(&f.id) || a.position(&f.name).is_none());
            by_name
                && a.fields.iter().all(|field| match other(field) {
                    Some(b) => known_as(field, b) && same_names(Some(&field.ty.ty), Some(&b.ty.ty)),
                    None => b.position(&field.name).is_none(),
                })
        }
        _ => true,
    }
}
