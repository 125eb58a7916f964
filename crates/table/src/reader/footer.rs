use std::sync::Arc;

use alluvium_model::StateSchema;
use parquet::DecodeResult;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder, ParquetMetaDataReader,
};

use super::inbox::Inbox;
use super::window::Body;
use super::{check, guarded};
use crate::{Error, Result, RunInfo, rule};

use std::ops::Range;

/// Bytes at the end of a file that are asked for first.
const TAIL_BYTES: u64 = 64 * 1024;
/// Largest metadata; 256 MiB of table need far less.
const METADATA_BYTES_MAX: u64 = 16 * 1024 * 1024;
const MAGIC: &[u8; 4] = b"PAR1";
/// Length of the metadata and magic.
const END_BYTES: u64 = 8;

/// How far the opening of a file has come.
#[derive(Default)]
pub(super) enum Opening {
    #[default]
    Tail,
    Metadata(Range<u64>),
    PageIndex(Box<ParquetMetaData>),
    Failed,
}

/// What opening answers.
pub(super) enum Progress {
    Needs(Vec<Range<u64>>),
    Open(Box<Body>),
}

impl Opening {
    /// Goes on until bytes are missing or the file is open.
    pub(super) fn advance(
        &mut self,
        inbox: &mut Inbox,
        expected: Option<(&Arc<StateSchema>, bool)>,
    ) -> Result<Progress> {
        loop {
            match std::mem::replace(self, Opening::Failed) {
                Opening::Tail => {
                    let start = inbox.length.saturating_sub(TAIL_BYTES);
                    let range = start..inbox.length;
                    let Some(bytes) = take_one(inbox, range.clone())? else {
                        *self = Opening::Tail;
                        return Ok(Progress::Needs(vec![range]));
                    };
                    let metadata = metadata_range(inbox.length, start, &bytes)?;
                    inbox.hold(start, bytes);
                    *self = Opening::Metadata(metadata);
                }
                Opening::Metadata(range) => {
                    let Some(bytes) = take_one(inbox, range.clone())? else {
                        *self = Opening::Metadata(range.clone());
                        return Ok(Progress::Needs(vec![range]));
                    };
                    let metadata =
                        guarded("footer", rule::FILE, || ParquetMetaDataReader::decode_metadata(&bytes))?;
                    check::metadata(&metadata, range.start)?;
                    *self = Opening::PageIndex(Box::new(metadata));
                }
                Opening::PageIndex(metadata) => {
                    let Some(range) = check::offset_index_range(&metadata)? else {
                        return Ok(Progress::Open(Box::new(body(*metadata, expected)?)));
                    };
                    let Some(bytes) = take_one(inbox, range.clone())? else {
                        *self = Opening::PageIndex(metadata);
                        return Ok(Progress::Needs(vec![range]));
                    };
                    let metadata = with_offset_index(inbox.length, *metadata, range, bytes)?;
                    inbox.release();
                    check::pages(&metadata)?;
                    return Ok(Progress::Open(Box::new(body(metadata, expected)?)));
                }
                Opening::Failed => {
                    return Err(Error::malformed("footer", rule::FILE, "a file that failed to open"));
                }
            }
        }
    }
}

fn take_one(inbox: &mut Inbox, range: Range<u64>) -> Result<Option<bytes::Bytes>> {
    Ok(inbox.take(std::slice::from_ref(&range))?.and_then(|bytes| bytes.into_iter().next()))
}

fn metadata_range(length: u64, tail_start: u64, tail: &[u8]) -> Result<Range<u64>> {
    let odd = |found: String| Error::malformed("footer", rule::FILE, found);
    let end = tail.split_last_chunk::<8>().map(|(_, end)| end);
    let Some(&[a, b, c, d, ref magic @ ..]) = end else { return Err(odd(format!("{length} bytes"))) };
    if magic != MAGIC || (tail_start == 0 && !tail.starts_with(MAGIC)) {
        return Err(odd("no Parquet file".to_owned()));
    }
    let metadata = u64::from(u32::from_le_bytes([a, b, c, d]));
    let most = length.saturating_sub(END_BYTES + MAGIC.len() as u64).min(METADATA_BYTES_MAX);
    if metadata == 0 || metadata > most {
        return Err(odd(format!("metadata of {metadata} bytes, at most {most}")));
    }
    Ok(length - END_BYTES - metadata..length - END_BYTES)
}

fn with_offset_index(
    length: u64,
    metadata: ParquetMetaData,
    range: Range<u64>,
    bytes: bytes::Bytes,
) -> Result<ParquetMetaData> {
    let decoded = guarded("offset index", rule::PAGES, || {
        let mut decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(length, metadata)?
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Required);
        decoder.push_range(range, bytes)?;
        decoder.try_decode()
    })?;
    match decoded {
        DecodeResult::Data(metadata) => Ok(metadata),
        _ => Err(Error::malformed("offset index", rule::PAGES, "an index past its range")),
    }
}

fn body(metadata: ParquetMetaData, expected: Option<(&Arc<StateSchema>, bool)>) -> Result<Body> {
    let file = metadata.file_metadata();
    let rows = u64::try_from(file.num_rows()).unwrap_or(0);
    let info = RunInfo::parse(file.key_value_metadata(), rows)?;
    let (schema, base) = match expected {
        Some((schema, base)) => (Arc::clone(schema), base),
        None => (Arc::clone(&info.schema), info.base),
    };
    let arrow = schema.arrow_schema(!base);
    if info.base != base || info.schema.kind != schema.kind || info.schema.arrow_schema(!base) != arrow {
        return Err(Error::malformed("schema", rule::COLUMNS, "another schema than the reference names"));
    }
    let wanted = guarded("schema", rule::COLUMNS, || ArrowSchemaConverter::new().convert(&arrow))?;
    // The name of the root means nothing: other writers give it another.
    if wanted.root_schema().get_fields() != file.schema_descr().root_schema().get_fields() {
        return Err(Error::malformed("schema", rule::COLUMNS, "columns that are not those of its schema"));
    }
    let options = ArrowReaderOptions::new().with_schema(arrow);
    let metadata =
        guarded("schema", rule::COLUMNS, || ArrowReaderMetadata::try_new(Arc::new(metadata), options))?;
    Ok(Body::new(metadata, Arc::new(info), schema, base))
}
