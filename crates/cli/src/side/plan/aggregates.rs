//! What aggregate functions keep of a group.
//!
//! | function | keeps |
//! |---|---|
//! | `COUNT` | its number |
//! | `SUM`, `SUM0` | the sum, of a decimal with 38 digits; `SUM` that retracts counts too |
//! | `AVG` | sum, of integers as `BIGINT`, of floats as `DOUBLE`, and count |
//! | `MIN`, `MAX` | a value of the argument's type, text of any length |
//!
//! All may be null, whatever their argument. Others, and those over distinct values, are not known.
//!
//! Source: `CountAggFunction`, `SumAggFunction`, `SumWithRetractAggFunction`, `Sum0AggFunction`,
//! `AvgAggFunction`, `MinAggFunction`, `MaxAggFunction`, `AggregateUtil#insertCountStarAggCall`.

use serde_json::Value as Json;

use super::types::{Row, Type};

/// Returns the types of what a node keeps of a group, in order; none where a function is not known.
pub(super) fn accumulators(node: &Json, input: &Row) -> Option<Vec<String>> {
    let calls = node.get("aggCalls")?.as_array()?;
    let retractions = node.get("aggCallNeedRetractions")?.as_array()?;
    let mut types = Vec::new();
    for (call, retracts) in calls.iter().zip(retractions) {
        types.extend(kept(call, retracts.as_bool()?, input)?);
    }
    if node.get("needRetraction")?.as_bool()? && !calls.iter().any(counts_all) {
        types.push("BIGINT".into());
    }
    Some(types)
}

/// Returns whether a call counts the rows of its group, which tells a group without rows.
fn counts_all(call: &Json) -> bool {
    let no_arguments = call["argList"].as_array().is_some_and(Vec::is_empty);
    call["internalName"] == "$COUNT$1" && no_arguments && call["filterArg"] == -1
}

fn kept(call: &Json, retracts: bool, input: &Row) -> Option<Vec<String>> {
    let is = |flag: &str| call.get(flag).is_some_and(|flag| flag == true);
    if is("distinct") || is("approximate") || is("ignoreNulls") {
        return None;
    }
    let function = call.get("internalName")?.as_str()?.strip_suffix("$1")?;
    if function == "$COUNT" {
        return Some(vec!["BIGINT".into()]);
    }
    let [argument] = call.get("argList")?.as_array()?.as_slice() else { return None };
    let argument = input.get(usize::try_from(argument.as_u64()?).ok()?)?.as_ref()?;
    Some(match function {
        "$SUM" if retracts => vec![sum(argument)?, "BIGINT".into()],
        "$SUM" | "$$SUM0" => vec![sum(argument)?],
        "$AVG" => vec![sum_of_average(argument)?, "BIGINT".into()],
        "$MIN" | "$MAX" if !retracts => vec![extreme(argument)?],
        _ => return None,
    })
}

fn sum(argument: &Type) -> Option<String> {
    let name = argument.name.as_str();
    decimal(name).or_else(|| (INTEGERS.contains(&name) || FLOATS.contains(&name)).then(|| name.to_owned()))
}

fn sum_of_average(argument: &Type) -> Option<String> {
    match argument.name.as_str() {
        name if INTEGERS.contains(&name) => Some("BIGINT".into()),
        name if FLOATS.contains(&name) => Some("DOUBLE".into()),
        name => decimal(name),
    }
}

fn extreme(argument: &Type) -> Option<String> {
    let name = argument.name.as_str();
    let word = name.split('(').next().unwrap_or(name);
    match word {
        "STRING" | "VARCHAR" | "CHAR" => Some("STRING".into()),
        "BOOLEAN" | "DATE" | "TIME" | "TIMESTAMP" | "TIMESTAMP_LTZ" | "DECIMAL" => Some(name.to_owned()),
        _ => (INTEGERS.contains(&word) || FLOATS.contains(&word)).then(|| name.to_owned()),
    }
}

/// Returns the type of a sum of decimals: as many digits as there can be.
fn decimal(name: &str) -> Option<String> {
    let (_precision, scale) = name.strip_prefix("DECIMAL(")?.split_once(", ")?;
    Some(format!("DECIMAL(38, {scale}"))
}

const INTEGERS: [&str; 4] = ["TINYINT", "SMALLINT", "INT", "BIGINT"];
const FLOATS: [&str; 2] = ["FLOAT", "DOUBLE"];
