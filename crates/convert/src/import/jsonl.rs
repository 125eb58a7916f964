use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_model::{
    LogicalType, Role, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema, Value, json,
};
use serde_json::{Map, Value as Json};

use super::StateFile;
use super::place::Placer;
use crate::Error;
use crate::error::{BadRow, Result};

/// Batches of a file of JSON lines, each in canonical order.
pub(super) struct Chunks {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
    parser: Parser,
    text: String,
}

impl Chunks {
    pub(super) fn open(
        file: &StateFile,
        schema: &Arc<StateSchema>,
        placer: Placer,
        last_access_ms: Option<i64>,
    ) -> Result<Self> {
        let lines = BufReader::new(File::open(&file.path).map_err(Error::io(&file.path))?);
        let parser = Parser { schema: Arc::clone(schema), placer, last_access_ms, index: 0 };
        Ok(Chunks { path: file.path.clone(), lines, line: 0, parser, text: String::new() })
    }

    fn chunk(&mut self) -> Result<Option<RowBatch>> {
        let mut builder = RowBatchBuilder::new(Arc::clone(&self.parser.schema), false);
        while builder.len() < CHUNK_ROWS {
            self.text.clear();
            if self.lines.read_line(&mut self.text).map_err(Error::io(&self.path))? == 0 {
                break;
            }
            self.line += 1;
            if self.text.trim().is_empty() {
                continue;
            }
            let bad = |what| Error::BadRow { path: self.path.clone(), row: self.line, what };
            for row in self.parser.rows(&self.text).map_err(bad)? {
                builder.push(row).map_err(|e| bad(e.into()))?;
            }
        }
        Ok(if builder.is_empty() { None } else { Some(builder.finish()?) })
    }
}

impl Iterator for Chunks {
    type Item = Result<RowBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.chunk().transpose()
    }
}

const CHUNK_ROWS: usize = 16_384;

struct Parser {
    schema: Arc<StateSchema>,
    placer: Placer,
    last_access_ms: Option<i64>,
    index: i64,
}

impl Parser {
    /// Reads the rows of a line: of a list, one per element.
    fn rows(&mut self, text: &str) -> Result<Vec<Row>, BadRow> {
        let json: Json = serde_json::from_str(text).map_err(|_| BadRow::NoObject)?;
        let line = json.as_object().ok_or(BadRow::NoObject)?;
        self.refuse_unknown(line)?;
        let schema = Arc::clone(&self.schema);
        let mut row = Row {
            key: required(line, Role::Key, schema.key.as_ref())?,
            namespace: required(line, Role::Namespace, schema.namespace.as_ref())?,
            map_key: required(line, Role::MapKey, schema.map_key.as_ref())?,
            ..Row::default()
        };
        let held = line.get(Role::KeyGroup.name()).and_then(Json::as_u64);
        row.key_group = self.placer.place(&row, held)?;
        match schema.kind {
            StateKind::List => return self.elements(line, &row),
            StateKind::Timer(_) => {
                row.position = integer(line, Role::Timestamp)?.ok_or(BadRow::Missing("timestamp"))?
            }
            StateKind::Broadcast => {}
            kind if !kind.is_keyed() => self.number(line, &mut row)?,
            _ => {}
        }
        if let Some(ty) = &schema.value {
            row.value = value(line.get("value"), &ty.ty, ty.nullable)?;
        }
        row.last_access = self.last_access(integer(line, Role::LastAccess)?)?;
        Ok(vec![row])
    }

    fn refuse_unknown(&self, line: &Map<String, Json>) -> Result<(), BadRow> {
        let roles = self.schema.roles(false);
        let known = |name: &str| roles.iter().any(|role| role.name() == name && *role != Role::ListPos);
        match line.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => Err(BadRow::Unknown(name.clone())),
        }
    }

    /// Takes the subtask and index of an element of operator state, or counts it.
    fn number(&mut self, line: &Map<String, Json>, row: &mut Row) -> Result<(), BadRow> {
        let odd = |found: i64| BadRow::Odd { member: "subtask", found: found.to_string() };
        let subtask = integer(line, Role::Subtask)?.unwrap_or(0);
        row.subtask = i32::try_from(subtask).ok().filter(|n| *n >= 0).ok_or_else(|| odd(subtask))?;
        row.position = integer(line, Role::Index)?.unwrap_or(self.index);
        self.index = row.position.saturating_add(1);
        Ok(())
    }

    fn elements(&self, line: &Map<String, Json>, row: &Row) -> Result<Vec<Row>, BadRow> {
        let ty = self.schema.value.as_ref().ok_or(BadRow::Missing("value"))?;
        let values = line.get("value").and_then(Json::as_array).ok_or(BadRow::Missing("value"))?;
        let times = match line.get("last_access") {
            None | Some(Json::Null) => None,
            Some(Json::Array(times)) if times.len() == values.len() => Some(times),
            Some(other) => return Err(BadRow::Odd { member: "last_access", found: other.to_string() }),
        };
        let element = |(position, json): (usize, &Json)| {
            let time = times.and_then(|times| times.get(position)).and_then(Json::as_i64);
            Ok(Row {
                position: position as i64,
                value: value(Some(json), &ty.ty, ty.nullable)?,
                last_access: self.last_access(time)?,
                ..row.clone()
            })
        };
        values.iter().enumerate().map(element).collect()
    }

    fn last_access(&self, found: Option<i64>) -> Result<Option<i64>, BadRow> {
        match self.schema.has_last_access() {
            false => Ok(None),
            true => found.or(self.last_access_ms).map(Some).ok_or(BadRow::Missing("last_access")),
        }
    }
}

fn required(line: &Map<String, Json>, role: Role, ty: Option<&LogicalType>) -> Result<Value, BadRow> {
    let Some(ty) = ty else { return Ok(Value::Null) };
    match line.get(role.name()) {
        None | Some(Json::Null) => Err(BadRow::Missing(role.name())),
        Some(json) => Ok(json::from_json(json, ty)?),
    }
}

fn value(json: Option<&Json>, ty: &LogicalType, nullable: bool) -> Result<Value, BadRow> {
    match json {
        None => Err(BadRow::Missing("value")),
        Some(Json::Null) if nullable => Ok(Value::Null),
        Some(Json::Null) => Err(BadRow::Missing("value")),
        Some(json) => Ok(json::from_json(json, ty)?),
    }
}

fn integer(line: &Map<String, Json>, role: Role) -> Result<Option<i64>, BadRow> {
    match line.get(role.name()) {
        None | Some(Json::Null) => Ok(None),
        Some(number) => match number.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(BadRow::Odd { member: role.name(), found: number.to_string() }),
        },
    }
}
