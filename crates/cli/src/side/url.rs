use std::time::Duration;

use alluvium::failure::Told;
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};

use super::DOCUMENT_BYTES;

/// Fetches a document over HTTP.
pub(super) fn fetch(url: &str) -> Result<Vec<u8>> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into();
    let mut answer = agent
        .get(url)
        .call()
        .with_context(|| Told::new(ErrorKind::Missing, format!("no answer from {url}")))?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(Told::new(ErrorKind::Missing, format!("{url} answers {status}")).into());
    }
    answer
        .body_mut()
        .with_config()
        .limit(DOCUMENT_BYTES)
        .read_to_vec()
        .with_context(|| Told::new(ErrorKind::Missing, format!("cannot read {url} to its end")))
}

const TIMEOUT: Duration = Duration::from_secs(60);
