//! States of one operator under Flink's rules.

use alluvium_model::evolution::{Outcome, What, resolve as resolve_types};
use alluvium_model::serializer::SerializerTree;
use alluvium_model::{LogicalType, StateKind};

use super::findings::{new_kryo, own_changed};
use super::resolve::{Difference, Resolved, Seen, resolve};
use super::{Restore, is_timer};
use crate::check::Run;
use crate::contract::{OperatorContract, StateContract};
use crate::finding::Finding;
use crate::report::Verdict;
use crate::rules::*;
use crate::suggestion::Suggestion;

impl Restore {
    /// The key serializer must be compatible as it is or reconfigured (`HeapRestoreOperation`,
    /// `RocksDBFullRestoreOperation`).
    pub(super) fn key(&self, run: &mut Run, old: &OperatorContract, new: &OperatorContract) {
        fn keyed(operator: &OperatorContract) -> Option<&StateContract> {
            operator.states.iter().find(|state| state.schema.kind.is_keyed())
        }
        let (Some(before), Some(now)) = (keyed(old), keyed(new)) else { return };
        let trees = (&before.serializers.key, &now.serializers.key);
        let types = (before.schema.key.as_ref(), now.schema.key.as_ref());
        let resolved = self.fixed("key", trees, types);
        if resolved.outcome > Outcome::Reconfigured {
            self.incompatible(
                run,
                Finding::new(&KEY001, new.label())
                    .consequence("the key serializer must not need a migration: the restore is refused")
                    .fix("keep the key type, or give the operator another uid and fill it anew"),
                &resolved,
            );
        }
        own_changed(run, &Finding::new(&SER003, new.label()), &resolved);
    }

    /// Compares states by name. Those that are gone stay behind without a word: keyed state goes on into
    /// later snapshots, out of reach.
    pub(super) fn compare(&self, run: &mut Run, old: &OperatorContract, new: &OperatorContract) {
        let declares_timers = new.states.iter().any(is_timer);
        for before in &old.states {
            let name = &before.schema.name;
            match new.states.iter().find(|now| now.schema.name == *name) {
                Some(now) => self.state(run, new, before, now),
                None if is_timer(before) && !declares_timers => {}
                None => left_behind(run, old, new, before),
            }
        }
        let known =
            |now: &&StateContract| old.states.iter().all(|state| state.schema.name != now.schema.name);
        for now in new.states.iter().filter(known) {
            if !is_timer(now) {
                run.findings.push(
                    Finding::new(&STA001, new.label())
                        .state(&now.schema.name)
                        .sees(format!("a new {} state", now.schema.kind.word()))
                        .consequence("it starts empty")
                        .fix("nothing, if that is wanted"),
                );
            }
            new_kryo(run, new, now);
            run.verdict(new, &now.schema.name, Verdict::New);
        }
    }

    fn state(&self, run: &mut Run, operator: &OperatorContract, old: &StateContract, new: &StateContract) {
        let name = &old.schema.name;
        let finding = |rule| Finding::new(rule, operator.label()).state(name);
        if old.schema.kind != new.schema.kind {
            return kind(run, operator, old, new);
        }
        let namespace = self.fixed(
            "namespace",
            (&old.serializers.namespace, &new.serializers.namespace),
            (old.schema.namespace.as_ref(), new.schema.namespace.as_ref()),
        );
        let value = self.value(old, new);
        let map_key = self.map_key(old, new, &value);
        let mut outcome = value.outcome;
        if namespace.outcome > Outcome::Reconfigured {
            outcome = Outcome::Incompatible;
            self.incompatible(
                run,
                finding(&NSP001)
                    .consequence("the namespace serializer must not need a migration: the restore is refused")
                    .fix("keep the window type, or give the state another name"),
                &namespace,
            );
        }
        if map_key {
            outcome = Outcome::Incompatible;
        }
        let own = outcome <= Outcome::Reconfigured
            && [&namespace, &value].iter().any(|part| part.differences.iter().any(|d| d.seen == Seen::Own));
        run.verdict(operator, name, if own { Verdict::NotChecked } else { outcome.into() });
        if let (Some(before), Some(now)) = (old.schema.ttl_ms, new.schema.ttl_ms)
            && before != now
        {
            run.findings.push(
                finding(&TTL001)
                    .fact("old", before)
                    .fact("new", now)
                    .sees(format!("a time to live of {now} ms, was {before} ms"))
                    .consequence("old entries live by the new time, counted from their last access")
                    .fix("nothing, if that is wanted"),
            );
        }
        self.report(run, &finding, &namespace, &value, map_key);
    }

