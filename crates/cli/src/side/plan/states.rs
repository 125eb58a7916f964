//! The states of the operator of a node.
//!
//! | node | states |
//! |---|---|
//! | group aggregate | `accState`: a row of what its functions keep |
//! | join | `left-records`, `right-records`: rows, counted where a side has no unique key, with the number of their matches on a side whose rows are kept |
//! | deduplicate, changelog normalize | `deduplicate-state`: the row, or that there was one |
//! | interval join | rows by their time, and the time of a timer, for both sides |
//! | rank | rows by what orders them, by their key, the only one, or their number |
//! | upsert materialize of a sink | `values`: rows of one primary key |
//!
//! Source: `GroupAggFunction`, `AbstractStreamingJoinOperator`, `JoinRecordStateViews`,
//! `OuterJoinRecordStateViews`, `StreamExecDeduplicate`, `DeduplicateFunctionBase`,
//! `RowTimeDeduplicateKeepFirstRowFunction`, `TimeIntervalJoin`, `StreamExecRank` and its functions,
//! `SinkUpsertMaterializer`; the states of Flink 2.3 themselves (`tests/oracles/flink-plans`).

use alluvium_model::serializer::SerializerTree;
use serde_json::Value as Json;

use super::aggregates::accumulators;
use super::trees::{self, Held, list, pair, tree};
use super::types::{self, Row};

