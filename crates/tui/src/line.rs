use std::sync::Arc;

use alluvium_model::column::{value_at, value_with_raw};
use alluvium_model::{KeyGroup, LogicalType, Result, Role, RowBatch, StateKind, StateSchema, Value, json};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use serde_json::{Map, Value as Json};

/// Most elements of one list that are kept; the rest is counted.
const ELEMENTS_MAX: usize = 1000;

/// One line of the row table.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every item is a line; a box would only add an allocation"
)]
pub enum Item {
    /// A line of the state, as `cat` prints it.
    Line(Line),
    /// Something in its place that could not be read, and why.
    Damage(String),
}

/// One line of a state: a row, or the whole list of a (key, namespace).
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Key group, for keyed state.
    pub key_group: Option<KeyGroup>,
    /// Key, for keyed state.
    pub key: Option<Value>,
    /// Namespace, unless void.
    pub namespace: Option<Value>,
    /// Key of the map entry.
    pub map_key: Option<Value>,
    /// Timestamp of a timer in milliseconds.
    pub timestamp: Option<i64>,
    /// Subtask and index of operator state.
    pub place: Option<(i64, i64)>,
    /// Value; of a list its elements.
    pub value: Option<Value>,
    /// Original bytes of the value where its column has them.
    pub value_raw: Option<Vec<u8>>,
    /// Newest time of last access in milliseconds.
    pub last_access: Option<i64>,
    /// Canonical bytes of key, namespace and entry.
    pub sort_key: Vec<u8>,
    /// Elements of a list that are not kept here.
    pub elements_left_out: u64,
}

impl Line {
    /// Reads one row of a batch; the row of a list becomes a list of one element.
    pub(crate) fn of_row(batch: &RowBatch, row: usize) -> Result<Line> {
        let schema = batch.schema();
        let typed = |role, raw, ty: Option<&LogicalType>| -> Result<Option<Value>> {
            let (Some(column), Some(ty)) = (batch.column(role), ty) else { return Ok(None) };
            value_with_raw(column, batch.column(raw).map(|c| c as &dyn Array), ty, row).map(Some)
        };
        let int64 = |role| batch.int64s(role).map(|column| column[row]);
        let value = typed(Role::Value, Role::ValueRaw, schema.value.as_ref().map(|v| &v.ty))?;
        let is_list = schema.kind == StateKind::List;
        Ok(Line {
            key_group: batch.column(Role::KeyGroup).map(|_| batch.key_group(row)),
            key: typed(Role::Key, Role::KeyRaw, schema.key.as_ref())?,
            namespace: typed(Role::Namespace, Role::NamespaceRaw, schema.namespace.as_ref())?,
            map_key: typed(Role::MapKey, Role::MapKeyRaw, schema.map_key.as_ref())?,
            timestamp: int64(Role::Timestamp),
            place: subtask(batch, row)?.zip(int64(Role::Index)),
            value: if is_list { value.map(|v| Value::List(vec![v])) } else { value },
            value_raw: raw_bytes(batch, row),
            last_access: int64(Role::LastAccess),
            sort_key: batch.sort_key(row).to_vec(),
            elements_left_out: 0,
        })
    }

    /// Returns whether a row is a further element of this list.
    pub(crate) fn continues_with(&self, key_group: KeyGroup, sort_key: &[u8]) -> bool {
        self.key_group == Some(key_group) && list_of(&self.sort_key) == list_of(sort_key)
    }

    /// Appends the element of another line of the same list.
    pub(crate) fn append(&mut self, other: Line) {
        self.last_access = self.last_access.max(other.last_access);
        match (&mut self.value, other.value) {
            (Some(Value::List(values)), Some(Value::List(more))) if values.len() < ELEMENTS_MAX => {
                values.extend(more)
            }
            _ => self.elements_left_out += 1,
        }
    }

    /// Returns the text of the column of a role, not escaped; empty where it does not apply.
    pub(crate) fn text(&self, role: Role, schema: &StateSchema) -> String {
        let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        match role {
            Role::KeyGroup => self.key_group.map(|g| g.to_string()).unwrap_or_default(),
            Role::Key => plain(self.key.as_ref(), schema.key.as_ref()),
            Role::Namespace => plain(self.namespace.as_ref(), schema.namespace.as_ref()),
            Role::MapKey => plain(self.map_key.as_ref(), schema.map_key.as_ref()),
            Role::Timestamp => number(self.timestamp),
            Role::Subtask => number(self.place.map(|(subtask, _)| subtask)),
            Role::Index => number(self.place.map(|(_, index)| index)),
            Role::LastAccess => number(self.last_access),
            Role::Value => plain_json(self.value_json(schema).unwrap_or(Json::Null)),
            _ => String::new(),
        }
    }

