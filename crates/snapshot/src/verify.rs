mod bytes;
mod rows;

use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use alluvium_format::{ObjectRef, OperatorEntry, Place, RunRef, TableEntry, reach};
use alluvium_model::digest::TableDigest;
use alluvium_model::source::{Damage, Verified};
use alluvium_model::{ErrorKind, KeyGroup};

use crate::writer::Summary;
use crate::{Error, Result, Rows, Snapshot};

/// Reads everything that a snapshot names and reports what is wrong, each damage once.
///
/// First every block of every object; then every row of every run whose blocks are sound, whether
/// or not a clip hides it; then the live rows of every table with digests whose runs are sound.
pub(crate) async fn verify(
    snapshot: &Snapshot,
    report: &mut dyn FnMut(Damage) -> ControlFlow<()>,
) -> Result<Verified> {
    let mut check = Check::new(snapshot, report);
    check.objects().await?;
    check.documents().await?;
    for operator in &snapshot.manifest.operators {
        for table in &operator.tables {
            check.table(operator, table).await?;
        }
    }
    Ok(check.verified)
}

/// **Owns** what was found so far and what need not be reported again.
struct Check<'a> {
    snapshot: &'a Snapshot,
    report: &'a mut dyn FnMut(Damage) -> ControlFlow<()>,
    stopped: bool,
    verified: Verified,
    /// Damaged bytes of each object.
    damaged: HashMap<(u32, String), Vec<Range<u64>>>,
}

/// Where a finding belongs.
#[derive(Debug, Clone, Default)]
struct Whose {
    operator: Option<String>,
    state: Option<String>,
}

impl<'a> Check<'a> {
    fn new(snapshot: &'a Snapshot, report: &'a mut dyn FnMut(Damage) -> ControlFlow<()>) -> Self {
        Check { snapshot, report, stopped: false, verified: Verified::default(), damaged: HashMap::new() }
    }

    fn found(&mut self, rule: &'static str, place: String, whose: &Whose, message: String) {
        if self.stopped {
            return;
        }
        let (operator, state) = (whose.operator.clone(), whose.state.clone());
        self.stopped = (self.report)(Damage { rule, place, operator, state, message }).is_break();
    }

