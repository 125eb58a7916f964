//! Snapshots and values written by Apache Flink's own serializers, `fixtures/flink/serializers`.

use std::fs;

use alluvium_interop_flink::bytes::Input;
use alluvium_interop_flink::serializer::{Cell, Context, Form, Serializer, read_snapshot};
use alluvium_model::{Value, json};
use serde_json::Value as Json;

/// A serializer's snapshot, the length that it reports, its type, and values as bytes and JSON.
struct Vector {
    name: String,
    context: Context,
    length: i64,
    ty: String,
    snapshot: Vec<u8>,
    values: Vec<(Vec<u8>, Json)>,
}

/// Returns the lines of both files: of Flink 2.3, and of Flink 1.17.
fn lines() -> Vec<Json> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/flink/serializers/");
    let text = ["vectors.jsonl", "vectors17.jsonl"]
        .map(|name| fs::read_to_string(folder.to_owned() + name).unwrap());
    text.concat().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn vectors() -> Vec<Vector> {
    lines().iter().map(vector).collect()
}

fn vector(json: &Json) -> Vector {
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let values = json["values"].as_array().unwrap();
    Vector {
        name: text("name"),
        context: Context { metadata_version: json["metadata"].as_u64().map_or(6, |version| version as u32) },
        length: json["length"].as_i64().unwrap(),
        ty: text("type"),
        snapshot: unhex(&text("snapshot")),
        values: values.iter().map(|pair| (unhex(pair[0].as_str().unwrap()), pair[1].clone())).collect(),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn read(vector: &Vector) -> Serializer {
    let mut input = Input::new(&vector.snapshot);
    let read = read_snapshot(&mut input, Form::Versioned, &vector.context).unwrap();
    assert!(input.is_empty());
    assert_eq!(read.origin, vector.snapshot);
    read.serializer
}

fn encoded(serializer: &Serializer, value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    serializer.encode(value, &mut out).ok()?;
    Some(out)
}

#[test]
fn snapshots_of_flink_give_its_types_and_lengths() {
    for vector in vectors() {
        let serializer = read(&vector);
        assert_eq!(serializer.element_type().to_string(), vector.ty, "{}", vector.name);
        assert_eq!(
            serializer.fixed_length().map_or(-1, |length| length as i64),
            vector.length,
            "{}",
            vector.name
        );
    }
}

#[test]
fn values_of_flink_print_as_they_are_and_encode_back() {
    for vector in vectors() {
        let serializer = read(&vector);
        let ty = serializer.element_type();
        for (bytes, expected) in &vector.values {
            let cell = serializer.decode_whole(bytes).unwrap();
            assert_eq!(json::to_json(&cell.value, &ty.ty), *expected, "{}", vector.name);
            assert_eq!(cell.raw, None, "{} {expected}", vector.name);
            assert_eq!(encoded(&serializer, &cell.value).as_ref(), Some(bytes), "{} {expected}", vector.name);
        }
    }
}

#[test]
fn values_end_where_they_end() {
    for vector in vectors() {
        let serializer = read(&vector);
        for (bytes, expected) in &vector.values {
            let longer = [bytes.as_slice(), &[0xAB; 3]].concat();
            let mut input = Input::new(&longer);
            match serializer.decode_next(&mut input) {
                Ok(cell) => {
                    assert_eq!(input.left(), 3, "{} {expected}", vector.name);
                    assert_eq!(cell.raw, None);
                    assert!(serializer.decode_whole(&longer).is_err() || !serializer.is_self_delimiting());
                }
                Err(_) => assert!(!serializer.is_self_delimiting(), "{} {expected}", vector.name),
            }
        }
    }
}

/// A value from bytes that may be broken either encodes back or keeps its bytes.
fn holds(serializer: &Serializer, bytes: &[u8], name: &str) {
    let again = |cell: &Cell| encoded(serializer, &cell.value);
    if let Ok(cell) = serializer.decode_whole(bytes) {
        match &cell.raw {
            None => assert_eq!(again(&cell).as_deref(), Some(bytes), "{name} {:?}", cell.value),
            Some(raw) => {
                assert_eq!(raw, bytes);
                assert_ne!(again(&cell).as_deref(), Some(bytes), "{name} {:?}", cell.value);
            }
        }
    }
    assert!(!matches!(serializer.decode_cell(bytes), Cell { value: Value::Opaque { .. }, raw: Some(_) }));
}

#[test]
fn broken_values_are_errors_or_keep_their_bytes() {
    for vector in vectors() {
        let serializer = read(&vector);
        for (bytes, _) in &vector.values {
            let stride = 1 + bytes.len() / 200;
            for at in (0..bytes.len()).step_by(stride) {
                holds(&serializer, &bytes[..at], &vector.name);
                for flip in [0x01, 0x02, 0x10, 0x80, 0xFF] {
                    let mut broken = bytes.clone();
                    broken[at] ^= flip;
                    holds(&serializer, &broken, &vector.name);
                }
            }
        }
    }
}

#[test]
fn broken_snapshots_are_errors_or_other_serializers() {
    for vector in vectors() {
        let stride = 1 + vector.snapshot.len() / 300;
        for at in (0..vector.snapshot.len()).step_by(stride) {
            let cut =
                read_snapshot(&mut Input::new(&vector.snapshot[..at]), Form::Versioned, &vector.context);
            assert!(cut.is_err(), "{} at {at}", vector.name);
            for flip in [0x01, 0x80, 0xFF] {
                let mut broken = vector.snapshot.clone();
                broken[at] ^= flip;
                let mut input = Input::new(&broken);
                if let Ok(read) = read_snapshot(&mut input, Form::Versioned, &vector.context) {
                    read.serializer.element_type();
                    for (bytes, _) in &vector.values {
                        holds(&read.serializer, bytes, &vector.name);
                    }
                }
            }
        }
    }
}