/// The states of an operator.
#[derive(Debug, Default)]
pub(super) struct States {
    /// Serializer of the key.
    pub(super) key: Option<SerializerTree>,
    /// Name, contents and the number of the time to live in the node, which some states cannot have.
    pub(super) states: Vec<(&'static str, Held, Option<usize>)>,
    /// Whether there are no others, but timers.
    pub(super) complete: bool,
}

impl States {
    fn all(key: Option<SerializerTree>, states: Vec<(&'static str, Held)>) -> Self {
        let states = states.into_iter().map(|(name, held)| (name, held, Some(0))).collect();
        States { key, states, complete: true }
    }

    /// States of which only the names are known.
    fn named(names: &[(&'static str, Held)]) -> Self {
        States { complete: false, ..Self::all(None, names.to_vec()) }
    }
}

/// Returns the states of the operator that is named after its node.
pub(super) fn of_node(kind: &str, node: &Json, inputs: &[&Row]) -> States {
    let input = inputs.first().copied().filter(|_| inputs.len() == 1);
    let known = match kind {
        "group-aggregate" => input.and_then(|input| group_aggregate(node, input)),
        "join" => join(node, inputs),
        "deduplicate" => input.and_then(|input| deduplicate(node, input)),
        "changelog-normalize" => input.and_then(|input| normalize(node, input)),
        "interval-join" => interval_join(node, inputs),
        "rank" => input.and_then(|input| rank(node, input)),
        _ => None,
    };
    known.unwrap_or_else(|| {
        States::named(match kind {
            "group-aggregate" | "global-group-aggregate" | "incremental-group-aggregate" => {
                &[("accState", Held::Value(None))]
            }
            "global-window-aggregate" | "window-aggregate" => &[("window-aggs", Held::Value(None))],
            _ => &[],
        })
    })
}

fn group_aggregate(node: &Json, input: &Row) -> Option<States> {
    let kept = trees::of_texts(accumulators(node, input)?);
    let key = trees::projected(input, &numbers(node.get("grouping")?)?);
    Some(States::all(key, vec![("accState", Held::value(Some(kept)))]))
}

fn join(node: &Json, inputs: &[&Row]) -> Option<States> {
    let [left, right] = inputs else { return None };
    let join = node.get("joinSpec")?;
    let kind = join.get("joinType")?.as_str()?;
    // Plans of old releases name their keys otherwise.
    if node.get("leftUniqueKeys").is_some() || node.get("rightUniqueKeys").is_some() {
        return None;
    }
    let left_keys = numbers(join.get("leftKeys")?)?;
    let right_keys = numbers(join.get("rightKeys")?)?;
    let (left_counts, right_counts) = match kind {
        "INNER" => (false, false),
        "LEFT" | "SEMI" | "ANTI" => (true, false),
        "RIGHT" => (false, true),
        "FULL" => (true, true),
        _ => return None,
    };
    let left_records = records(left, &left_keys, node.get("leftUpsertKeys"), left_counts)?;
    let right_records = records(right, &right_keys, node.get("rightUpsertKeys"), right_counts)?;
    Some(States {
        key: trees::projected(left, &left_keys),
        states: vec![("left-records", left_records, Some(0)), ("right-records", right_records, Some(1))],
        complete: true,
    })
}

/// What a join keeps of a side: one row where the join key holds a unique key of the side, else rows by
/// a smallest unique key, else rows with the number of times that they came.
///
/// Source: `JoinUtil#analyzeJoinInput`.
fn records(row: &Row, join_keys: &[usize], upsert_keys: Option<&Json>, counts: bool) -> Option<Held> {
    let unique = match upsert_keys.filter(|keys| !keys.is_null()) {
        Some(keys) => keys.as_array()?.iter().map(numbers).collect::<Option<Vec<_>>>()?,
        None => Vec::new(),
    };
    let record = trees::row(row);
    let with_matches = |value| if counts { pair(value, tree("int")) } else { value };
    if unique.is_empty() {
        return Some(Held::map(record, Some(with_matches(tree("int")))));
    }
    let record = record.map(with_matches);
    if unique.iter().any(|key| key.iter().all(|field| join_keys.contains(field))) {
        return Some(Held::value(record));
    }
    let smallest = unique.iter().min_by_key(|key| key.len())?;
    Some(Held::map(trees::projected(row, smallest), record))
}

fn deduplicate(node: &Json, input: &Row) -> Option<States> {
    let key = trees::projected(input, &numbers(node.get("uniqueKeys")?)?);
    let is_rowtime = node.get("isRowtime")?.as_bool()?;
    let row = || Held::value(trees::row(input));
    let seen = || Held::value(Some(tree("boolean")));
    if node.get("keepLastRow")?.as_bool()? {
        return Some(States::all(key, vec![("deduplicate-state", row())]));
    }
    if !is_rowtime {
        return Some(States::all(key, vec![("deduplicate-state", seen())]));
    }
    if !node.get("outputInsertOnly")?.as_bool()? {
        return Some(States::all(key, vec![("deduplicate-state", row())]));
    }
    let small_batches = node.pointer("/configuration/table.exec.mini-batch.enabled")?;
    (small_batches == "false").then(|| {
        let states = vec![("already-emitted-state-boolean", seen()), ("waiting-to-emit-on-timer", row())];
        States::all(key, states)
    })
}

fn normalize(node: &Json, input: &Row) -> Option<States> {
    let key = trees::projected(input, &numbers(node.get("uniqueKeys")?)?);
    Some(States::all(key, vec![("deduplicate-state", Held::value(trees::row(input)))]))
}

fn interval_join(node: &Json, inputs: &[&Row]) -> Option<States> {
    let [left, right] = inputs else { return None };
    let spec = node.get("intervalJoinSpec")?;
    let bound = |name: &str| spec.get("windowBounds")?.get(name)?.as_i64();
    if bound("leftUpperBound")? < bound("leftLowerBound")? {
        // Nothing meets: there is an operator for every side, and none has state.
        return None;
    }
    let cache = |row: &Row| {
        let rows = trees::row(row).map(|row| list(pair(row, tree("boolean"))));
        Held::map(Some(tree("long")), rows)
    };
    let timer = || Held::value(Some(tree("long")));
    Some(States {
        key: trees::projected(left, &numbers(spec.pointer("/joinSpec/leftKeys")?)?),
        states: vec![
            ("IntervalJoinLeftCache", cache(left), None),
            ("IntervalJoinRightCache", cache(right), None),
            ("IntervalJoinLeftTimerState", timer(), None),
            ("IntervalJoinRightTimerState", timer(), None),
        ],
        complete: true,
    })
}

fn rank(node: &Json, input: &Row) -> Option<States> {
    let key = trees::projected(input, &numbers(node.pointer("/partition/fields")?)?);
    let range = node.get("rankRange").filter(|range| range["type"] == "Constant")?;
    let is_first = range.get("start")?.as_u64()? == 1 && range.get("end")?.as_u64()? == 1;
    let order = node.pointer("/orderBy/fields")?.as_array()?;
    let sort = numbers_of(order.iter().map(|field| field.get("index")))?;
    let rows = |key| Held::map(trees::projected(input, key), trees::row(input).map(list));
    let by_arrival = match (order.as_slice(), sort.as_slice()) {
        ([field], [index]) => input.get(*index)?.as_ref()?.processing_time && field["isAscending"] == true,
        _ => false,
    };
    let states = match node.pointer("/rankStrategy/type")?.as_str()? {
        "AppendFast" if by_arrival => vec![("counterState", Held::value(Some(tree("int"))))],
        "AppendFast" | "UpdateFast" if is_first => vec![("Top1-Rank-State", Held::value(trees::row(input)))],
        "AppendFast" => vec![("data-state-with-append", rows(&sort))],
        "UpdateFast" => {
            let primary = numbers(node.pointer("/rankStrategy/primaryKeys")?)?;
            let ranked = trees::row(input).map(|row| pair(row, tree("int")));
            vec![("data-state-with-update", Held::map(trees::projected(input, &primary), ranked))]
        }
        // Serializers of sorted maps hold a comparator that a plan does not tell.
        "Retract" => vec![("data-state", rows(&sort)), ("sorted-map", Held::Value(None))],
        _ => return None,
    };
    Some(States::all(key, states))
}

/// Returns the states of the operator that keeps rows in front of a sink; none for a sink without.
pub(super) fn materialized(node: &Json) -> Option<States> {
    node.get("requireUpsertMaterialize").filter(|required| **required == true)?;
    Some(values(node).unwrap_or_default())
}

fn values(node: &Json) -> Option<States> {
    let strategy = node.get("upsertMaterializeStrategy").is_none_or(|strategy| strategy == "LEGACY");
    let conflicts =
        node.pointer("/conflictStrategy/behavior").is_none_or(|behavior| behavior == "DEDUPLICATE");
    let schema =
        node.pointer("/dynamicTableSink/table/resolvedTable/schema").filter(|_| strategy && conflicts)?;
    let columns = schema.get("columns")?.as_array()?;
    // Columns that are computed or metadata say more of themselves.
    let is_plain = |column: &&Json| {
        column.as_object().is_some_and(|all| {
            all.keys().all(|name| ["name", "dataType", "comment"].contains(&name.as_str()))
        })
    };
    if !columns.iter().all(|column| is_plain(&column)) {
        return None;
    }
    let row: Row = columns.iter().map(|column| types::ty(column.get("dataType")?)).collect();
    let position = |name: &Json| columns.iter().position(|column| column.get("name") == Some(name));
    let primary = schema.pointer("/primaryKey/columns")?.as_array()?;
    let primary = primary.iter().map(position).collect::<Option<Vec<_>>>()?;
    let held = Held::value(trees::row(&row).map(list));
    Some(States::all(trees::projected(&row, &primary), vec![("values", held)]))
}

fn numbers(json: &Json) -> Option<Vec<usize>> {
    numbers_of(json.as_array()?.iter().map(Some))
}

fn numbers_of<'a>(numbers: impl Iterator<Item = Option<&'a Json>>) -> Option<Vec<usize>> {
    numbers.map(|number| usize::try_from(number?.as_u64()?).ok()).collect()
}
