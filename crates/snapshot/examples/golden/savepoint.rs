//! Savepoints, and the rows that are expected of them.

use super::*;

pub(super) fn savepoint(folder: &Path, tables: Vec<Table>, with_origin: bool) -> Result<()> {
    fs::create_dir_all(folder)?;
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(folder)?);
    let env = Env::simulated(7);
    let job = JobRef { id: "golden".into(), name: "golden".into() };
    let mut writer = SnapshotWriter::savepoint(store, &env, job);
    let mut expected = Map::new();
    block_on(async {
        if with_origin {
            writer.origin(&foreign::origin(&tables)).await?;
        }
        if let Some((schema, _)) = tables.iter().find(|(s, _)| s.kind.is_keyed()).or(tables.first()) {
            writer.operator(spec(schema)).await?;
        }
        for (schema, rows) in tables {
            writer.begin_table(Arc::clone(&schema)).await?;
            let rows = batch(&schema, false, rows)?;
            if !rows.is_empty() {
                writer.write(&rows).await?;
            }
            expected.insert(format!("golden/{}", schema.name), live(&schema, &rows)?);
        }
        writer.finish().await?;
        Ok::<(), Box<dyn Error>>(())
    })?;
    write_expected(folder, "savepoint", expected)
}

pub(super) fn spec(schema: &StateSchema) -> OperatorSpec {
    OperatorSpec { parallelism: 4, ..OperatorSpec::new("golden", GROUPS, function(schema)) }
}

pub(super) fn write_expected(folder: &Path, profile: &str, tables: Map<String, Json>) -> Result<()> {
    let expected = json!({ "profile": profile, "tables": tables });
    Ok(fs::write(folder.join("expected.json"), format!("{}\n", serde_json::to_string_pretty(&expected)?))?)
}

/// Prints rows as `expected.json` has them: one object a row, list elements by rank.
pub(super) fn live(schema: &StateSchema, rows: &RowBatch) -> Result<Json> {
    let mut out = Vec::new();
    let (mut last, mut rank) = (Vec::new(), 0);
    for row in 0..rows.len() {
        let mut object = Map::new();
        let typed = |role: Role, raw: Role, ty: &LogicalType| -> Result<Json> {
            let column = rows.column(role).ok_or("a column")?;
            let raw = rows.column(raw).map(|c| c.as_ref() as _);
            let value = alluvium_model::column::value_with_raw(column, raw, ty, row)?;
            Ok(alluvium_model::json::to_json(&value, ty))
        };
        let int = |role: Role| rows.int64s(role).and_then(|v| v.get(row)).copied();
        if let Some(key) = &schema.key {
            object.insert("key_group".into(), rows.key_group(row).0.into());
            object.insert("key".into(), typed(Role::Key, Role::KeyRaw, key)?);
        }
        if let Some(namespace) = &schema.namespace {
            object.insert("namespace".into(), typed(Role::Namespace, Role::NamespaceRaw, namespace)?);
        }
        if let Some(map_key) = &schema.map_key {
            object.insert("map_key".into(), typed(Role::MapKey, Role::MapKeyRaw, map_key)?);
        }
        if schema.kind == StateKind::List {
            let list = rows.sort_key(row).get(..rows.sort_key(row).len() - 8).unwrap_or_default().to_vec();
            rank = if list == last { rank + 1 } else { 0 };
            last = list;
            object.insert("rank".into(), rank.into());
        }
        for role in [Role::Timestamp, Role::Index] {
            if let Some(v) = int(role) {
                object.insert(role.name().into(), v.into());
            }
        }
        if let Some(subtasks) = rows.column(Role::Subtask) {
            let value = alluvium_model::column::value_at(subtasks, &LogicalType::Int32, row)?;
            object.insert("subtask".into(), alluvium_model::json::to_json(&value, &LogicalType::Int32));
        }
        if let Some(value) = &schema.value {
            object.insert("value".into(), typed(Role::Value, Role::ValueRaw, &value.ty)?);
        }
        if let Some(v) = int(Role::LastAccess) {
            object.insert("last_access".into(), v.into());
        }
        out.push(Json::Object(object));
    }
    Ok(Json::Array(out))
}
