use alluvium_model::{KeyGroup, TimeDomain};

use super::*;
use crate::InMemory;
use crate::bytes::put_utf;
use crate::layout::canonical::{Frame, walk};
use crate::layout::feed::Feed;
use crate::layout::heap;
use crate::serializer::{Context, Form, SerializerSnapshot, read_snapshot};

const BASE: &str = "org.apache.flink.api.common.typeutils.base.";
const VOID: &str = "org.apache.flink.runtime.state.VoidNamespaceSerializer$VoidNamespaceSerializerSnapshot";

fn serializer(class: &str) -> Serializer {
    let mut bytes = Vec::new();
    put_utf(class, "class", &mut bytes).unwrap();
    bytes.extend([0, 0, 0, 3]);
    read_snapshot(&mut Input::new(&bytes), Form::Versioned, &Context::default()).unwrap().serializer
}

fn string() -> Serializer {
    serializer(&format!("{BASE}StringSerializer$StringSerializerSnapshot"))
}

fn long() -> Serializer {
    serializer(&format!("{BASE}LongSerializer$LongSerializerSnapshot"))
}

fn shape(kind: StateKind, key: Serializer, namespace: Serializer, value: Serializer) -> Shape {
    let map_key = (kind == StateKind::Map).then(string);
    Shape { name: "s".into(), kind, key, namespace, map_key, value: Some(value), ttl: false }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn print(entry: &Entry<'_>) -> String {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let value = entry.value.map_or("null".into(), text);
    format!(
        "{} {} {} {} {value}",
        text(entry.key),
        text(entry.namespace),
        text(entry.map_key),
        entry.position
    )
}

/// flink-format.md, 18.3: a key group with String keys and String namespaces.
const GROUP: &str = "0002 0000000E 01046B313804066E732D31380601 00000003 000277 \
    00000015 01046B313804066E732D31380608756B6E732D3138 00000004 00037576 \
    00000009 01046B313804010101 00000003 000277 0000000B 81046B3138040101037 56B \
    00000004 00037576 0000 0000000D 01046B313804066E732D313806 0000000C \
    0365312C0865326E732D3138 00000008 81046B3138040101 00000007 0365312C036532 0001 \
    0000000D 01046B313804066E732D313806 00000008 00000000000000C6 00000008 81046B3138040101 \
    00000008 00000000000000C6 FFFF";

#[test]
fn a_canonical_key_group_splits_into_rows() {
    let bytes = hex(GROUP);
    let shapes = [
        shape(StateKind::List, string(), string(), string()),
        shape(StateKind::Value, string(), string(), long()),
        shape(StateKind::Map, string(), string(), string()),
    ];
    let stream = InMemory::new("s", bytes.clone());
    let mut feed = Feed::plain(&stream, 0, bytes.len() as u64);
    let frame = Frame { group: KeyGroup(1), prefix: 1, states: 3 };
    let mut rows = Vec::new();
    walk(&mut feed, &frame, None, &mut |state, raw| {
        let shape = &shapes[usize::from(state)];
        shape.split(raw.key, raw.value, raw.offset, &mut |entry| rows.push(print(&entry))).unwrap();
    })
    .unwrap();
    let want = [
        "046b3138 066e732d3138 01 0 0277",
        "046b3138 066e732d3138 08756b6e732d3138 0 037576",
        "046b3138 01 01 0 0277",
        "046b3138 01 03756b 0 037576",
        "046b3138 066e732d3138  0 036531",
        "046b3138 066e732d3138  1 0865326e732d3138",
        "046b3138 01  0 036531",
        "046b3138 01  1 036532",
        "046b3138 066e732d3138  0 00000000000000c6",
        "046b3138 01  0 00000000000000c6",
    ];
    assert_eq!(rows, want);
}

/// flink-format.md, 19.3: key group 19 of 1.2, states 0 VALUE(Long) and 1 LIST(Long).
#[test]
fn a_heap_key_group_of_1_2_is_walked_by_namespace() {
    let bytes = hex("00000013 0000 01 00000001 00 00000001 066B65792D34 0000000000000001 \
         0001 01 00000001 00 00000001 066B65792D34 00000001 0000000000000018");
    let shapes = [
        shape(StateKind::Value, string(), serializer(VOID), long()),
        shape(StateKind::List, string(), serializer(VOID), long()),
    ];
    let mut input = Input::new(&bytes);
    heap::take_number(&mut input, KeyGroup(19)).unwrap();
    let mut rows = Vec::new();
    heap::walk(&mut input, &shapes, 1, None, &mut |id, entry| rows.push((id, print(&entry)))).unwrap();
    let row = |id, value: &str| (id, format!("066b65792d34 00  0 {value}"));
    assert_eq!(rows, [row(0, "0000000000000001"), row(1, "0000000000000018")]);
    assert!(input.is_empty());
}

#[test]
fn an_undecodable_value_ends_its_key_group_and_says_where() {
    let mut bytes = hex("0000 00000002 00");
    bytes.extend(hex("0000000000000007 0000000000000009 00 0000000000000008 FF"));
    let mut state = shape(StateKind::Value, long(), serializer(VOID), long());
    let mut rows = 0;
    let broken = heap::walk(&mut Input::at(&bytes, 100), &[state.clone()], 6, None, &mut |_, _| rows += 1);
    assert_eq!(rows, 1);
    let Err(Error::In { cause, .. }) = broken else { panic!("{broken:?}") };
    let Error::Undecodable { entry: 1, entries: 2, offset: 123, left: 10, .. } = *cause else {
        panic!("{cause}")
    };
    state.value = Some(Serializer::unknown("com.acme.Mine"));
    let opaque = heap::walk(&mut Input::new(&bytes), &[state], 6, None, &mut |_, _| {});
    assert_eq!(opaque.unwrap_err().kind(), alluvium_model::ErrorKind::Corrupt);
}

#[test]
fn half_a_list_is_not_given_out() {
    let bytes = hex("0000 00000001 00 0000000000000007 00000002 0000000000000001 00");
    let state = shape(StateKind::List, long(), serializer(VOID), long());
    let mut rows = 0;
    let broken = heap::walk(&mut Input::new(&bytes), &[state], 6, None, &mut |_, _| rows += 1);
    assert!(broken.is_err());
    assert_eq!(rows, 0);
}

#[test]
fn a_timer_has_its_time_first_and_flipped() {
    let shape = Shape {
        name: "_timer_state/event_x".into(),
        kind: StateKind::Timer(TimeDomain::Event),
        key: long(),
        namespace: serializer(VOID),
        map_key: None,
        value: None,
        ttl: false,
    };
    let key = hex("800000000001B968 000000000000000D 00");
    let mut rows = Vec::new();
    shape.split(&key, &[], 0, &mut |entry| rows.push((entry.position, print(&entry)))).unwrap();
    assert_eq!(rows, [(113_000, "000000000000000d 00  113000 null".to_owned())]);
}

#[test]
fn a_key_without_an_end_is_split_from_behind() {
    let unknown = Serializer::unknown("com.acme.Key");
    let mut state = shape(StateKind::Value, unknown.clone(), serializer(VOID), long());
    let mut rows = Vec::new();
    state.split(&[1, 2, 3, 0], &[0; 8], 0, &mut |entry| rows.push(print(&entry))).unwrap();
    assert_eq!(rows, ["010203 00  0 0000000000000000"]);
    state = shape(StateKind::Map, unknown, serializer(VOID), long());
    let mut whole = false;
    state.split(&[1, 2, 3, 0, 5], &[1], 0, &mut |entry| whole = entry.undivided).unwrap();
    assert!(whole);
}

#[test]
fn a_length_behind_a_key_is_low_byte_first() {
    for (length, want) in [(0, vec![0]), (1, vec![1]), (256, vec![0, 1]), (65_537, vec![1, 0, 1])] {
        assert!(take_length(length, &mut Input::new(&want)).is_ok(), "{length}");
        assert!(take_length(length + 1, &mut Input::new(&want)).is_err(), "{length}");
    }
}

#[test]
fn a_list_of_unknown_elements_is_kept_whole() {
    let element = SerializerSnapshot::unknown("com.acme.Mine", &[]).serializer;
    let state = shape(StateKind::List, long(), serializer(VOID), element);
    let mut rows = Vec::new();
    let key = hex("0000000000000001 00");
    state
        .split(&key, &[1, 2, 0x2C, 3], 0, &mut |entry| rows.push((entry.whole_list, print(&entry))))
        .unwrap();
    assert_eq!(rows, [(true, "0000000000000001 00  0 01022c03".to_owned())]);
}
