use std::sync::Arc;

use alluvium_model::StateSchema;
use alluvium_model::evolution::{Difference, Outcome, What, resolve};

use crate::check::Run;
use crate::contract::OperatorContract;
use crate::finding::{Finding, Severity};
use crate::report::Verdict;
use crate::rules::*;
use crate::suggestion::Suggestion;

/// Compares the states of an operator by name.
pub(crate) fn compare(run: &mut Run, old: &OperatorContract, new: &OperatorContract) {
    let mut key_told = false;
    fn schemas(operator: &OperatorContract) -> impl Iterator<Item = &Arc<StateSchema>> {
        operator.states.iter().map(|state| &state.schema)
    }
    for before in schemas(old) {
        match schemas(new).find(|state| state.name == before.name) {
            None => removed(run, old, new, before),
            Some(now) => state(run, new, before, now, &mut key_told),
        }
    }
    for now in schemas(new).filter(|now| schemas(old).all(|state| state.name != now.name)) {
        run.findings.push(
            Finding::new(&STA001, new.label())
                .state(&now.name)
                .sees(format!("a new {} state", now.kind.word()))
                .consequence("it starts empty")
                .fix("nothing, if that is wanted"),
        );
        run.verdict(new, &now.name, Verdict::New);
    }
}

fn removed(run: &mut Run, old: &OperatorContract, new: &OperatorContract, before: &StateSchema) {
    let kept = |now: &&Arc<StateSchema>| {
        old.states.iter().all(|state| state.schema.name != now.name)
            && resolve(before, now).outcome == Outcome::AsIs
    };
    let renamed = new.states.iter().map(|state| &state.schema).find(kept);
    let hint = renamed.map_or_else(String::new, |now| format!("; the new state {} has its types", now.name));
    let mut finding = Finding::new(&STA002, new.label());
    if let Some(now) = renamed {
        finding = finding.suggest(Suggestion::RenameState {
            operator: new.label(),
            from: now.name.to_string(),
            to: before.name.to_string(),
        });
    }
    run.findings.push(
        finding
            .state(&before.name)
            .fact("kind", before.kind.word())
            .sees(format!("the {} state is gone{hint}", before.kind.word()))
            .consequence("its rows have no place to go: refused, or lost with -n")
            .fix("keep the state, or restore once with --allow-non-restored-state if its rows may go"),
    );
    run.verdict(old, &before.name, Verdict::Lost);
}

fn state(
    run: &mut Run,
    operator: &OperatorContract,
    old: &StateSchema,
    new: &StateSchema,
    key_told: &mut bool,
) {
    if old == new {
        return run.verdict(operator, &old.name, Verdict::AsIs);
    }
    let resolution = resolve(old, new);
    run.verdict(operator, &old.name, resolution.outcome.into());
    let finding = |rule| Finding::new(rule, operator.label()).state(&old.name);
    let differences = &resolution.differences;
    if let Some(kind) = differences.iter().find(|d| matches!(d.what, What::KindChanged { .. })) {
        return run.refuse(
            finding(&STA003)
                .fact("change", fact(&[kind]))
                .sees(kind.what.to_string())
                .consequence("rows of one kind cannot be read as another: the restore is refused")
                .fix("give the new state another name and fill it from the old one"),
        );
    }
    for difference in differences.iter().filter(|d| matches!(d.what, What::FixedTypeChanged { .. })) {
        fixed(run, operator, old, difference, key_told);
    }
    let of_value = |outcome| -> Vec<&Difference> {
        let in_value = |d: &&Difference| d.path.starts_with("value") && d.what.outcome() == outcome;
        differences.iter().filter(in_value).collect()
    };
    value(run, finding, &of_value);
    ttl(run, finding, differences);
}

