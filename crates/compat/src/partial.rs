use std::sync::Arc;

use alluvium_model::job::UNKNOWN_TYPE;
use alluvium_model::serializer::SerializerTree;
use alluvium_model::{LogicalType, OperatorId, StateSchema};

use crate::contract::{Contract, OperatorContract, StateContract};

/// Two sides as far as both tell.
pub(crate) struct Told {
    pub(crate) old: Contract,
    pub(crate) new: Contract,
    /// States of an operator that one side does not tell enough of.
    pub(crate) not_checked: Vec<(OperatorId, String)>,
}

/// Takes out of two sides what one of them does not tell, so that not knowing is no difference; none where both
/// tell everything.
///
/// A state that the new side lacks is left out of the old one where the new operator does not list all of its
/// states; a type that one side does not tell is taken from the other. What was left out or taken over is
/// returned as not checked.
pub(crate) fn told_by_both(old: &Contract, new: &Contract) -> Option<Told> {
    let tells_all =
        |operator: &OperatorContract| operator.states_complete && !operator.states.iter().any(is_unknown);
    if old.operators.iter().chain(&new.operators).all(tells_all) {
        return None;
    }
    let (mut old, mut new) = (old.clone(), new.clone());
    let mut not_checked = Vec::new();
    for now in &mut new.operators {
        let Some(before) = old.operators.iter_mut().find(|before| before.id == now.id) else { continue };
        if !now.states_complete {
            leave_out(before, now, &mut not_checked);
        }
        if !before.states_complete {
            leave_out(now, before, &mut not_checked);
        }
        for state in &mut now.states {
            let Some(other) = before.states.iter_mut().find(|o| o.schema.name == state.schema.name) else {
                continue;
            };
            if is_unknown(state) || is_unknown(other) {
                take_over(other, state);
                not_checked.push((now.id, state.schema.name.clone()));
            }
        }
    }
    Some(Told { old, new, not_checked })
}

/// Leaves the states out that the other side, which does not list all, lacks.
fn leave_out(
    full: &mut OperatorContract,
    partial: &OperatorContract,
    not_checked: &mut Vec<(OperatorId, String)>,
) {
    let id = full.id;
    full.states.retain(|state| {
        let listed = partial.states.iter().any(|other| other.schema.name == state.schema.name);
        if !listed {
            not_checked.push((id, state.schema.name.clone()));
        }
        listed
    });
}

fn is_unknown(state: &StateContract) -> bool {
    let schema = &state.schema;
    let types = [schema.key.as_ref(), schema.map_key.as_ref(), schema.value.as_ref().map(|value| &value.ty)];
    let unknown =
        |ty: &LogicalType| matches!(ty, LogicalType::Opaque { serializer } if serializer == UNKNOWN_TYPE);
    types.into_iter().flatten().any(unknown)
}

/// Gives the state whose types are not known those of the other; kind, time to live and name stay its own.
fn take_over(a: &mut StateContract, b: &mut StateContract) {
    let (known, unknown) = if is_unknown(b) { (a, b) } else { (b, a) };
    if known.schema.kind != unknown.schema.kind {
        return;
    }
    let mut schema = StateSchema::clone(&known.schema);
    schema.ttl_ms = unknown.schema.ttl_ms;
    schema.ttl_unknown = unknown.schema.ttl_unknown;
    unknown.schema = Arc::new(schema);
    unknown.serializers = known.serializers.clone();
    let value = known.serializers.value.as_deref();
    let value = value.map(|value| match (value.is_ttl(), unknown.schema.has_last_access()) {
        (true, false) => value.without_ttl().clone(),
        (false, true) => with_ttl(value),
        _ => value.clone(),
    });
    unknown.serializers.value = value.map(Box::new);
}

fn with_ttl(value: &SerializerTree) -> SerializerTree {
    SerializerTree::new("ttl").with("timestamp", SerializerTree::new("long")).with("value", value.clone())
}

#[cfg(test)]
mod tests {
    use alluvium_model::job::job_from_json;
    use serde_json::json;

    use crate::{Contract, Overall, Verdict, check};

    fn contract(state: serde_json::Value, complete: bool) -> Contract {
        let job = json!({
            "description_version": 1,
            "engine": { "name": "flink", "version": "2.3.0" },
            "operators": [{ "uid": "5_group-aggregate", "states": state, "states_complete": complete }],
        });
        Contract::from(&job_from_json(&job).unwrap())
    }

    #[test]
    fn what_a_side_does_not_tell_is_no_difference() {
        let old = contract(
            json!([
                { "name": "accState", "kind": "value", "serializers": { "key": "string", "value": "long" } },
                { "name": "late", "kind": "value", "serializers": { "key": "string", "value": "long" } },
            ]),
            true,
        );
        let unknown = json!({ "opaque": "unknown" });
        let state =
            json!([{ "name": "accState", "kind": "value", "key_type": unknown, "value_type": unknown }]);
        let report = check(&old, &contract(state.clone(), false));
        assert_eq!(report.findings, []);
        assert_eq!(report.overall, Overall::RestoresAsIs);
        let not_checked = report.states.iter().filter(|state| state.verdict == Verdict::NotChecked);
        assert_eq!(not_checked.map(|state| state.state.as_str()).collect::<Vec<_>>(), ["late", "accState"]);
        // A side that lists all of its states has lost one.
        assert_ne!(check(&old, &contract(state, true)).findings, []);
    }
}
