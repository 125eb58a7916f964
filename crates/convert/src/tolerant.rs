//! Reading on behind what cannot be read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use alluvium_model::source::{Layer, SourceError};
use alluvium_model::{ErrorKind, OperatorId, RowBatch, RowStream, Scan, SnapshotSource, StateSchema};
use alluvium_query::operator_text;

use crate::{Loss, Report};

/// A snapshot of which the parts that cannot be read are left out.
///
/// What a stream reports as damaged is noted, and the stream is asked again; after 1000 faults of one
/// state the next one counts as its end.
pub struct Tolerant<'a> {
    source: &'a dyn SnapshotSource,
    faults: Mutex<BTreeMap<(OperatorId, String), Vec<String>>>,
}

impl<'a> Tolerant<'a> {
    /// Reads a snapshot.
    pub fn new(source: &'a dyn SnapshotSource) -> Self {
        Tolerant { source, faults: Mutex::default() }
    }

    /// Returns what could not be read so far, each once.
    pub fn faults(&self) -> Vec<String> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.values().flatten().cloned().collect()
    }

    /// Notes in a report of which states something was left out.
    pub fn mark(&self, report: &mut Report) {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for operator in &self.source.describe().operators {
            let label = operator_text(operator);
            for state in report.states.iter_mut().filter(|state| state.operator == label) {
                if faults.contains_key(&(operator.id, state.state.clone())) {
                    state.losses.push(Loss::Unreadable);
                }
            }
        }
    }

    fn note(&self, of: &(OperatorId, String), error: &SourceError) -> bool {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = faults.entry(of.clone()).or_default();
        let text = chain(error);
        if !faults.contains(&text) {
            faults.push(text);
        }
        faults.len() < FAULTS_MAX
    }
}

impl Layer for Tolerant<'_> {
    fn below(&self) -> &dyn SnapshotSource {
        self.source
    }

    fn stream<'a>(
        &'a self,
        scan: &Scan,
        stream: Box<dyn RowStream + Send + 'a>,
    ) -> Box<dyn RowStream + Send + 'a> {
        Box::new(Stream { stream, of: (scan.operator, scan.state.clone()), tolerant: self })
    }
}

struct Stream<'a> {
    stream: Box<dyn RowStream + Send + 'a>,
    of: (OperatorId, String),
    tolerant: &'a Tolerant<'a>,
}

impl RowStream for Stream<'_> {
    fn schema(&self) -> &Arc<StateSchema> {
        self.stream.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        loop {
            match self.stream.next_batch() {
                Err(error) if is_damage(error.kind) => {
                    if !self.tolerant.note(&self.of, &error) {
                        return Ok(None);
                    }
                }
                other => return other,
            }
        }
    }
}

fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Missing)
}

fn chain(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

/// Faults of one state after which its stream counts as ended.
const FAULTS_MAX: usize = 1000;