    /// Compares a part that may not change in meaning.
    fn fixed(
        &self,
        path: &str,
        trees: (&Option<Box<SerializerTree>>, &Option<Box<SerializerTree>>),
        types: (Option<&LogicalType>, Option<&LogicalType>),
    ) -> Resolved {
        match (trees, types) {
            ((Some(old), Some(new)), _) => resolve(path, old, new, self.engines),
            (_, (Some(old), Some(new))) if !same(old, new) => {
                typed(path, Outcome::Incompatible, format!("{new}, was {old}"))
            }
            ((None, None), (Some(ty), None)) => typed(path, Outcome::Incompatible, format!("none, was {ty}")),
            ((None, None), (None, Some(ty))) => typed(path, Outcome::Incompatible, format!("{ty}, was none")),
            _ => Resolved { outcome: Outcome::AsIs, differences: Vec::new() },
        }
    }

    fn value(&self, old: &StateContract, new: &StateContract) -> Resolved {
        let keys = (&old.serializers.map_key, &new.serializers.map_key);
        let mut resolved = match (&old.serializers.value, &new.serializers.value) {
            (Some(old), Some(new)) => resolve("value", old, new, self.engines),
            _ => return by_types(old, new, self.engines.ttl_migration),
        };
        if let (Some(old), Some(new)) = keys {
            let key = resolve("map_key", old, new, self.engines);
            resolved.outcome = resolved.outcome.max(key.outcome);
            resolved.differences.extend(key.differences);
        }
        resolved
    }

    /// Returns whether keys of a map would need what the backend does not do
    /// (`RocksDBKeyedStateBackend.migrateStateValues`); the heap holds them as objects.
    fn map_key(&self, old: &StateContract, new: &StateContract, value: &Resolved) -> bool {
        let is_map = old.schema.kind == StateKind::Map && new.schema.kind == StateKind::Map;
        let refused = |difference: &Difference| {
            difference.seen != Seen::Kryo
                && difference.path.starts_with("value.key")
                && (difference.outcome == Outcome::Incompatible
                    || (difference.outcome == Outcome::AfterMigration && !self.on_heap))
        };
        is_map && value.differences.iter().any(refused)
    }
}

/// States without serializers are compared by their types, as far as those tell.
fn by_types(old: &StateContract, new: &StateContract, ttl_migration: bool) -> Resolved {
    let resolution = resolve_types(&old.schema, &new.schema);
    let mut differences = Vec::new();
    for difference in &resolution.differences {
        if difference.path == "key" || difference.path == "namespace" {
            continue;
        }
        let (outcome, seen) = match &difference.what {
            What::FieldRemoved { .. } | What::FieldRenamed { .. } => {
                (Outcome::AfterMigration, Seen::FieldRemoved)
            }
            What::FieldAdded { .. } | What::RequiredFieldAdded { .. } => {
                (Outcome::AfterMigration, Seen::Type)
            }
            What::SymbolsAdded { .. } => (Outcome::Reconfigured, Seen::Type),
            What::SymbolsChanged { old, new } if old.iter().all(|s| new.contains(s)) => {
                (Outcome::Reconfigured, Seen::Type)
            }
            What::TtlAdded { .. } | What::TtlRemoved { .. } if ttl_migration => {
                (Outcome::AfterMigration, Seen::Ttl)
            }
            What::TtlAdded { .. } | What::TtlRemoved { .. } => (Outcome::Incompatible, Seen::Ttl),
            What::NullAllowed | What::NullForbidden | What::FieldsReordered | What::TtlChanged { .. } => {
                continue;
            }
            _ => (Outcome::Incompatible, Seen::Type),
        };
        let path = if difference.path == "map_key" { "value.key" } else { &difference.path };
        differences.push(Difference { path: path.into(), text: difference.what.to_string(), outcome, seen });
    }
    let outcome = differences.iter().map(|difference| difference.outcome).max().unwrap_or(Outcome::AsIs);
    Resolved { outcome, differences }
}

