use serde_json::json;

use super::*;
use crate::{LogicalType, spec};

fn account() -> SerializerTree {
    let kind = SerializerTree {
        symbols: vec!["A".into(), "B".into()],
        ..SerializerTree::new("enum").of("evo.Kind")
    };
    let mut account = SerializerTree::new("pojo").of("evo.Account").with("id", SerializerTree::new("long"));
    account.version = Some(2);
    account.parts.push(Part { name: "kind".into(), serializer: Some(kind) });
    account.parts.push(Part { name: "gone".into(), serializer: None });
    account
        .registered
        .push(Part { name: "evo.Gold".into(), serializer: Some(SerializerTree::new("string")) });
    account
}

#[test]
fn a_serializer_reads_back_from_its_json() {
    spec!("JOB-3");
    let json = json!({"class": "pojo", "version": 2, "type": "evo.Account", "parts": [
        {"name": "id", "serializer": "long"},
        {"name": "kind", "serializer": {"class": "enum", "type": "evo.Kind", "symbols": ["A", "B"]}},
        {"name": "gone"}],
        "registered": [{"name": "evo.Gold", "serializer": "string"}]});
    assert_eq!(serializer_to_json(&account()), json);
    assert_eq!(serializer_from_json(&json).unwrap(), account());
    let other = SerializerTree::new("com.example.MySerializer");
    assert_eq!(serializer_to_json(&other), "com.example.MySerializer");
    let full = json!({"class": "org.apache.flink.api.java.typeutils.runtime.PojoSerializer", "type": "X"});
    assert_eq!(serializer_from_json(&full).unwrap(), SerializerTree::new("pojo").of("X"));
}

#[test]
fn odd_serializers_are_refused() {
    let mut deep = json!("long");
    for _ in 0..DEPTH {
        deep = json!({"class": "list", "parts": [{"name": "element", "serializer": deep}]});
    }
    let odd = [
        json!(7),
        json!({}),
        json!({"class": "pojo", "parts": [{}]}),
        json!({"class": "enum", "symbols": [1]}),
        deep,
    ];
    for json in odd {
        assert!(serializer_from_json(&json).is_err(), "{json}");
    }
}

const DEPTH: usize = 65;

#[test]
fn types_follow_from_serializers() {
    let ty = SerializerTree::new("list").with("element", account()).element_type().ty;
    assert_eq!(
        ty.to_string(),
        "list<struct<id: int64?, kind: enum<A, B>?, gone: opaque<org.apache.flink.api.java.typeutils.runtime.PojoSerializer<evo.Account>>?>?>"
    );
    let ttl = SerializerTree::new("ttl")
        .with("f0", SerializerTree::new("long"))
        .with("f1", SerializerTree::new("int"));
    assert_eq!(ttl.element_type().ty, LogicalType::Int32);
}