/// Reports a type that may never change; that of the key once per operator.
fn fixed(
    run: &mut Run,
    operator: &OperatorContract,
    old: &StateSchema,
    difference: &Difference,
    key_told: &mut bool,
) {
    let finding = |rule| {
        let found = Finding::new(rule, operator.label()).fact("change", fact(&[difference]));
        found.sees(difference.to_string())
    };
    match difference.path.as_str() {
        "key" if *key_told => {}
        "key" => {
            *key_told = true;
            run.refuse(
                finding(&KEY001)
                    .consequence("stored keys are not keys of the new type: the restore is refused")
                    .fix("keep the key type, or give the operator another uid and fill it anew"),
            );
        }
        "namespace" => run.refuse(
            finding(&NSP001)
                .state(&old.name)
                .consequence("stored namespaces are not those of the new type: the restore is refused")
                .fix("keep the window type, or give the state another name"),
        ),
        "map_key" => run.refuse(
            finding(&KEY003)
                .state(&old.name)
                .consequence("stored map keys are not keys of the new type: the restore is refused")
                .fix("keep the type of the map key, or give the state another name"),
        ),
        _ => {}
    }
}

fn value<'a>(
    run: &mut Run,
    finding: impl Fn(&'static Rule) -> Finding,
    of_value: &dyn Fn(Outcome) -> Vec<&'a Difference>,
) {
    let incompatible = of_value(Outcome::Incompatible);
    if !incompatible.is_empty() {
        return run.refuse(
            finding(&SCH001)
                .fact("change", fact(&incompatible))
                .sees(joined(&incompatible))
                .consequence("stored values cannot be read as the new type: the restore is refused")
                .fix("keep the type, make new fields nullable, or give the state another name"),
        );
    }
    let migrated = of_value(Outcome::AfterMigration);
    if !migrated.is_empty() {
        let gone = migrated.iter().find(|d| matches!(d.what, What::FieldRemoved { .. }));
        let removed = gone.is_some();
        let mut found = finding(&SCH002)
            .fact("change", fact(&migrated))
            .sees(joined(&migrated))
            .consequence("stored values are changed while they are read");
        if let Some(gone) = gone {
            found.severity = Severity::Warn;
            let (operator, state) = (found.operator.clone(), found.state.clone().unwrap_or_default());
            found = found.suggest(Suggestion::KeepField { operator, state, field: gone.path.clone() });
            found =
                found.consequence("stored values are changed while they are read; removed fields are lost");
        }
        run.findings.push(found.fix(if removed {
            "keep the field if its values are needed"
        } else {
            "nothing"
        }));
    }
    let reconfigured = of_value(Outcome::Reconfigured);
    if !reconfigured.is_empty() {
        run.findings.push(
            finding(&SCH003)
                .fact("change", fact(&reconfigured))
                .sees(joined(&reconfigured))
                .consequence("stored values are read as they are, under the new names")
                .fix("nothing"),
        );
    }
}

fn ttl(run: &mut Run, finding: impl Fn(&'static Rule) -> Finding, differences: &[Difference]) {
    for difference in differences {
        let found = match difference.what {
            What::TtlChanged { .. } => finding(&TTL001)
                .consequence("old entries live by the new time, counted from their last access")
                .fix("nothing, if that is wanted"),
            What::TtlAdded { .. } => finding(&TTL002)
                .consequence("old entries count as accessed at the restore and expire from then on")
                .fix("nothing, if that is wanted"),
            What::TtlRemoved { .. } => finding(&TTL002)
                .consequence("entries no longer expire, and their times of last access are lost")
                .fix("nothing, if that is wanted"),
            _ => continue,
        };
        run.findings.push(found.fact("change", fact(&[difference])).sees(difference.what.to_string()));
    }
}

fn joined(differences: &[&Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns differences as a program tells them: places, and what changed from what to what.
fn fact(differences: &[&Difference]) -> String {
    let told = |difference: &&Difference| format!("{}: {:?}", difference.path, difference.what);
    differences.iter().map(told).collect::<Vec<_>>().join("; ")
}
