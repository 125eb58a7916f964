//! Reading everything: files, headers, key groups, rows.

use std::ops::ControlFlow;

use alluvium_model::source::{Damage, SourceError, Verified};
use alluvium_model::{KeyGroup, KeyGroupFunction, KeyGroupRange, MaxParallelism};

use super::describe::chain;
use super::operators::OperatorSource;
use super::read::{Rows, Unit};
use super::scan::source_error;
use super::{FlinkSnapshot, Table};
use crate::binary_row;
use crate::keyed::{Content, KeyedPart};
use crate::layout::detect::groups_of;

/// What a verification knows so far.
struct Verifier<'v> {
    snapshot: &'v FlinkSnapshot,
    report: &'v mut dyn FnMut(Damage) -> ControlFlow<()>,
    verified: Verified,
    stop: bool,
}

/// Reads everything and reports damages.
pub(super) fn verify(
    snapshot: &FlinkSnapshot,
    report: &mut dyn FnMut(Damage) -> ControlFlow<()>,
) -> Result<Verified, SourceError> {
    let mut verifier = Verifier { snapshot, report, verified: Verified::default(), stop: false };
    verifier.files()?;
    for operator in &snapshot.operators {
        verifier.operator(operator);
    }
    Ok(verifier.verified)
}

impl Verifier<'_> {
    fn damage(
        &mut self,
        rule: &'static str,
        place: String,
        at: Option<(&OperatorSource, Option<&Table>)>,
        message: String,
    ) {
        if self.stop {
            return;
        }
        let operator = at.map(|(operator, _)| operator.label());
        let state = at.and_then(|(_, table)| table).map(|table| table.schema.name.clone());
        self.stop = (self.report)(Damage { rule, place, operator, state, message }).is_break();
    }

    /// Looks for every file that the metadata refers to, with its length.
    fn files(&mut self) -> Result<(), SourceError> {
        let survey = self.snapshot.files.survey(&self.snapshot.metadata);
        let survey = survey.map_err(|error| source_error("files of the snapshot".into(), error))?;
        self.verified.objects += survey.present;
        self.verified.bytes += survey.present_bytes;
        for path in survey.missing {
            self.damage("FLINK-FILE", path, None, "the file is missing".into());
        }
        for wrong in survey.wrong_length {
            let message = format!("{} bytes instead of {}", wrong.found, wrong.recorded);
            self.damage("FLINK-LENGTH", wrong.path, None, message);
        }
        for (path, error) in survey.refused {
            self.damage("FLINK-FILE", path, None, chain(&error));
        }
        Ok(())
    }

    fn operator(&mut self, operator: &OperatorSource) {
        for fault in &operator.faults {
            self.damage("FLINK-HEADER", fault.place.clone(), Some((operator, None)), chain(&fault.error));
        }
        self.coverage(operator);
        for part in &operator.keyed {
            self.part(operator, part);
        }
        for table in &operator.tables {
            self.table(operator, table);
        }
    }

    /// Checks that the key-group ranges of subtasks neither overlap nor leave gaps between them.
    fn coverage(&mut self, operator: &OperatorSource) {
        let mut ranges: Vec<(KeyGroupRange, u32)> =
            operator.keyed.iter().map(|part| (part.range, part.subtask)).collect();
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            if let [(a, first), (b, second)] = pair
                && b.start < a.end
            {
                let message = format!("subtasks {first} ({a}) and {second} ({b}) share key groups");
                self.damage("FLINK-KEYGROUPS", "metadata".into(), Some((operator, None)), message);
            }
        }
        for (range, subtask) in ranges {
            if range.end > operator.max_parallelism {
                let message =
                    format!("subtask {subtask} has {range} of {} key groups", operator.max_parallelism);
                self.damage("FLINK-KEYGROUPS", "metadata".into(), Some((operator, None)), message);
            }
        }
    }

    /// Checks what lies in a part outside its rows: heap-native key groups to their ends, table files
    /// block by block.
    fn part(&mut self, operator: &OperatorSource, part: &KeyedPart) {
        match &part.content {
            Content::Heap { stream, offsets } => {
                for group in groups_of(part.range) {
                    if self.stop {
                        return;
                    }
                    if offsets.of(group).is_none() {
                        let message = format!("key group {group} is not in a heap-native file");
                        self.damage("FLINK-KEYGROUPS", part.place.clone(), Some((operator, None)), message);
                    } else if let Err(error) =
                        part.walk_heap(stream.as_ref(), offsets, group, None, &mut |_, _| {})
                    {
                        let message = format!("key group {group}: {}", chain(&error));
                        self.damage("FLINK-KEYGROUP", part.place.clone(), Some((operator, None)), message);
                    }
                }
            }
            Content::Canonical { .. } => {
                for group in groups_of(part.range) {
                    if self.stop {
                        return;
                    }
                    if let Some(Err(error)) = part.check_canonical(group) {
                        let message = format!("key group {group}: {}", chain(&error));
                        self.damage("FLINK-KEYGROUP", part.place.clone(), Some((operator, None)), message);
                    }
                }
            }
            Content::Tables(tables) => match tables.database() {
                Ok(database) => {
                    let mut errors = Vec::new();
                    database.verify(&mut |error| errors.push(chain(&error)));
                    for error in errors {
                        self.damage("FLINK-TABLE", part.place.clone(), Some((operator, None)), error);
                    }
                }
                Err(error) => {
                    self.damage("FLINK-TABLE", part.place.clone(), Some((operator, None)), chain(&error));
                }
            },
            Content::Changelog { inner, .. } => inner.iter().for_each(|inner| self.part(operator, inner)),
        }
    }

    /// Decodes every row of a table and checks that keys lie where their hash says.
    fn table(&mut self, operator: &OperatorSource, table: &Table) {
        let reading = self.snapshot.reading(operator, table);
        let units: Vec<Unit> = if table.schema.kind.is_keyed() {
            groups_of(KeyGroupRange::new(0, operator.max_parallelism)).map(Unit::Group).collect()
        } else {
            reading.subtasks().into_iter().map(Unit::Subtask).collect()
        };
        for unit in units {
            if self.stop {
                return;
            }
            let Rows { rows, damages } = reading.read(unit, &[]);
            self.verified.rows += rows.len() as u64;
            let place = match unit {
                Unit::Group(group) => format!("key group {group}"),
                Unit::Subtask(subtask) => format!("subtask {subtask}"),
            };
            for error in damages {
                self.damage("FLINK-ROW", place.clone(), Some((operator, Some(table))), chain(&error));
            }
            if let Unit::Group(group) = unit
                && let Some(message) = misplaced(operator, table, group, &rows)
            {
                self.damage("FLINK-PLACE", place, Some((operator, Some(table))), message);
            }
        }
    }
}

/// Returns what is wrong with the first row whose key belongs to another key group.
fn misplaced(
    operator: &OperatorSource,
    table: &Table,
    group: KeyGroup,
    rows: &[alluvium_model::Row],
) -> Option<String> {
    let max = MaxParallelism::new(operator.max_parallelism).ok()?;
    let ty = table.schema.key.as_ref()?;
    let serializer = operator.keyed.first().map(|part| &part.states.key.serializer);
    for row in rows {
        let found = match operator.function {
            KeyGroupFunction::JavaHash => operator.function.place(&row.key, ty, &[], max).ok(),
            KeyGroupFunction::FlinkBinaryRow => {
                let mut bytes = Vec::new();
                serializer?.encode(&row.key, &mut bytes).ok()?;
                bytes.get(4..).map(|row| max.key_group_of_hash(binary_row::hash(row)))
            }
            _ => None,
        };
        if let Some(found) = found.filter(|found| *found != group) {
            return Some(format!("a key of key group {found} lies in key group {group}"));
        }
    }
    None
}