    /// Returns the texts in which a filter looks: key, namespace, entry and value.
    pub(crate) fn texts<'a>(&'a self, schema: &'a StateSchema) -> impl Iterator<Item = String> + 'a {
        [Role::Key, Role::Namespace, Role::MapKey, Role::Timestamp, Role::Value]
            .into_iter()
            .map(|role| self.text(role, schema))
    }

    /// Returns the text of the key; of operator state that of its map key or value.
    pub(crate) fn key_text(&self, schema: &StateSchema) -> String {
        let role = match (&self.key, &self.map_key) {
            (Some(_), _) => Role::Key,
            (None, Some(_)) => Role::MapKey,
            (None, None) => Role::Value,
        };
        self.text(role, schema)
    }

    /// Returns the value as JSON; a list as an array.
    pub(crate) fn value_json(&self, schema: &StateSchema) -> Option<Json> {
        let (value, ty) = (self.value.as_ref()?, schema.value.as_ref()?);
        Some(match (schema.kind, value) {
            (StateKind::List, Value::List(elements)) => {
                elements.iter().map(|element| json::to_json(element, &ty.ty)).collect()
            }
            _ => json::to_json(value, &ty.ty),
        })
    }

    /// Returns the line as `cat -o jsonl` prints it.
    pub(crate) fn json(&self, schema: &StateSchema) -> Json {
        let mut object = Map::new();
        let mut set = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        };
        let typed = |value: &Option<Value>, ty: &Option<LogicalType>| {
            value.as_ref().zip(ty.as_ref()).map(|(value, ty)| json::to_json(value, ty))
        };
        set("key_group", self.key_group.map(|g| g.0.into()));
        set("key", typed(&self.key, &schema.key));
        set("namespace", typed(&self.namespace, &schema.namespace));
        set("map_key", typed(&self.map_key, &schema.map_key));
        set("timestamp", self.timestamp.map(Json::from));
        set("subtask", self.place.map(|(subtask, _)| subtask.into()));
        set("index", self.place.map(|(_, index)| index.into()));
        set("value", self.value_json(schema));
        set("last_access", self.last_access.map(Json::from));
        Json::Object(object)
    }
}

/// Appends the rows of a batch as lines, joining list elements, also with the last line there.
pub(crate) fn append_rows(batch: &RowBatch, lines: &mut Vec<Item>) -> Result<()> {
    let is_list = batch.schema().kind == StateKind::List;
    for row in 0..batch.len() {
        let line = Line::of_row(batch, row)?;
        match lines.last_mut() {
            Some(Item::Line(last))
                if is_list && last.continues_with(batch.key_group(row), batch.sort_key(row)) =>
            {
                last.append(line);
            }
            _ => lines.push(Item::Line(line)),
        }
    }
    Ok(())
}

/// Returns the columns of the row table of a state.
pub(crate) fn columns(schema: &Arc<StateSchema>) -> Vec<Role> {
    let hidden = [Role::KeyRaw, Role::NamespaceRaw, Role::MapKeyRaw, Role::ValueRaw, Role::ListPos];
    schema.roles(false).into_iter().filter(|role| !hidden.contains(role)).collect()
}

fn subtask(batch: &RowBatch, row: usize) -> Result<Option<i64>> {
    let Some(column) = batch.column(Role::Subtask) else { return Ok(None) };
    Ok(match value_at(column, &LogicalType::Int32, row)? {
        Value::Int(subtask) => Some(subtask),
        _ => None,
    })
}

fn raw_bytes(batch: &RowBatch, row: usize) -> Option<Vec<u8>> {
    let column = batch.column(Role::ValueRaw)?.as_binary_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_vec())
}

/// The part of a list element's sort key that names the list: all but its position.
fn list_of(sort_key: &[u8]) -> &[u8] {
    &sort_key[..sort_key.len().saturating_sub(9)]
}

fn plain(value: Option<&Value>, ty: Option<&LogicalType>) -> String {
    value.zip(ty).map(|(value, ty)| plain_json(json::to_json(value, ty))).unwrap_or_default()
}

fn plain_json(json: Json) -> String {
    match json {
        Json::String(text) => text,
        other => other.to_string(),
    }
}
