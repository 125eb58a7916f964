//! Headers of keyed state of old releases, `fixtures/flink/serializers`: the same job, described in five ways.

use std::collections::BTreeMap;
use std::fs;

use alluvium_interop_flink::serializer::Context;

use super::headers;

const RELEASES: [&str; 6] = ["1.2.1", "1.3.2", "1.4.2", "1.6.4", "1.7.2", "1.8.3"];

fn header(release: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/flink/serializers/");
    fs::read(format!("{folder}keyed-{release}.header")).unwrap()
}

fn context() -> Context {
    Context { metadata_version: 2 }
}

/// Returns the types of the states by name.
fn types(release: &str) -> BTreeMap<String, String> {
    let bytes = header(release);
    let header = headers::keyed(&bytes, &context()).unwrap();
    assert_eq!(header.length, bytes.len(), "{release}");
    let value = |state: &headers::State| state.get("VALUE_SERIALIZER").unwrap().element_type().to_string();
    header.states.iter().map(|state| (state.name.clone(), value(state))).collect()
}

#[test]
fn one_job_has_one_set_of_types_whatever_release_wrote_it() {
    let newest = types("1.8.3");
    assert_eq!(newest.len(), 41);
    assert_eq!(types("1.7.2"), newest);
    let mut compared = 0;
    for (name, ty) in types("1.4.2") {
        assert_eq!(newest.get(&name).unwrap_or(&ty), &ty, "{name}");
        compared += usize::from(newest.contains_key(&name));
    }
    assert_eq!(compared, 39);
    for (name, ty) in types("1.2.1") {
        // 1.2 does not name the constants of enums and has never met a subclass.
        let numbered = ty.contains("color: int32?") || ty == "int32";
        let known = newest.get(&name).is_none_or(|newest| *newest == ty || newest.contains("$class"));
        assert!(numbered || known, "{name}: {ty}");
    }
}

#[test]
fn headers_of_every_release_are_read_to_their_last_byte() {
    for release in RELEASES {
        assert!(!types(release).is_empty());
    }
}

#[test]
fn broken_headers_are_errors_or_other_types() {
    for release in RELEASES {
        let bytes = header(release);
        let stride = 1 + bytes.len() / 150;
        for at in (0..bytes.len()).step_by(stride) {
            assert!(headers::keyed(&bytes[..at], &context()).is_err(), "{release} at {at}");
            let mut broken = bytes.clone();
            broken[at] ^= 0x81;
            if let Ok(header) = headers::keyed(&broken, &context()) {
                header
                    .states
                    .iter()
                    .flat_map(|state| &state.serializers)
                    .for_each(|(_, s)| drop(s.element_type()));
            }
        }
    }
}
