use std::ops::ControlFlow;

use alluvium_model::SnapshotSource;
use alluvium_model::source::{Damage, Verified};
use serde_json::{Value as Json, json};

use crate::error::Result;

/// What `verify` looked at and found.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// What was read.
    pub verified: Verified,
    /// The damages, at most the number asked for.
    pub damages: Vec<Damage>,
    /// Whether it stopped at that number: there may be more.
    pub stopped: bool,
}

impl VerifyReport {
    /// Returns whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.damages.is_empty()
    }

    /// Prints the report.
    pub fn to_json(&self) -> Json {
        let damages = self.damages.iter().map(|damage| {
            json!({
                "rule": damage.rule,
                "place": damage.place,
                "operator": damage.operator,
                "state": damage.state,
                "message": damage.message,
            })
        });
        json!({
            "clean": self.is_clean(),
            "objects": self.verified.objects,
            "bytes": self.verified.bytes,
            "rows": self.verified.rows,
            "stopped": self.stopped,
            "damages": damages.collect::<Vec<_>>(),
        })
    }
}

/// Reads everything and collects damages, stopping after `damages_max` of them.
///
/// # Errors
/// What kept it from finishing.
pub fn verify(source: &dyn SnapshotSource, damages_max: usize) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    let verified = source.verify(&mut |damage| {
        report.damages.push(damage);
        if report.damages.len() < damages_max {
            return ControlFlow::Continue(());
        }
        report.stopped = true;
        ControlFlow::Break(())
    })?;
    report.verified = verified;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn damages_are_collected_up_to_the_limit() {
        let report = verify(&fake::snapshot(), 10).unwrap();
        assert_eq!((report.damages.len(), report.stopped, report.is_clean()), (2, false, false));
        let report = verify(&fake::snapshot(), 1).unwrap();
        assert_eq!((report.damages.len(), report.stopped), (1, true));
        assert_eq!(report.to_json()["damages"][0]["rule"], "DIGEST-2");
    }
}
