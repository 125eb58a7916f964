//! The worked examples of `format-spec/v1/`, as they stand there.

use std::sync::Arc;

use alluvium_model::digest::{Digest, RowHasher, RunHasher};
use alluvium_model::evolution::{Outcome, resolve, resolve_by_id, same_field_names};
use alluvium_model::job::{job_from_json, job_to_json, schema_from_json, schema_to_json};
use alluvium_model::key_group::{canonical_hash, java_hash};
use alluvium_model::types::{type_from_json, type_to_json};
use alluvium_model::{
    ElementType, KeyGroup, KeyGroupFunction, LogicalType, MaxParallelism, Op, OperatorUid, Role, Row,
    RowBatchBuilder, Side, StateKind, StateSchema, Value, canonical, spec,
};
use serde_json::{Value as Json, json};

fn ty(json: Json) -> LogicalType {
    type_from_json(&json).unwrap().ty
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn visits() -> Arc<StateSchema> {
    let schema = StateSchema::new("visits", StateKind::Map)
        .with_key(LogicalType::String)
        .with_map_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    Arc::new(schema)
}

fn visit(op: Op, key: &str, airport: &str, visits: i64) -> Row {
    Row {
        op,
        key_group: KeyGroup(5),
        key: text(key),
        map_key: if op == Op::Clear { Value::Null } else { text(airport) },
        value: if op == Op::Put { Value::Int(visits) } else { Value::Null },
        ..Row::default()
    }
}

fn batch(schema: &Arc<StateSchema>, deltas: bool, rows: Vec<Row>) -> alluvium_model::RowBatch {
    let mut builder = RowBatchBuilder::new(Arc::clone(schema), deltas);
    rows.into_iter().for_each(|row| builder.push(row).unwrap());
    builder.finish().unwrap()
}

#[test]
fn canonical_bytes_of_chapter_3() {
    spec!(
        "CANON-1", "CANON-3", "CANON-5", "CANON-6", "CANON-11", "CANON-13", "CANON-14", "CANON-16",
        "CANON-17", "CANON-19", "CANON-20", "CANON-21", "TYPE-23"
    );
    let check = |type_json: Json, value: Value, hex: &str| {
        let bytes = canonical::to_bytes(&value, &ty(type_json.clone())).unwrap();
        let found: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(found, hex.replace(' ', ""), "{type_json}");
    };
    check(json!("int32"), Value::Int(-1), "7FFFFFFF");
    check(json!("int64"), Value::Int(1), "8000000000000001");
    check(json!("float64"), Value::Float64(-0.0), "7FFFFFFFFFFFFFFF");
    check(json!("float64"), Value::Float64(1.5), "BFF8000000000000");
    check(json!("string"), text("a\0b"), "6100FF620000");
    let list = json!({"list": {"nullable": "int8"}});
    check(list, Value::List(vec![Value::Int(1), Value::Null]), "010181 0100 00");
    let entries = vec![(text("b"), Value::Bool(true)), (text("a"), Value::Bool(false))];
    check(json!({"map": ["string", "bool"]}), Value::Map(entries), "0161000000 0162000001 00");
    let pair = Value::Struct(vec![text("UA"), Value::Int(3)]);
    check(json!({"tuple": ["string", "int32"]}), pair, "01 55410000 80000003");
    let fields = json!({"struct": [{"id": 1, "name": "a", "type": {"nullable": "int8"}}, {"id": 2, "name": "b", "type": "bool"}]});
    check(fields.clone(), Value::Struct(vec![Value::Null, Value::Bool(true)]), "010001");
    check(json!("time-window"), Value::Window { start: 0, end: 60_000 }, "8000000000000000 800000000000EA60");
    let opaque = Value::Opaque { serializer: "Kryo".into(), bytes: vec![1, 0] };
    check(json!({"opaque": "Kryo"}), opaque, "FF 00000004 4B72796F 0100FF0000");
    let integer = |text: &str| Value::BigInteger(text.into());
    check(json!("big-integer"), integer("0"), "01 00000000");
    check(json!("big-integer"), integer("256"), "01 00000002 0100");
    check(json!("big-integer"), integer("-1"), "00 FFFFFFFE FE");
    let decimal = |text: &str| Value::big_decimal(text).unwrap();
    check(json!("big-decimal"), decimal("12.50"), "02 8000000000000002 31323500 80000002");
    check(json!("big-decimal"), decimal("0.00"), "01 80000002");
    check(json!("big-decimal"), decimal("-5E+1"), "00 7FFFFFFFFFFFFFFD CAFF 7FFFFFFF");
    let either = json!({"either": ["string", {"nullable": "int8"}]});
    check(either.clone(), Value::Either(Side::Right, Box::new(Value::Null)), "01 00");
    check(either.clone(), Value::Either(Side::Left, Box::new(text("UA"))), "00 55410000");
    assert_eq!(type_to_json(&type_from_json(&either).unwrap()), either);
    assert_eq!(type_to_json(&type_from_json(&fields).unwrap()), fields);
}

#[test]
fn key_groups_of_chapter_4() {
    spec!("KEYGROUP-3", "KEYGROUP-4", "KEYGROUP-5", "KEYGROUP-6", "OPER-2");
    let check = |type_json: Json, key: Value, hash: i32, of_128: u16, of_32768: u16| {
        let ty = ty(type_json);
        assert_eq!(java_hash(&key, &ty), Some(hash), "{ty}");
        assert_eq!(KeyGroupFunction::default_for(&ty), KeyGroupFunction::JavaHash);
        for (max, group) in [(128, of_128), (32_768, of_32768)] {
            let max = MaxParallelism::new(max).unwrap();
            assert_eq!(max.key_group_of_hash(hash as u32), KeyGroup(group), "{ty}");
        }
    };
    check(json!("bool"), Value::Bool(true), 1231, 77, 11725);
    check(json!("int8"), Value::Int(-3), -3, 44, 2220);
    check(json!("int16"), Value::Int(-300), -300, 93, 30301);
    check(json!("int64"), Value::Int(42), 42, 29, 28189);
    check(json!("int64"), Value::Int(-1), 0, 94, 31198);
    check(json!("int64"), Value::Int(1 << 40), 256, 54, 32054);
    check(json!("float32"), Value::Float32(1.5), 1_069_547_520, 70, 11206);
    check(json!("float32"), Value::Float32(-0.0), i32::MIN, 108, 10348);
    check(json!("float64"), Value::Float64(1.5), 1_073_217_536, 65, 833);
    check(json!("float64"), Value::Float64(f64::NAN), 2_146_959_360, 41, 12713);
    check(json!("string"), text(""), 0, 94, 31198);
    check(json!("string"), text("k1"), 3366, 19, 15379);
    check(json!("string"), text("é中\u{1F600}"), 27_946_695, 88, 31832);
    check(json!("decimal(4,2)"), Value::Decimal(1250), 38752, 105, 30825);
    let wide = Value::Decimal(-1_234_567_890_123_456_789_015);
    check(json!("decimal(30,1)"), wide, -494_185_873, 99, 28515);
    let integer = |text: &str| Value::BigInteger(text.into());
    check(json!("big-integer"), integer("12345678901234567890"), -1_436_577_082, 116, 25588);
    check(json!("big-integer"), integer("-5"), -5, 80, 12112);
    let decimal = |text: &str| Value::big_decimal(text).unwrap();
    check(json!("big-decimal"), decimal("12.50"), 38752, 105, 30825);
    check(json!("big-decimal"), decimal("-123456789012345678901.5"), -494_185_873, 99, 28515);
    check(json!("date"), Value::Int(19_782), 4_145_309, 30, 12702);
    check(json!("time(ns)"), Value::Int(3_723_000_000_004), -736_645_786, 55, 19383);
    let both = 19_782 * 86_400_000_000_000 + 3_723_000_000_004;
    check(json!("local-timestamp(ns)"), Value::Int(both), -735_515_141, 70, 17350);
    check(json!("timestamp(ns)"), Value::Int(1_700_000_000_000_000_123), 1_700_006_273, 42, 30250);
    let pair = Value::Struct(vec![Value::Int(1), text("a")]);
    check(json!({"tuple": ["int32", "string"]}), pair, 128, 41, 7209);
    let triple = Value::Struct(vec![Value::Int(1), Value::Null, Value::Bool(true)]);
    check(json!({"tuple": ["int64", {"nullable": "string"}, "bool"]}), triple, 2192, 6, 16262);
    let list = Value::List(vec![Value::Int(1), Value::Int(2)]);
    check(json!({"list": "int32"}), list, 994, 47, 28335);

    for (bytes, hash, of_128, of_32768) in
        [(&[0, 0, 0, 7][..], 0x7CF4_DFFC, 8, 14728), (&[1, 0, 0xFF, 2, 0, 0], 0x3D37_6009, 65, 17345)]
    {
        assert_eq!(canonical_hash(bytes), hash);
        assert_eq!(MaxParallelism::new(128).unwrap().key_group_of_hash(hash), KeyGroup(of_128));
        assert_eq!(MaxParallelism::new(32_768).unwrap().key_group_of_hash(hash), KeyGroup(of_32768));
    }
    for ty in [LogicalType::UInt32, LogicalType::Bytes] {
        assert_eq!(KeyGroupFunction::default_for(&ty), KeyGroupFunction::CanonicalBytes);
    }
    for (uid, id) in [
        ("src-uid", "65eb651c08e51afc6b01b9ec8c609cba"),
        ("all-long", "4b059b0728c1690c10d59dba677995d6"),
        ("count", "b71731f1c0df9c3076c4a455334d0ad6"),
    ] {
        assert_eq!(OperatorUid::new(uid).id().to_string(), id);
    }
}

#[test]
fn groups_are_shared_as_in_chapter_4() {
    spec!("KEYGROUP-1", "KEYGROUP-2", "KEYGROUP-7");
    assert!(MaxParallelism::new(0).is_err() && MaxParallelism::new(32_769).is_err());
    let max = MaxParallelism::new(10).unwrap();
    let ranges: Vec<_> = (0..3).map(|s| max.range_of(s, 3).to_string()).collect();
    assert_eq!(ranges, ["0..4", "4..7", "7..10"]);
    assert_eq!(
        (0..10).map(|g| max.subtask_of(KeyGroup(g), 3)).collect::<Vec<_>>(),
        [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    );
    for function in [KeyGroupFunction::Stored, KeyGroupFunction::FlinkBinaryRow] {
        let refused = function.place(&Value::Int(1), &LogicalType::Int64, &[], max).unwrap_err();
        assert!(refused.to_string().contains(function.name()));
    }
}

#[test]
fn sort_keys_of_chapters_4_and_5() {
    spec!("ORDER-2", "ORDER-3", "ORDER-4", "ORDER-5");
    let list = StateSchema::new("l", StateKind::List)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    let third = Row { key: text("N1"), position: (1 << 32) + 2, ..Row::default() };
    assert_eq!(third.sort_key(&list).unwrap(), b"N1\0\0\x01\x80\0\0\x01\0\0\0\x02");
    assert_eq!(visit(Op::Put, "N1", "EWR", 4).sort_key(&visits()).unwrap(), b"N1\0\0\x01EWR\0\0");
    assert_eq!(visit(Op::Clear, "N1", "", 0).sort_key(&visits()).unwrap(), b"N1\0\0\0");
    let positions = StateSchema::new("source-positions", StateKind::OperatorList);
    let element = Row { subtask: 3, position: 1, ..Row::default() };
    assert_eq!(element.sort_key(&positions).unwrap(), b"\x01\0\0\0\x03\x80\0\0\0\0\0\0\x01");
    let broadcast = StateSchema::new("b", StateKind::Broadcast).with_map_key(LogicalType::Bool);
    let entry = Row { map_key: Value::Bool(true), ..Row::default() };
    assert_eq!(entry.sort_key(&broadcast).unwrap(), b"\x01\x01");
    let mut twice = RowBatchBuilder::new(visits(), false);
    for _ in 0..2 {
        twice.push(visit(Op::Put, "N1", "EWR", 4)).unwrap();
    }
    assert!(twice.finish().is_err());
}

#[test]
fn digests_of_chapter_9() {
    spec!("ROWHASH-1", "ROWHASH-2", "ROWHASH-3", "ROWHASH-9");
    let live = |rows| {
        let mut hasher = RowHasher::new();
        hasher.update(&batch(&visits(), false, rows)).unwrap();
        hasher.finish().groups.remove(&KeyGroup(5)).unwrap()
    };
    let (boston, kennedy) = (visit(Op::Put, "N1", "BOS", 2), visit(Op::Put, "N1", "JFK", 1));
    assert_eq!(live(vec![boston.clone()]).sum, 0x44da_1bf8_2d41_2254_990e_bd64_0fff_c0ba);
    assert_eq!(live(vec![kennedy.clone()]).sum, 0xc3ec_31c1_5e64_a03f_42ee_24de_646f_6f16);
    let both = live(vec![boston, kennedy.clone()]);
    assert_eq!(both, Digest { rows: 2, sum: 0x08c6_4db9_8ba5_c293_dbfc_e242_746f_2fd0 });
    let delta = vec![visit(Op::Clear, "N1", "", 0), kennedy, visit(Op::Delete, "N2", "LGA", 0)];
    let mut run = RunHasher::new();
    run.update(&batch(&visits(), true, delta)).unwrap();
    assert_eq!(run.finish().0, Digest { rows: 3, sum: 0x76d5_e389_8000_4008_4eef_9344_869b_0eb5 });
}

#[test]
fn broadcast_state_is_hashed_by_map_key_alone() {
    spec!("ROWHASH-7");
    let schema = StateSchema::new("b", StateKind::Broadcast)
        .with_map_key(LogicalType::Bool)
        .with_value(ElementType::required(LogicalType::Bool));
    let entry = Row { map_key: Value::Bool(true), value: Value::Bool(false), ..Row::default() };
    let mut hasher = RowHasher::new();
    hasher.update(&batch(&Arc::new(schema), false, vec![entry])).unwrap();
    let digest = hasher.finish();
    let hashed = [0, 0, 0, 0, 1, 1, 1, 0, 0];
    assert_eq!(digest.groups[&KeyGroup(0)].sum, xxhash_rust::xxh3::xxh3_128(&hashed));
}

#[test]
fn numbers_of_any_size_and_eithers_are_hashed() {
    spec!("ROWHASH-5", "TYPE-26", "TYPE-27", "TYPE-28");
    let check = |type_json: Json, value: Value, form: &[u8]| {
        let ty = ty(type_json);
        let mut found = Vec::new();
        alluvium_model::digest::push_value_form(&value, &ty, &mut found).unwrap();
        assert_eq!(found, form, "{ty}");
    };
    check(json!("big-integer"), Value::BigInteger("-12".into()), b"\x11\0\0\0\x03-12");
    check(json!("big-decimal"), Value::big_decimal("-1.0").unwrap(), b"\x12\0\0\0\x01\0\0\0\x03-10");
    let either = json!({"either": ["string", {"nullable": "int8"}]});
    check(either.clone(), Value::Either(Side::Left, Box::new(text("a"))), b"\x13\0\x05\0\0\0\x01a");
    check(either, Value::Either(Side::Right, Box::new(Value::Null)), b"\x13\x01\0");
}

#[test]
fn raw_cells_are_hashed_as_what_they_hold() {
    spec!("ROWHASH-8", "TYPE-24", "TYPE-25", "CANON-9");
    let mut schema = StateSchema::new("s", StateKind::Value)
        .with_key(LogicalType::Bool)
        .with_value(ElementType::required(LogicalType::String));
    schema.raw = vec![Role::ValueRaw];
    let schema = Arc::new(schema);
    let hash = |value: Value| {
        let row = Row { key: Value::Bool(true), value, ..Row::default() };
        let mut hasher = RowHasher::new();
        hasher.update(&batch(&schema, false, vec![row])).unwrap();
        hasher.finish().total().sum
    };
    let row = |form: &[u8]| xxhash_rust::xxh3::xxh3_128(&[&[0, 0, 0, 0, 1, 1][..], form, &[0]].concat());
    assert_eq!(hash(Value::Wtf8(vec![0xED, 0xA0, 0x80])), row(b"\x05\0\0\0\x03\xED\xA0\x80"));
    let opaque = Value::Opaque { serializer: "K".into(), bytes: vec![0, 7] };
    assert_eq!(hash(opaque), row(b"\xFF\0\0\0\x01K\0\xFF\x07\0\0"));
}

#[test]
fn evolution_of_chapter_8() {
    spec!("SCHEMA-1", "EVOL-1", "EVOL-2", "ROWHASH-5", "ROWHASH-10");
    let old = json!({"name":"last","kind":"value","key_type":"string","value_type":{"struct":[
        {"id":1,"name":"airport","type":{"nullable":"string"}},{"id":2,"name":"flights","type":"int32"}]},"field_id_max":2});
    let new = json!({"name":"last","kind":"value","key_type":"string","value_type":{"struct":[
        {"id":1,"name":"port","type":{"nullable":"string"},"aliases":["airport"]},
        {"id":2,"name":"flights","type":"int64"},{"id":3,"name":"delay","type":{"nullable":"float64"}}]},"field_id_max":3});
    let (before, after) = (schema_from_json(&old).unwrap(), schema_from_json(&new).unwrap());
    assert_eq!((schema_to_json(&before), schema_to_json(&after)), (old, new));
    for resolution in [resolve(&before, &after), resolve_by_id(&before, &after)] {
        assert_eq!(resolution.outcome, Outcome::AfterMigration, "{:?}", resolution.differences);
    }
    assert!(same_field_names(&before, &after));
    let mut form = Vec::new();
    let value = Value::Struct(vec![text("JFK"), Value::Int(7), Value::Null]);
    alluvium_model::digest::push_value_form(&value, &after.value.unwrap().ty, &mut form).unwrap();
    assert_eq!(form, b"\x0E\x01\0\0\0\x01\x05\0\0\0\x03JFK\x01\0\0\0\x02\x02\0\0\0\0\0\0\0\x07\0");
}

#[test]
fn odd_schemas_are_refused() {
    spec!("SCHEMA-1", "TABLE-2");
    for odd in [
        json!({"name": "s", "kind": "vault", "key_type": "bool", "value_type": "bool"}),
        json!({"name": "s", "kind": "value", "value_type": "bool"}),
        json!({"name": "s", "kind": "value", "key_type": {"nullable": "bool"}, "value_type": "bool"}),
        json!({"name": "s", "kind": "value", "key_type": "bool"}),
        json!({"name": "s", "kind": "map", "key_type": "bool", "value_type": "bool"}),
        json!({"name": "s", "kind": "event-timer", "key_type": "bool", "value_type": "bool"}),
        json!({"name": "s", "kind": "operator-list", "key_type": "bool", "value_type": "bool"}),
        json!({"name": "s", "kind": "operator-list", "namespace_type": "bool", "value_type": "bool"}),
        json!({"kind": "operator-list", "value_type": "bool"}),
        json!({"name": "s", "kind": "operator-list", "value_type": "bool", "ttl_unknown": true}),
        json!({"name": "s", "kind": "value", "key_type": "bool", "value_type": "bool", "ttl_unknown": true, "ttl_ms": 1}),
    ] {
        assert!(schema_from_json(&odd).is_err(), "{odd}");
    }
    for kind in StateKind::ALL {
        assert_eq!(StateKind::from_name(kind.name()), Some(kind));
    }
}

#[test]
fn columns_are_those_of_chapter_6() {
    spec!("TABLE-3", "TABLE-4", "RUN-5");
    let columns = |schema: &StateSchema, deltas| {
        let fields = schema.arrow_schema(deltas);
        let show =
            |f: &Arc<arrow_schema::Field>| format!("{}{}", f.name(), if f.is_nullable() { "?" } else { "" });
        fields.fields().iter().map(show).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(columns(&visits(), false), "key_group key map_key value");
    assert_eq!(columns(&visits(), true), "op key_group key map_key? value?");
    let mut list = StateSchema::new("l", StateKind::List)
        .with_key(LogicalType::String)
        .with_namespace(LogicalType::TimeWindow)
        .with_value(ElementType::nullable(LogicalType::Int64))
        .with_ttl_ms(1);
    list.raw = vec![Role::KeyRaw, Role::NamespaceRaw, Role::ValueRaw];
    let base = "key_group key? key_raw? namespace? namespace_raw? list_pos value? value_raw? last_access";
    assert_eq!(columns(&list, false), base);
    assert_eq!(
        columns(&list, true),
        format!("op {base}").replace("list_pos", "list_pos?").replace("last_access", "last_access?")
    );
    assert_eq!(columns(&list.clone().with_unknown_ttl(), false), base);
    let timer =
        StateSchema::new("t", StateKind::from_name("event-timer").unwrap()).with_key(LogicalType::Int64);
    assert_eq!(columns(&timer, false), "key_group key timestamp");
    let positions =
        StateSchema::new("p", StateKind::OperatorList).with_value(ElementType::required(LogicalType::Int64));
    assert_eq!(columns(&positions, false), "subtask index value");
    let broadcast = StateSchema::new("b", StateKind::Broadcast)
        .with_map_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    assert_eq!(columns(&broadcast, false), "map_key value");
}

#[test]
fn job_descriptions_read_back() {
    spec!("JOB-1");
    let json = json!({"description_version": 1, "name": "flights", "operators": [
        {"id": "65eb651c08e51afc6b01b9ec8c609cba", "uid": "src-uid", "name": "Source", "role": "source", "parallelism": 1,
         "max_parallelism": 128, "key_type": null, "key_group_function": null,
         "states": [{"name": "source-positions", "kind": "operator-list", "value_type": "int64"}]},
        {"id": "b71731f1c0df9c3076c4a455334d0ad6", "uid": null, "name": "Count", "role": "process", "parallelism": 2,
         "max_parallelism": 128, "key_type": "string", "key_group_function": "java-hash/1", "states": []}],
        "edges": [{"from": "65eb651c08e51afc6b01b9ec8c609cba", "to": "b71731f1c0df9c3076c4a455334d0ad6", "input": 0,
                   "tag": null, "exchange": "hash"}]});
    assert_eq!(job_to_json(&job_from_json(&json).unwrap()), json);
    let mut newer = json;
    newer["description_version"] = json!(2);
    assert!(job_from_json(&newer).is_err());
}

#[test]
fn job_descriptions_of_flink_read_back() {
    spec!("JOB-2");
    let json = json!({"description_version": 1, "name": "", "operators": [
        {"id": "65eb651c08e51afc6b01b9ec8c609cba", "uid": null, "name": "", "role": "", "parallelism": 1,
         "max_parallelism": 128, "key_type": null, "key_group_function": null, "states": [
            {"name": "totals", "kind": "map", "key_type": "string", "map_key_type": "int32",
             "value_type": {"nullable": "int64"}, "ttl_unknown": true,
             "serializers": {"key": "string", "namespace": "void-namespace", "value": {"class": "map", "parts": [
                {"name": "key", "serializer": "int"},
                {"name": "value", "serializer": {"class": "ttl", "parts": [
                    {"name": "timestamp", "serializer": "long"}, {"name": "value", "serializer": "long"}]}}]}}}],
         "max_parallelism_set": true, "uid_hash": "b71731f1c0df9c3076c4a455334d0ad6"}],
        "edges": [], "engine": {"name": "flink", "version": "1.20.5"}, "backend": "rocksdb", "layout": "canonical"});
    let job = job_from_json(&json).unwrap();
    assert_eq!(job_to_json(&job), json);
    let short = json!({"description_version": 1, "engine": {"name": "flink"}, "operators": [
        {"uid": "counter", "parallelism": 200, "states": [
            {"name": "totals", "kind": "map", "ttl_unknown": true,
             "serializers": json["operators"][0]["states"][0]["serializers"]}]}]});
    let short = job_from_json(&short).unwrap();
    let [operator] = &short.operators[..] else { panic!("one operator") };
    assert_eq!(operator.id, alluvium_model::OperatorUid::new("counter").id());
    assert_eq!((operator.max_parallelism, operator.max_parallelism_set), (512, Some(false)));
    assert_eq!(operator.states, job.operators[0].states);
    assert_eq!(operator.serializers, job.operators[0].serializers);
}
