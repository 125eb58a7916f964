use std::collections::{HashMap, HashSet};

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
    let renamed = renamed(&gone, &added);
    gone.retain(|operator| renamed.iter().all(|(o, _)| o.id != operator.id));
    added.retain(|operator| renamed.iter().all(|(_, n)| n.id != operator.id));
    let removed = gone.into_iter().map(|o| (o, most_similar(o, &added))).collect();
    Pairing { same, renamed, removed, added }
}

/// Pairs operators of equal states, those with the most similar uids and names first; in the order of the old ones.
fn renamed<'a>(
    gone: &[&'a OperatorContract],
    added: &[&'a OperatorContract],
) -> Vec<(&'a OperatorContract, &'a OperatorContract)> {
    let mut by_names: HashMap<Vec<&str>, Vec<&'a OperatorContract>> = HashMap::new();
    for new in added {
        by_names.entry(names(new)).or_default().push(new);
    }
    let alike = |old: &'a OperatorContract| by_names.get(&names(old)).into_iter().flatten();
    let pairs = gone.iter().flat_map(|old| alike(old).map(move |new| (*old, *new)));
    let equal = pairs.filter(|(old, new)| equal_states(old, new));
    let mut pairs: Vec<_> = equal.map(|(old, new)| (similarity(old, new), old, new)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut partners = HashMap::new();
    let mut taken = HashSet::new();
    for (_, old, new) in pairs.into_iter().rev() {
        if !partners.contains_key(&old.id) && taken.insert(new.id) {
            partners.insert(old.id, new);
        }
    }
    gone.iter().filter_map(|old| Some((*old, *partners.get(&old.id)?))).collect()
}

/// Returns the names of the states, sorted.
fn names(operator: &OperatorContract) -> Vec<&str> {
    let mut names: Vec<&str> = operator.states.iter().map(|state| state.schema.name.as_str()).collect();
    names.sort_unstable();
    names
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
