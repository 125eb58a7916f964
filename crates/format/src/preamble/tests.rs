use alluvium_model::{ErrorKind, spec};

use super::*;

/// The preamble in the worked example of chapter 10: it requires `encryption`.
const ENCRYPTED: [u8; 64] = [
    0x41, 0x4C, 0x4C, 0x55, 0x56, 0x49, 0x55, 0x4D, 1, 0, 1, 0, 10, 0, b'e', b'n', b'c', b'r', b'y', b'p',
    b't', b'i', b'o', b'n', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 0x49, 0x8D, 0x46, 0x24,
    0xC3, 0x01, 0x60, 0xD8, 0x98, 0x47, 0x01, 0xD3, 0x06, 0xAA, 0x99, 0xA6, 0xCC, 0xF8, 0x92, 0x7E, 0x63,
    0x9A, 0x06,
];

fn resealed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = ENCRYPTED[..56].to_vec();
    change(&mut bytes);
    bytes.extend(xxh3_64(&bytes).to_le_bytes());
    bytes
}

#[test]
fn preamble_of_the_example_is_read_and_written() {
    spec!("PRE-1", "PRE-5");
    let preamble = Preamble::parse(&ENCRYPTED).unwrap();
    assert_eq!((preamble.version, preamble.length, preamble.body_length), (1, 64, 0));
    assert_eq!(preamble.features, ["encryption"]);
    assert_eq!(Preamble::write(&["encryption".into()], b"", 0).unwrap(), ENCRYPTED);
}

#[test]
fn other_files_are_no_manifests() {
    spec!("PRE-2");
    for bytes in [&b""[..], b"ALLUVIU", b"PAR1....", b"{\"a\": 1}"] {
        let error = Preamble::parse(bytes).unwrap_err();
        assert!(matches!(error, Error::NotAManifest { .. }));
        assert_eq!(error.kind(), ErrorKind::Input);
    }
}

#[test]
fn cut_or_flipped_preambles_are_corrupt() {
    spec!("PRE-3");
    for cut in 8..ENCRYPTED.len() {
        assert_eq!(Preamble::parse(&ENCRYPTED[..cut]).unwrap_err().rule(), Some("PRE-3"), "cut at {cut}");
    }
    for at in 8..ENCRYPTED.len() {
        for bit in 0..8 {
            let mut bytes = ENCRYPTED;
            bytes[at] ^= 1 << bit;
            let error = Preamble::parse(&bytes).unwrap_err();
            assert_eq!((error.rule(), error.kind()), (Some("PRE-3"), ErrorKind::Corrupt), "byte {at}");
        }
    }
}

#[test]
fn newer_versions_are_refused_as_unsupported() {
    spec!("PRE-4");
    for version in [0, 2, 0xFFFF_u16] {
        let error =
            Preamble::parse(&resealed(|b| b[8..10].copy_from_slice(&version.to_le_bytes()))).unwrap_err();
        assert!(matches!(error, Error::NewerVersion { found, known: 1 } if found == version));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn feature_names_are_short_plain_and_ascending() {
    spec!("PRE-5");
    let write = |names: &[&str]| {
        Preamble::write(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), b"", 0).map(|b| b.len())
    };
    assert!(write(&["a", "b-2"]).is_ok());
    for odd in [&["b", "a"][..], &["a", "a"], &[""], &["A"], &["ü"], &[&"x".repeat(65)]] {
        assert_eq!(write(odd).unwrap_err().rule(), Some("PRE-5"), "{odd:?}");
    }
    let upper = resealed(|b| b[14] = b'E');
    assert_eq!(Preamble::parse(&upper).unwrap_err().rule(), Some("PRE-5"));
}