    /// Reports an error about bytes; any other keeps verification from finishing.
    fn found_error(&mut self, error: Error, place: String, whose: &Whose) -> Result<()> {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Input => {
                let rule = error.rule().unwrap_or("MAN-1");
                let mut message = alluvium_model::source::SourceError::from(error).message;
                if let Some(rest) = message.strip_prefix(&format!("{place}: ")) {
                    message = rest.to_owned();
                }
                self.found(rule, place, whose, message);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Reads every object once, and every list of block digests.
    async fn objects(&mut self) -> Result<()> {
        let mut distinct: BTreeMap<(u32, String, u128), ObjectRef> = BTreeMap::new();
        for object in reach::references(&self.snapshot.manifest) {
            distinct
                .entry((object.root, object.name.clone(), object.digest))
                .or_insert_with(|| object.clone());
        }
        for object in distinct.values() {
            if self.stopped {
                break;
            }
            self.object(object).await?;
        }
        Ok(())
    }

    /// Reads the job description and the origin.
    async fn documents(&mut self) -> Result<()> {
        let manifest = &self.snapshot.manifest;
        for (object, is_origin) in [(&manifest.job_description, false), (&manifest.origin, true)] {
            let Some(object) = object else { continue };
            if self.stopped || self.is_damaged(object, &(0..object.size)) {
                continue;
            }
            let read = match is_origin {
                true => self.snapshot.read_origin().await.map(drop),
                false => self.snapshot.job_description().await.map(drop),
            };
            if let Err(error) = read {
                self.found_error(error, object.name.clone(), &Whose::default())?;
            }
        }
        Ok(())
    }

    async fn table(&mut self, operator: &OperatorEntry, table: &TableEntry) -> Result<()> {
        let schema = Arc::clone(self.snapshot.schema(table)?);
        let whose = Whose { operator: Some(operator.label()), state: Some(schema.name.clone()) };
        let mut sound = true;
        for run in &table.runs {
            if self.stopped {
                return Ok(());
            }
            let readable = match &run.place {
                Place::Object { object, offset, length } => {
                    !self.is_damaged(object, &(*offset..offset.saturating_add(*length)))
                }
                Place::Inline(_) => true,
            };
            sound &= readable && self.run(operator, &schema.name, run, &whose).await?;
        }
        match &table.digest {
            Some(digest) if sound && !self.stopped => self.live(operator, table, digest, &whose).await,
            _ => Ok(()),
        }
    }

    /// Merges the live rows of a table and compares their digests with those of the manifest.
    ///
    /// Spec: ROWHASH-1, MAN-10.
    async fn live(
        &mut self,
        operator: &OperatorEntry,
        table: &TableEntry,
        wanted: &TableDigest,
        whose: &Whose,
    ) -> Result<()> {
        let place = whose.place();
        let (found, entries) = match self.summary(operator, table).await {
            Ok(summary) => summary.finish(),
            Err(error) => return self.found_error(error, place, whose),
        };
        let groups: std::collections::BTreeSet<KeyGroup> =
            wanted.groups.keys().chain(found.groups.keys()).copied().collect();
        for group in groups {
            let (w, f) = (wanted.groups.get(&group), found.groups.get(&group));
            if w == f {
                continue;
            }
            let (w, f) = (w.copied().unwrap_or_default(), f.copied().unwrap_or_default());
            let message = format!(
                "key group {group}: wanted {} rows of digest {:032x}, found {} of {:032x}",
                w.rows, w.sum, f.rows, f.sum
            );
            self.found("ROWHASH-1", place.clone(), whose, message);
        }
        if let Some(wanted) = table.entries.filter(|wanted| *wanted != entries) {
            self.found("MAN-1", place, whose, format!("wanted {wanted} entries, found {entries}"));
        }
        Ok(())
    }

    async fn summary(&self, operator: &OperatorEntry, table: &TableEntry) -> Result<Summary> {
        let request = self.snapshot.request(operator, table)?;
        let mut summary = Summary::new(request.wanted.kind);
        let mut rows = Rows::new(self.snapshot.objects().clone(), request, &table.runs)?;
        while let Some(batch) = rows.next().await? {
            summary.update(&batch)?;
        }
        Ok(summary)
    }

    fn is_damaged(&self, object: &ObjectRef, range: &Range<u64>) -> bool {
        let damaged = self.damaged.get(&(object.root, object.name.clone()));
        damaged.is_some_and(|ranges| ranges.iter().any(|bad| bad.start < range.end && range.start < bad.end))
    }

    /// Says which runs lie in some bytes of an object.
    fn section(&self, object: &ObjectRef, bytes: &Range<u64>) -> (String, Whose) {
        let mut names = Vec::new();
        let mut whose = Whose::default();
        for (operator, schema, run) in self.runs() {
            let Place::Object { object: holder, offset, length } = &run.place else { continue };
            let touches = *offset < bytes.end && bytes.start < offset.saturating_add(*length);
            if holder.name != object.name || holder.root != object.root || !touches {
                continue;
            }
            if names.is_empty() {
                whose = Whose { operator: Some(operator.label()), state: Some(schema.clone()) };
            }
            names.push(format!(
                "run {}..={} of {}/{schema}",
                run.sequence.0,
                run.sequence.1,
                operator.label()
            ));
        }
        let is = |other: &Option<ObjectRef>| other.as_ref().is_some_and(|other| other.name == object.name);
        if is(&self.snapshot.manifest.job_description) {
            names.push("job description".into());
        }
        if is(&self.snapshot.manifest.origin) {
            names.push("origin".into());
        }
        if is(&self.snapshot.manifest.schemas_object) {
            names.push("schemas".into());
        }
        let section = if names.is_empty() { "no run of this snapshot".to_owned() } else { names.join(", ") };
        (section, whose)
    }

    fn runs(&self) -> impl Iterator<Item = (&'a OperatorEntry, String, &'a RunRef)> + use<'a> {
        let manifest = &self.snapshot.manifest;
        manifest.operators.iter().flat_map(move |operator| {
            operator.tables.iter().flat_map(move |table| {
                let name = manifest.schema(table.schema_id).map(|s| s.name.clone()).unwrap_or_default();
                table.runs.iter().map(move |run| (operator, name.clone(), run))
            })
        })
    }
}
