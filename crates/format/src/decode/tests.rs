use alluvium_model::{ErrorKind, spec};
use serde_json::json;

use super::*;
use crate::check::tests::{checkpoint, savepoint};
use crate::{encode, encode_schemas};

const BUDGET: u64 = 1 << 20;

/// The worked example of chapter 2.
const EXAMPLE: &str = "
414C4C555649554D010000008500000000000000AE000000000000007496A8AC6CAD71E7BDAA526A33E0BF93B62CBC30F526FEA1
28B52FFD20AEE5030002091B1B90A5CD183C2A28CB57F646EC065F76AD19F4BF5CFA8FC95CFFB1040B31E028B7A9619AAE69C9D4
A83C4EF2112711433F624981B6F81AD095014F56B57D043C5105CA35D9CE37C0512A4E802F53B96BBEE5359ECAAC6F641CA515DC
50E47B57520670F238E319900ADAD84A0400323387996778360070ACCE";

fn example() -> Vec<u8> {
    let digits: String = EXAMPLE.split_whitespace().collect();
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn sealed(json: &[u8]) -> Vec<u8> {
    packed(&zstd::bulk::compress(json, 1).unwrap(), json.len() as u64)
}

fn packed(body: &[u8], inflated: u64) -> Vec<u8> {
    let mut out = Preamble::write(&[], body, inflated).unwrap();
    out.extend(body);
    out
}

fn body_of(manifest: &Manifest) -> Json {
    let bytes = encode(manifest).unwrap();
    let preamble = Preamble::parse(&bytes).unwrap();
    serde_json::from_slice(&inflate(&preamble, &bytes[preamble.length..], BUDGET).unwrap()).unwrap()
}

#[track_caller]
fn breaks(rule: &str, change: impl FnOnce(&mut Json)) {
    let mut body = body_of(&checkpoint());
    change(&mut body);
    let error = decode(&sealed(body.to_string().as_bytes()), BUDGET).unwrap_err();
    assert_eq!(error.rule(), Some(rule), "{error}");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn manifests_read_back_what_was_written() {
    spec!("MAN-1", "PRE-1", "PRE-8");
    for manifest in [checkpoint(), savepoint()] {
        let bytes = encode(&manifest).unwrap();
        assert_eq!(decode(&bytes, BUDGET).unwrap(), manifest);
        assert_eq!(encode(&manifest).unwrap(), bytes, "and equal manifests give equal bytes");
    }
}

#[test]
fn example_of_the_specification_is_read() {
    spec!("PRE-1", "MAN-1");
    let manifest = decode(&example(), BUDGET).unwrap();
    assert_eq!((manifest.attempt, manifest.checkpoint_id, manifest.created_ms), (1, 2, 3));
    assert_eq!((manifest.job.id.as_str(), manifest.profile), ("j", Profile::Checkpoint));
}

#[test]
fn every_flip_and_every_cut_is_found() {
    spec!("PRE-3", "PRE-6", "PRE-7");
    for bytes in [example(), encode(&checkpoint()).unwrap()] {
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], BUDGET).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(decode(&flipped, BUDGET).is_err(), "flipped at {at}");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(decode(&longer, BUDGET).unwrap_err().rule(), Some("PRE-6"));
    }
    let mut flipped = example();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(decode(&flipped, BUDGET).unwrap_err().rule(), Some("PRE-7"));
}

#[test]
fn body_is_one_frame_of_the_length_announced() {
    spec!("PRE-8");
    let json = b"{}";
    let frame = zstd::bulk::compress(json, 1).unwrap();
    for (body, inflated) in [
        (frame.clone(), 1),
        (frame.clone(), 3),
        ([&frame[..], &frame[..]].concat(), 4),
        ([&frame[..], &frame[..]].concat(), 2),
        ([&frame[..], b"x"].concat(), 2),
        (b"{}".to_vec(), 2),
        (frame[..frame.len() - 1].to_vec(), 2),
    ] {
        assert_eq!(decode(&packed(&body, inflated), BUDGET).unwrap_err().rule(), Some("PRE-8"));
    }
}

#[test]
fn large_bodies_are_refused_before_they_are_inflated() {
    spec!("PRE-9");
    let bomb = zstd::bulk::compress(&vec![b' '; 1 << 22], 1).unwrap();
    assert_eq!(decode(&packed(&bomb, BODY_BYTES_MAX + 1), u64::MAX).unwrap_err().rule(), Some("PRE-9"));
    let error = decode(&packed(&bomb, 1 << 22), BUDGET).unwrap_err();
    assert!(matches!(error, Error::OverBudget { size: 4_194_304, budget: BUDGET }));
    assert_eq!(decode(&packed(&bomb, 100), BUDGET).unwrap_err().rule(), Some("PRE-8"));
}