fn same(old: &LogicalType, new: &LogicalType) -> bool {
    let opaque =
        |ty: &LogicalType| matches!(ty, LogicalType::Opaque { serializer } if serializer == "unknown");
    old == new || opaque(old) || opaque(new)
}

fn typed(path: &str, outcome: Outcome, text: String) -> Resolved {
    let difference = Difference { path: path.into(), text, outcome, seen: Seen::Type };
    Resolved { outcome, differences: vec![difference] }
}

/// Keyed state has one type, lists one mode (`RegisteredKeyValueStateBackendMetaInfo.checkStateMetaInfo`,
/// `DefaultOperatorStateBackend.getListState`); broadcast states and lists are kept apart, so that one
/// name may stand for both and neither knows of the other.
fn kind(run: &mut Run, operator: &OperatorContract, old: &StateContract, new: &StateContract) {
    let (before, now) = (old.schema.kind, new.schema.kind);
    let apart = before.is_keyed() != now.is_keyed()
        || (!before.is_keyed() && (before == StateKind::Broadcast) != (now == StateKind::Broadcast));
    let finding = |rule| Finding::new(rule, operator.label()).state(&old.schema.name);
    let sees = format!("a {} state, was {}", now.word(), before.word());
    if apart {
        run.findings.push(
            finding(&STA004)
                .sees(sees)
                .consequence(
                    "the restore succeeds and says nothing; the new state starts empty, the old one is lost",
                )
                .fix("give the new state another name and fill it from the old one"),
        );
        return run.verdict(operator, &old.schema.name, Verdict::SilentlyLost);
    }
    run.verdict(operator, &old.schema.name, Verdict::Incompatible);
    run.refuse(
        finding(&STA003)
            .sees(sees)
            .consequence("Flink refuses another kind of state under the same name, with -n too")
            .fix("give the new state another name and fill it from the old one"),
    );
}

fn left_behind(run: &mut Run, old: &OperatorContract, new: &OperatorContract, before: &StateContract) {
    let equal = |now: &&StateContract| {
        let known = old.states.iter().any(|state| state.schema.name == now.schema.name);
        !known
            && !is_timer(now)
            && by_types(before, now, true).outcome == Outcome::AsIs
            && now.schema.kind == before.schema.kind
    };
    let renamed = new.states.iter().find(equal);
    let hint =
        renamed.map_or_else(String::new, |now| format!("; the new state {} has its types", now.schema.name));
    let keyed_left =
        before.schema.kind.is_keyed() && new.states.iter().any(|state| state.schema.kind.is_keyed());
    let then = if keyed_left {
        "the restore succeeds and says nothing; its rows stay in the backend and in every later snapshot, out of reach"
    } else {
        "the restore succeeds and says nothing; its rows are out of reach"
    };
    let mut finding = Finding::new(&STA002, new.label()).state(&before.schema.name);
    if let Some(now) = renamed {
        let (from, to) = (now.schema.name.to_string(), before.schema.name.to_string());
        finding = finding.suggest(Suggestion::RenameState { operator: new.label(), from, to });
    }
    run.findings.push(
        finding
            .fact("kind", before.schema.kind.word())
            .sees(format!("the {} state is gone{hint}", before.schema.kind.word()))
            .consequence(then)
            .fix("keep the state under its name; to be rid of its rows, clear it before it goes"),
    );
    run.verdict(old, &before.schema.name, Verdict::SilentlyLost);
}
