use super::resolve::pair_by_name;
use crate::{ElementType, LogicalType, StateSchema, StructType};

/// Gives every field of `new` its id.
///
/// A field that `old` has by name or declared alias keeps its id; a new name gets one above the
/// largest ever given in the table. Without an older schema each struct counts its fields from 1.
/// Fields are put in the order of their ids.
///
/// Spec: EVOL-3.
pub fn assign_field_ids(new: &StateSchema, old: Option<&StateSchema>) -> StateSchema {
    let mut schema = new.clone();
    let mut next =
        Next { last: old.map_or(0, |old| old.field_id_max.max(largest(old))), first: old.is_none() };
    for (ty, old) in [
        (&mut schema.key, old.and_then(|o| o.key.as_ref())),
        (&mut schema.namespace, old.and_then(|o| o.namespace.as_ref())),
        (&mut schema.map_key, old.and_then(|o| o.map_key.as_ref())),
    ] {
        if let Some(ty) = ty {
            next.assign(ty, old);
        }
    }
    if let Some(value) = &mut schema.value {
        next.assign(&mut value.ty, old.and_then(|o| o.value.as_ref()).map(|v| &v.ty));
    }
    schema.field_id_max = next.last.max(largest(&schema));
    schema
}

struct Next {
    last: u32,
    first: bool,
}

impl Next {
    fn assign(&mut self, ty: &mut LogicalType, old: Option<&LogicalType>) {
        use LogicalType as T;
        match ty {
            T::List(element) => self.element(
                element,
                match old {
                    Some(T::List(old)) => Some(old),
                    _ => None,
                },
            ),
            T::Set(element) => self.assign(
                element,
                match old {
                    Some(T::Set(old)) => Some(old),
                    _ => None,
                },
            ),
            T::Map(key, value) => {
                let (old_key, old_value) = match old {
                    Some(T::Map(key, value)) => (Some(key.as_ref()), Some(value.as_ref())),
                    _ => (None, None),
                };
                self.assign(key, old_key);
                self.element(value, old_value);
            }
            T::Either(left, right) => {
                let (old_left, old_right) = match old {
                    Some(T::Either(left, right)) => (Some(left.as_ref()), Some(right.as_ref())),
                    _ => (None, None),
                };
                self.element(left, old_left);
                self.element(right, old_right);
            }
            T::Tuple(parts) => {
                let old_parts = match old {
                    Some(T::Tuple(parts)) => parts.as_slice(),
                    _ => &[],
                };
                for (i, part) in parts.iter_mut().enumerate() {
                    self.element(part, old_parts.get(i));
                }
            }
            T::Struct(fields) => self.fields(
                fields,
                match old {
                    Some(T::Struct(old)) => Some(old),
                    _ => None,
                },
            ),
            _ => {}
        }
    }

    fn element(&mut self, element: &mut ElementType, old: Option<&ElementType>) {
        self.assign(&mut element.ty, old.map(|e| &e.ty));
    }

    fn fields(&mut self, new: &mut StructType, old: Option<&StructType>) {
        let pairs = old.map(|old| pair_by_name(old, new)).unwrap_or_default();
        for (i, field) in new.fields.iter_mut().enumerate() {
            let pair = pairs.get(i).copied().flatten();
            let before = old.and_then(|old| old.fields.get(pair?));
            field.id = match before {
                Some(before) if before.id != 0 => before.id,
                _ if self.first => i as u32 + 1,
                _ => {
                    self.last += 1;
                    self.last
                }
            };
            self.element(&mut field.ty, before.map(|b| &b.ty));
        }
        new.fields.sort_by_key(|f| f.id);
    }
}

/// Returns the largest field id in a schema.
fn largest(schema: &StateSchema) -> u32 {
    let keys = [&schema.key, &schema.namespace, &schema.map_key];
    let keys = keys.into_iter().flatten().map(largest_in);
    keys.chain(schema.value.as_ref().map(|v| largest_in(&v.ty))).max().unwrap_or(0)
}

fn largest_in(ty: &LogicalType) -> u32 {
    use LogicalType as T;
    match ty {
        T::List(element) => largest_in(&element.ty),
        T::Set(element) => largest_in(element),
        T::Map(key, value) => largest_in(key).max(largest_in(&value.ty)),
        T::Either(left, right) => largest_in(&left.ty).max(largest_in(&right.ty)),
        T::Tuple(parts) => parts.iter().map(|p| largest_in(&p.ty)).max().unwrap_or(0),
        T::Struct(fields) => fields.fields.iter().map(|f| f.id.max(largest_in(&f.ty.ty))).max().unwrap_or(0),
        _ => 0,
    }
}