#[test]
fn unknown_required_feature_is_refused_by_name() {
    spec!("FEAT-1", "FEAT-3", "FEAT-5");
    let mut marked = checkpoint();
    marked.features = vec!["later".into()];
    let error = decode(&encode(&marked).unwrap(), BUDGET).unwrap_err();
    assert!(matches!(&error, Error::UnknownFeature { feature } if feature == "later"));
    let mut bytes = Preamble::write(&["encryption".into()], b"no body", 9).unwrap();
    bytes.extend(b"damaged");
    let error = decode(&bytes, BUDGET).unwrap_err();
    assert!(matches!(&error, Error::UnknownFeature { feature } if feature == "encryption"));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn unknown_members_are_ignored_and_kept_where_carried_over() {
    spec!("FEAT-2", "FEAT-4");
    let mut body = body_of(&checkpoint());
    body["later"] = json!({"any": [1]});
    body["operators"][0]["later"] = json!(1);
    body["operators"][0]["tables"][0]["runs"][0]["later"] = json!("kept");
    body["objects"][0]["later"] = json!([true]);
    let manifest = decode(&sealed(body.to_string().as_bytes()), BUDGET).unwrap();
    let again = body_of(&manifest);
    assert_eq!(again["operators"][0]["tables"][0]["runs"][0]["later"], json!("kept"));
    assert_eq!(again["objects"][0]["later"], json!([true]));
    assert_eq!((again.get("later"), again["operators"][0].get("later")), (None, None));
}

#[test]
fn missing_or_odd_members_are_named() {
    spec!("MAN-1", "MAN-2");
    for member in ["profile", "job", "attempt", "roots", "objects", "schemas", "operators", "aborted"] {
        breaks("MAN-1", |body| drop(body.as_object_mut().unwrap().remove(member)));
    }
    breaks("MAN-1", |body| body["layout"] = json!("stacked"));
    breaks("MAN-1", |body| body["profile"] = json!("savepoint"));
    breaks("MAN-1", |body| body["schemas_object"] = json!(0));
    breaks("MAN-1", |body| body["attempt"] = json!(1.5));
    breaks("MAN-1", |body| body["attempt"] = json!(1u64 << 63));
    breaks("MAN-1", |body| body["objects"][0]["digest"] = json!("A".repeat(32)));
    breaks("MAN-1", |body| body["operators"][0]["tables"][0]["runs"][0]["offset"] = Json::Null);
    breaks("MAN-1", |body| body["operators"][0]["tables"][0]["runs"][0]["clip"] = Json::Null);
    breaks("MAN-1", |body| body["operators"][0]["tables"][1]["runs"][0]["sequence"] = json!([1, 1]));
    breaks("MAN-2", |body| body["operators"][0]["tables"][0]["runs"][2]["inline"] = json!("?"));
    let twice = br#"{"profile":"checkpoint","profile":"checkpoint"}"#;
    assert_eq!(decode(&sealed(twice), BUDGET).unwrap_err().rule(), Some("MAN-1"));
}

#[test]
fn null_is_the_same_as_absent() {
    spec!("MAN-1");
    let mut body = body_of(&checkpoint());
    (body["layout"], body["job_description"], body["operators"][0]["name"]) = Default::default();
    assert_eq!(decode(&sealed(body.to_string().as_bytes()), BUDGET).unwrap(), checkpoint());
}

#[test]
fn indexes_past_their_array_are_named() {
    spec!("MAN-3", "MAN-6", "OPER-1", "KEYGROUP-4");
    breaks("MAN-3", |body| body["job_description"] = json!(2));
    breaks("MAN-3", |body| body["origin"] = json!(2));
    breaks("MAN-3", |body| body["aborted"] = json!([7]));
    breaks("MAN-3", |body| body["operators"][0]["tables"][0]["runs"][0]["object"] = json!(2));
    breaks("MAN-6", |body| body["objects"][1]["name"] = json!("objects/a"));
    breaks("OPER-1", |body| body["operators"][0]["id"] = json!("12"));
    breaks("KEYGROUP-4", |body| body["operators"][0]["key_group_function"] = json!("md5/1"));
}

#[test]
fn schemas_may_be_an_object_of_their_own() {
    spec!("MAN-1", "SCHEMA-1");
    let mut manifest = checkpoint();
    let object = encode_schemas(&manifest.schemas);
    manifest.schemas_object = Some(ObjectRef::of_bytes("objects/schemas", &object));
    let mut read = decode(&encode(&manifest).unwrap(), BUDGET).unwrap();
    assert!(read.schemas.is_empty());
    assert_eq!(decode(&encode(&read).unwrap(), BUDGET).unwrap(), read);
    supply_schemas(&mut read, &object).unwrap();
    assert_eq!(read, manifest);
    assert!(supply_schemas(&mut read, b"[]").is_err() && supply_schemas(&mut read, b"{").is_err());
    assert!(supply_schemas(&mut read, br#"[{"name":"x","kind":"later"}]"#).is_err());
}

#[test]
fn random_bodies_never_panic() {
    let body = body_of(&checkpoint()).to_string().into_bytes();
    let mut state = 99u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..3000 {
        let mut mutated = body.clone();
        for _ in 0..=next(3) {
            let at = next(mutated.len());
            mutated[at] = b"0123456789{}[],:\"\\-.eEnul a"[next(27)];
        }
        if let Ok(manifest) = decode(&sealed(&mutated), BUDGET) {
            let again = decode(&encode(&manifest).unwrap(), BUDGET).unwrap();
            assert_eq!(again, manifest);
        }
    }
}
