use alluvium_model::evolution::{Outcome, resolve};

use crate::contract::{Contract, OperatorContract, StateContract};

/// How the operators of two sides belong together.
pub(crate) struct Pairing<'a> {
    /// Operators of equal id.
    pub(crate) same: Vec<(&'a OperatorContract, &'a OperatorContract)>,
    /// Operators that seem to have got another uid: their states are equal.
    pub(crate) renamed: Vec<(&'a OperatorContract, &'a OperatorContract)>,
    /// Operators only of the old side, with the most similar new one that has some of its states.
    pub(crate) removed: Vec<(&'a OperatorContract, Option<&'a OperatorContract>)>,
    /// Operators only of the new side.
    pub(crate) added: Vec<&'a OperatorContract>,
}

pub(crate) fn pair<'a>(old: &'a Contract, new: &'a Contract) -> Pairing<'a> {
    let partner = |old: &OperatorContract| new.operators.iter().find(|new| new.finds(old.id));
    let same = old.operators.iter().filter_map(|old| Some((old, partner(old)?))).collect();
    let mut gone: Vec<_> = old.operators.iter().filter(|old| partner(old).is_none()).collect();
    let is_new = |new: &&OperatorContract| old.operators.iter().all(|old| !new.finds(old.id));
    let mut added: Vec<_> = new.operators.iter().filter(is_new).collect();
    let mut renamed = Vec::new();
    while let Some((o, n)) = best(&gone, &added) {
        gone.retain(|other| other.id != o.id);
        added.retain(|other| other.id != n.id);
        renamed.push((o, n));
    }
    renamed.sort_by_key(|(o, _)| old.operators.iter().position(|p| p.id == o.id));
    let removed = gone.into_iter().map(|o| (o, most_similar(o, &added))).collect();
    Pairing { same, renamed, removed, added }
}

/// Returns the pair of equal states with the most similar uids and names.
fn best<'a>(
    gone: &[&'a OperatorContract],
    added: &[&'a OperatorContract],
) -> Option<(&'a OperatorContract, &'a OperatorContract)> {
    let pairs = gone.iter().flat_map(|o| added.iter().map(move |n| (*o, *n)));
    let equal = pairs.filter(|(o, n)| equal_states(o, n));
    equal.max_by(|a, b| similarity(a.0, a.1).total_cmp(&similarity(b.0, b.1)))
}

fn equal_states(old: &OperatorContract, new: &OperatorContract) -> bool {
    old.states.len() == new.states.len() && shared_states(old, new) == old.states.len()
}

fn shared_states(old: &OperatorContract, new: &OperatorContract) -> usize {
    let found = |name: &str| new.states.iter().find(|state| state.schema.name == name);
    let shared = |state: &&StateContract| {
        let other = found(&state.schema.name);
        other.is_some_and(|other| resolve(&state.schema, &other.schema).outcome != Outcome::Incompatible)
    };
    old.states.iter().filter(shared).count()
}

fn most_similar<'a>(old: &OperatorContract, added: &[&'a OperatorContract]) -> Option<&'a OperatorContract> {
    let candidates = added.iter().filter(|new| shared_states(old, new) > 0);
    candidates.max_by_key(|new| shared_states(old, new)).copied()
}

fn similarity(old: &OperatorContract, new: &OperatorContract) -> f64 {
    let names = if old.name.is_some() && old.name == new.name { 1.0 } else { 0.0 };
    names + strsim::jaro_winkler(&old.label(), &new.label())
}
