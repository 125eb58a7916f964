use alluvium::failure::Told;
use alluvium_model::SnapshotSource;
use anyhow::{Context, Result};

use crate::open::{self, Options};
use crate::running;

/// Opens the newest complete checkpoint of a running job: `URL`, or `URL/JOB` where several run.
///
/// The REST API of either engine tells where it lies; that place is then opened from here.
pub(super) fn newest(text: &str, options: &Options) -> Result<Box<dyn SnapshotSource>> {
    let text = text.trim_end_matches('/');
    let (url, job) = match text.rsplit_once('/') {
        Some((url, job)) if is_job_id(job) => (url, Some(job)),
        _ => (text, None),
    };
    let target = running::at_url(url, job)?;
    let place = open::newest_of(&target)?;
    open::snapshot(&place, options).with_context(|| {
        Told::doing(format!("the newest checkpoint of job {} cannot be read from here", target.id))
            .next("--remap OLD=NEW says where its files are seen from this machine")
    })
}

fn is_job_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
