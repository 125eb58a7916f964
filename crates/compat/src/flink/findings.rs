//! What is said of the differences between two serializers.

use alluvium_model::evolution::Outcome;
use alluvium_model::serializer::SerializerTree;

use super::Restore;
use super::resolve::{Difference, Resolved, Seen, label};
use crate::check::Run;
use crate::contract::{OperatorContract, StateContract};
use crate::finding::{Finding, Severity};
use crate::rules::*;
use crate::suggestion::Suggestion;

impl Restore {
    /// Reports what happens to the values of a state.
    pub(super) fn report(
        &self,
        run: &mut Run,
        finding: &dyn Fn(&'static Rule) -> Finding,
        namespace: &Resolved,
        value: &Resolved,
        map_key: bool,
    ) {
        own_changed(run, &finding(&SER003), namespace);
        own_changed(run, &finding(&SER003), value);
        let of = |outcome: Outcome, seen: &[Seen]| -> Vec<&Difference> {
            value.differences.iter().filter(|d| d.outcome == outcome && seen.contains(&d.seen)).collect()
        };
        if map_key {
            let sees =
                value.differences.iter().filter(|d| d.path.starts_with("value.key")).collect::<Vec<_>>();
            return run.refuse(
                finding(&KEY003)
                    .fact("change", fact(&sees))
                    .sees(joined(&sees))
                    .consequence("keys of a map are not migrated: the restore is refused")
                    .fix("keep the type of the map key, or give the state another name"),
            );
        }
        let kryo = of(Outcome::Incompatible, &[Seen::Kryo]);
        if !kryo.is_empty() {
            run.refuse(
                finding(&VER001)
                    .fact("change", fact(&kryo))
                    .sees(joined(&kryo))
                    .consequence("the bytes are misread: the restore fails with whatever they provoke")
                    .fix("before the upgrade give the type a serializer that is no Kryo, and rewrite the state with it"),
            );
        }
        let ttl = of(Outcome::Incompatible, &[Seen::Ttl]);
        if !ttl.is_empty() {
            let mut found = finding(&TTL002)
                .sees(joined(&ttl))
                .consequence("Flink 1 cannot switch a time to live on or off: the restore is refused")
                .fix("give the state another name, or restore with Flink 2.0 or later");
            found.severity = Severity::Deny;
            run.refuse(found);
        }
        let replaced = of(Outcome::Incompatible, &[Seen::Serializer]);
        if !replaced.is_empty() {
            run.refuse(
                finding(&SER001)
                    .fact("change", fact(&replaced))
                    .sees(joined(&replaced))
                    .consequence("the new serializer does not read what the old one wrote: the restore is refused, with -n too")
                    .fix("give the type its old serializer back, or give the state another name"),
            );
        }
        let incompatible = of(Outcome::Incompatible, &[Seen::Type]);
        if !incompatible.is_empty() {
            run.refuse(
                finding(&SCH001)
                    .fact("change", fact(&incompatible))
                    .sees(joined(&incompatible))
                    .consequence("the new serializer is incompatible with the old one: the restore is refused, with -n too")
                    .fix("keep the type, or give the state another name"),
            );
        }
        if value.outcome == Outcome::Incompatible {
            return;
        }
        let ttl = of(Outcome::AfterMigration, &[Seen::Ttl]);
        if !ttl.is_empty() {
            run.findings.push(
                finding(&TTL002)
                    .sees(joined(&ttl))
                    .consequence(
                        "old entries are rewritten; those that get a time to live count from the restore",
                    )
                    .fix("nothing, if that is wanted"),
            );
        }
        let removed = of(Outcome::AfterMigration, &[Seen::FieldRemoved]);
        let migrated = of(Outcome::AfterMigration, &[Seen::FieldRemoved, Seen::Type]);
        if !migrated.is_empty() {
            let mut found = finding(&SCH002).fact("change", fact(&migrated)).sees(joined(&migrated));
            found = if removed.is_empty() {
                found.consequence("stored values are changed while they are read").fix("nothing")
            } else {
                found.severity = Severity::Warn;
                found
                    .keep_field(&removed)
                    .consequence("stored values are changed while they are read; removed fields are lost")
                    .fix("keep the field if its values are needed")
            };
            run.findings.push(found);
        }
        let reconfigured = of(Outcome::Reconfigured, &[Seen::Type]);
        if !reconfigured.is_empty() {
            run.findings.push(
                finding(&SCH003)
                    .fact("change", fact(&reconfigured))
                    .sees(joined(&reconfigured))
                    .consequence("stored values are read as they are, by a serializer told of the old order")
                    .fix("nothing"),
            );
        }
    }

    pub(super) fn incompatible(&self, run: &mut Run, finding: Finding, resolved: &Resolved) {
        let all: Vec<&Difference> = resolved.differences.iter().collect();
        if all.iter().any(|difference| difference.seen == Seen::Kryo) {
            let place = Finding::new(&VER001, finding.operator.clone());
            run.refuse(Finding { state: finding.state.clone(), ..place }.fact("change", fact(&all)).sees(joined(&all)).consequence(
                "the bytes are misread: the restore fails with whatever they provoke",
            ).fix("before the upgrade give the type a serializer that is no Kryo, and rewrite the state with it"));
            return;
        }
        run.refuse(finding.fact("change", fact(&all)).sees(joined(&all)));
    }
}

impl Finding {
    /// Suggests to keep the first of some removed fields.
    fn keep_field(self, removed: &[&Difference]) -> Self {
        let Some(first) = removed.first() else { return self };
        let (operator, state) = (self.operator.clone(), self.state.clone().unwrap_or_default());
        self.suggest(Suggestion::KeepField { operator, state, field: first.path.clone() })
    }
}

/// Says that only a serializer of the job's own knows whether it reads what an older version of it wrote.
pub(super) fn own_changed(run: &mut Run, finding: &Finding, resolved: &Resolved) {
    let own: Vec<&Difference> = resolved.differences.iter().filter(|d| d.seen == Seen::Own).collect();
    if !own.is_empty() {
        run.findings.push(
            finding
                .clone()
                .fact("change", fact(&own))
                .sees(joined(&own))
                .consequence("resolveSchemaCompatibility of its snapshot decides; that code is not run here")
                .fix("test a restore of real rows with both versions of the class"),
        );
    }
}

/// Says that a new state is left to Kryo: it can never change its type.
pub(super) fn new_kryo(run: &mut Run, operator: &OperatorContract, state: &StateContract) {
    let trees = [&state.serializers.key, &state.serializers.map_key, &state.serializers.value];
    let Some(kryo) = trees.into_iter().flatten().find_map(|tree| kryo(tree)) else { return };
    run.findings.push(
        Finding::new(&SER002, operator.label())
            .state(&state.schema.name)
            .fact("type", kryo.type_class.as_deref().unwrap_or_default())
            .sees(format!("a new state that is written through {}", label(kryo)))
            .consequence("its type cannot change later, and no other version of Kryo reads it")
            .fix("make the type a POJO, or name a TypeInfo for it, before there is state; pipeline.generic-types: false refuses such types"),
    );
}

/// Finds the first Kryo in a serializer.
fn kryo(tree: &SerializerTree) -> Option<&SerializerTree> {
    if tree.name() == "kryo" { Some(tree) } else { tree.children().find_map(kryo) }
}

fn joined(differences: &[&Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(|d| format!("{}: {}", d.path, d.text)).collect();
    texts.join("; ")
}

/// Returns differences without prose: place, outcome and kind of each.
fn fact(differences: &[&Difference]) -> String {
    let told = |d: &&Difference| format!("{}: {} {:?}", d.path, d.outcome.name(), d.seen);
    differences.iter().map(told).collect::<Vec<_>>().join("; ")
}
