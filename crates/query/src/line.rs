use std::sync::Arc;

use alluvium_model::column::value_with_raw;
use alluvium_model::{KeyGroup, LogicalType, Role, RowBatch, StateKind, StateSchema, Value, json};
use serde_json::{Map, Value as Json};

use crate::error::Result;

/// The place of a row in canonical order.
pub type Position = (KeyGroup, Vec<u8>);

/// One line of `cat`: an entry, or a whole list.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where it stands; of a list, where its last element does.
    pub position: Position,
    /// The line: an object whose members stand in a fixed order.
    pub json: Json,
}

impl Line {
    /// Returns what identifies the entry: the members without `value` and `last_access`.
    pub fn identity(&self) -> Map<String, Json> {
        self.members(|name| !is_payload(name))
    }

    /// Returns what the entry holds: `value` and `last_access`, as far as it has them.
    pub fn payload(&self) -> Map<String, Json> {
        self.members(is_payload)
    }

    fn members(&self, keep: impl Fn(&str) -> bool) -> Map<String, Json> {
        let object = self.json.as_object().into_iter().flatten();
        object.filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn is_payload(name: &str) -> bool {
    name == "value" || name == "last_access"
}

/// Returns the part of a row's sort key that all rows of its line share.
pub(crate) fn line_key(kind: StateKind, sort_key: &[u8]) -> &[u8] {
    match kind {
        StateKind::List => sort_key.get(..sort_key.len().saturating_sub(LIST_ENTRY)).unwrap_or_default(),
        _ => sort_key,
    }
}

/// Bytes of a list entry in a sort key: its marker and its position.
const LIST_ENTRY: usize = 9;

/// Returns the members of a state's lines, in their order.
pub fn members(schema: &StateSchema) -> Vec<Role> {
    use Role::{KeyRaw, ListPos, MapKeyRaw, NamespaceRaw, ValueRaw};
    let hidden = |role: &Role| matches!(role, ListPos | KeyRaw | NamespaceRaw | MapKeyRaw | ValueRaw);
    schema.roles(false).into_iter().filter(|role| !hidden(role)).collect()
}

/// Prints the members of rows of one state.
#[derive(Debug)]
pub(crate) struct Printer {
    schema: Arc<StateSchema>,
    members: Vec<Role>,
}

impl Printer {
    pub(crate) fn new(schema: Arc<StateSchema>) -> Self {
        let members = members(&schema);
        Printer { schema, members }
    }

    /// Prints a row; of a list, the element as its value.
    pub(crate) fn line(&self, batch: &RowBatch, row: usize) -> Result<Map<String, Json>> {
        let mut line = Map::with_capacity(self.members.len());
        for role in &self.members {
            line.insert(role.name().to_owned(), self.member(batch, *role, row)?);
        }
        Ok(line)
    }

    /// Prints the element of a list and when it was last accessed.
    pub(crate) fn element(&self, batch: &RowBatch, row: usize) -> Result<(Json, Option<Json>)> {
        let last_access = match self.schema.has_last_access() {
            true => Some(self.member(batch, Role::LastAccess, row)?),
            false => None,
        };
        Ok((self.member(batch, Role::Value, row)?, last_access))
    }

    fn member(&self, batch: &RowBatch, role: Role, row: usize) -> Result<Json> {
        let schema = &self.schema;
        match role {
            Role::KeyGroup => Ok(batch.key_group(row).0.into()),
            Role::Key => typed(batch, role, Role::KeyRaw, schema.key.as_ref(), row),
            Role::Namespace => typed(batch, role, Role::NamespaceRaw, schema.namespace.as_ref(), row),
            Role::MapKey => typed(batch, role, Role::MapKeyRaw, schema.map_key.as_ref(), row),
            Role::Value => typed(batch, role, Role::ValueRaw, schema.value.as_ref().map(|v| &v.ty), row),
            Role::Subtask => typed(batch, role, role, Some(&LogicalType::Int32), row),
            _ => typed(batch, role, role, Some(&LogicalType::Int64), row),
        }
    }
}

fn typed(batch: &RowBatch, role: Role, raw: Role, ty: Option<&LogicalType>, row: usize) -> Result<Json> {
    let (Some(column), Some(ty)) = (batch.column(role), ty) else { return Ok(Json::Null) };
    let raw = if raw == role { None } else { batch.column(raw).map(|column| column.as_ref()) };
    Ok(match value_with_raw(column.as_ref(), raw, ty, row)? {
        Value::Null => Json::Null,
        value => json::to_json(&value, ty),
    })
}
