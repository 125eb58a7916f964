use alluvium_format::{MAGIC, Manifest, Preamble, VERSION, check, decode, encode, reach};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Most bytes of an inflated body that the targets allow.
const BUDGET: u64 = 1 << 20;

/// Reads the input as a preamble.
///
/// # Panics
/// When what was read does not lie within the input.
///
/// Spec: PRE-1 to PRE-5.
pub fn preamble(data: &[u8]) {
    if let Ok(preamble) = Preamble::parse(data) {
        assert!(preamble.length <= data.len() && data.starts_with(&MAGIC));
        assert_eq!(preamble.version, VERSION);
        assert!(preamble.features.is_sorted());
        // What follows is not looked at.
        assert_eq!(Preamble::parse(&data[..preamble.length]).ok(), Some(preamble));
    }
}

/// Reads the input as a manifest or, where it does not begin as one, as the JSON of a body.
///
/// # Panics
/// When a manifest that was read breaks a law or is not the same after it was written and read.
///
/// Spec: PRE-1 to PRE-9, MAN-1 to MAN-11.
pub fn manifest(data: &[u8]) {
    let bytes = if data.starts_with(&MAGIC) { data.to_vec() } else { framed(data) };
    let Ok(found) = decode(&bytes, BUDGET) else { return };
    assert!(check(&found).is_ok());
    reached(&found);
    let written = encode(&found).unwrap_or_else(|e| panic!("a manifest that was read: {e}"));
    let again = decode(&written, u64::MAX).unwrap_or_else(|e| panic!("a manifest that was written: {e}"));
    assert_eq!(again, found);
    assert_eq!(encode(&again).ok(), Some(written));
}

fn reached(manifest: &Manifest) {
    for object in reach::references(manifest) {
        assert!((object.root as usize) < manifest.roots.len());
    }
}

/// Returns a manifest file with sound digests around any body, in a frame without compression.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let frame = frame(body);
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend(0u16.to_le_bytes());
    out.extend((frame.len() as u64).to_le_bytes());
    out.extend((body.len() as u64).to_le_bytes());
    out.extend(xxh3_128(&frame).to_le_bytes());
    out.extend(xxh3_64(&out).to_le_bytes());
    out.extend(frame);
    out
}

/// One zstd frame of raw blocks.
fn frame(body: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64 * 1024;
    // Magic, and a header that declares one segment and a content size of 8 bytes.
    let mut out = vec![0x28, 0xB5, 0x2F, 0xFD, 0xE0];
    out.extend((body.len() as u64).to_le_bytes());
    let blocks = body.len().div_ceil(BLOCK).max(1);
    for i in 0..blocks {
        let block = &body[i * BLOCK..body.len().min((i + 1) * BLOCK)];
        let header = (block.len() as u32) << 3 | u32::from(i + 1 == blocks);
        out.extend(&header.to_le_bytes()[..3]);
        out.extend(block);
    }
    out
}
