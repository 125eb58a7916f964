use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::{Error, Result};

/// The first eight bytes of every manifest.
pub const MAGIC: [u8; 8] = *b"ALLUVIUM";
/// The version of the format that this crate writes, and the newest that it reads.
pub const VERSION: u16 = 1;

const FEATURES_MAX: u16 = 1024;
const FEATURE_BYTES_MAX: usize = 64;

/// The part of a manifest whose layout no version changes.
///
/// Spec: PRE-1 to PRE-6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preamble {
    /// Version of the format.
    pub version: u16,
    /// Features that a reader must have.
    pub features: Vec<String>,
    /// Bytes of the body as stored.
    pub body_length: u64,
    /// Bytes of the body once inflated.
    pub inflated_length: u64,
    /// xxh3-128 of the body as stored.
    pub body_digest: u128,
    /// Bytes of the preamble itself.
    pub length: usize,
}

impl Preamble {
    /// Reads the preamble of a manifest; what follows it is not looked at.
    ///
    /// # Errors
    /// [`Error::NotAManifest`] without the magic; [`Error::Broken`] where the checksum does not hold
    /// or the bytes end; [`Error::NewerVersion`].
    ///
    /// Spec: PRE-1 to PRE-5.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor { bytes, at: 0 };
        if !bytes.starts_with(&MAGIC) {
            return Err(Error::NotAManifest { found: start_of(bytes) });
        }
        cursor.take(MAGIC.len())?;
        let version = u16::from_le_bytes(cursor.array()?);
        let count = u16::from_le_bytes(cursor.array()?);
        let mut names = Vec::new();
        if count > FEATURES_MAX {
            return Err(broken("PRE-3", "at most 1024 features", count.to_string()));
        }
        for _ in 0..count {
            let length = u16::from_le_bytes(cursor.array()?);
            names.push(cursor.take(usize::from(length))?);
        }
        let body_length = u64::from_le_bytes(cursor.array()?);
        let inflated_length = u64::from_le_bytes(cursor.array()?);
        let body_digest = u128::from_le_bytes(cursor.array()?);
        let computed = xxh3_64(bytes.get(..cursor.at).unwrap_or_default());
        let checksum = u64::from_le_bytes(cursor.array()?);
        if computed != checksum {
            return Err(broken("PRE-3", format!("checksum {computed:016x}"), format!("{checksum:016x}")));
        }
        if version != VERSION {
            return Err(Error::NewerVersion { found: version, known: VERSION });
        }
        let features = feature_names(&names)?;
        Ok(Preamble { version, features, body_length, inflated_length, body_digest, length: cursor.at })
    }

    /// Returns the bytes of the preamble of a body.
    ///
    /// # Errors
    /// [`Error::Broken`] for feature names that are none.
    ///
    /// Spec: PRE-1, PRE-5.
    pub(crate) fn write(features: &[String], body: &[u8], inflated_length: u64) -> Result<Vec<u8>> {
        check_features(features)?;
        let count = u16::try_from(features.len()).ok().filter(|n| *n <= FEATURES_MAX);
        let count =
            count.ok_or_else(|| broken("PRE-3", "at most 1024 features", features.len().to_string()))?;
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(count.to_le_bytes());
        for feature in features {
            out.extend(u16::try_from(feature.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend(feature.as_bytes());
        }
        out.extend((body.len() as u64).to_le_bytes());
        out.extend(inflated_length.to_le_bytes());
        out.extend(xxh3_128(body).to_le_bytes());
        let checksum = xxh3_64(&out);
        out.extend(checksum.to_le_bytes());
        Ok(out)
    }
}

fn feature_names(names: &[&[u8]]) -> Result<Vec<String>> {
    let text = |name: &&[u8]| {
        let text = std::str::from_utf8(name).map(str::to_owned);
        text.map_err(|_| broken("PRE-5", "a name of a-z, 0-9 and -", name.escape_ascii().to_string()))
    };
    let features = names.iter().map(text).collect::<Result<Vec<_>>>()?;
    check_features(&features)?;
    Ok(features)
}

/// Checks the form and the order of feature names.
///
/// Spec: PRE-5.
pub(crate) fn check_features(features: &[String]) -> Result<()> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let mut last = "";
    for feature in features {
        if feature.is_empty() || feature.len() > FEATURE_BYTES_MAX || !feature.bytes().all(allowed) {
            return Err(broken("PRE-5", "a name of 1 to 64 of a-z, 0-9 and -", format!("{feature:?}")));
        }
        if feature.as_str() <= last {
            return Err(broken("PRE-5", format!("a name above {last:?}"), format!("{feature:?}")));
        }
        last = feature;
    }
    Ok(())
}

fn broken(rule: &'static str, wanted: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Broken { section: "preamble".into(), rule, wanted: wanted.into(), found: found.into() }
}

fn start_of(bytes: &[u8]) -> String {
    match bytes.get(..bytes.len().min(8)).unwrap_or_default() {
        [] => "an empty file".into(),
        start => format!("it begins with \"{}\"", start.escape_ascii()),
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (taken, _) = rest.split_at_checked(length).ok_or_else(|| {
            broken(
                "PRE-3",
                format!("{length} bytes at {}", self.at),
                format!("the end at {}", self.bytes.len()),
            )
        })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| broken("PRE-3", "more bytes", "the end"))
    }
}

#[cfg(test)]
mod tests;
