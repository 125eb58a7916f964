use super::*;
use crate::Error;

/// Streams that OpenJDK 17 wrote, by name.
fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let lines = include_str!("tests/streams.txt").lines();
    lines.map(|line| line.split_once(' ').unwrap()).map(|(name, hex)| (name, unhex(hex))).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn stream(name: &str) -> Graph {
    let (_, mut bytes) = streams().into_iter().find(|(found, _)| *found == name).unwrap();
    bytes.extend(b"behind");
    let mut input = Input::new(&bytes);
    let graph = read(&mut input).unwrap();
    assert_eq!(input.rest(), b"behind");
    graph
}

#[test]
fn an_object_keeps_its_fields_by_class_and_what_it_wrote_by_itself() {
    let graph = stream("leaf");
    let leaf = graph.root().as_object().unwrap();
    let (own, above) = ("Streams$Leaf", "Streams$Base");
    assert_eq!((leaf.class().name(), leaf.class().suid(), leaf.class().flags()), (own, 8, 3));
    assert_eq!(leaf.class().superclass().unwrap().name(), above);
    assert!(leaf.class().is(above) && !leaf.class().is("java.lang.Object"));
    assert_eq!(leaf.field(above, "s").unwrap().as_str(), Some("base"));
    assert_eq!(leaf.field(own, "s").unwrap().as_str(), Some("leaf"));
    assert_eq!(leaf.find("s").unwrap().as_str(), Some("leaf"));
    assert_eq!(leaf.find("a").unwrap().as_i64(), Some(1));
    assert_eq!(leaf.find("l").unwrap().as_i64(), Some(-2));
    assert_eq!(leaf.find("b").unwrap().as_i64(), Some(3));
    assert_eq!(leaf.find("h").unwrap().as_i64(), Some(4));
    assert_eq!(leaf.find("z").unwrap().as_bool(), Some(true));
    assert!(matches!(leaf.find("c"), Some(Value::Char(0x78))));
    assert!(matches!(leaf.find("f"), Some(Value::Float(1.5))));
    assert!(matches!(leaf.find("d"), Some(Value::Double(d)) if d == 0.0 && d.is_sign_negative()));
    assert_eq!(leaf.find("self").unwrap().as_object().unwrap().identity(), leaf.identity());
    assert_eq!(leaf.find("k").unwrap().as_class().unwrap().name(), own);
    assert_eq!(leaf.find("color").unwrap().as_enum().unwrap().name(), "RED");
    assert_eq!(leaf.find("bytes").unwrap().as_array().unwrap().bytes(), Some([9, 8].as_slice()));
    let ints = leaf.find("ints").unwrap().elements().unwrap();
    assert_eq!(ints.iter().map(|int| int.as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let deep = leaf.find("deep").unwrap().elements().unwrap();
    assert_eq!(deep[0].elements().unwrap()[0].as_str(), Some("p"));
    assert!(deep[1].is_null());
    assert!(leaf.find("missing").is_none());

    let block = leaf.block_data(own);
    assert_eq!(block.len(), 4 + 8 + 300);
    assert_eq!((block[3], block[11], block[12..].iter().map(|b| u64::from(*b)).sum::<u64>()), (5, 6, 33_586));
    assert_eq!(leaf.values(own).map(|value| value.as_str().unwrap()).collect::<Vec<_>>(), ["mid"]);
    assert!(matches!(leaf.annotation(own).next(), Some(Annotation::Block([0, 0, 0, 5]))));
    assert_eq!(leaf.fields().count(), 2 + leaf.class().fields().count());
    let field = leaf.class().fields().find(|field| field.name == "deep").unwrap();
    assert_eq!(field, Field { name: "deep", code: b'[', type_name: Some("[[Ljava/lang/String;") });
}

#[test]
fn an_externalizable_object_of_protocol_2_is_read_and_one_of_protocol_1_refused() {
    let graph = stream("ext");
    let ext = graph.root().as_object().unwrap();
    assert_eq!(ext.block_data("Streams$Ext"), [0, 0, 0, 77]);
    assert_eq!(ext.values("Streams$Ext").next().unwrap().as_str(), Some("ext"));
    let (_, mut bytes) = streams().into_iter().find(|(name, _)| *name == "ext").unwrap();
    let flags = bytes.iter().position(|byte| *byte == 0x0C).unwrap();
    bytes[flags] = 0x04;
    assert!(matches!(read(&mut Input::new(&bytes)), Err(Error::Unsupported { .. })));
}

#[test]
fn collections_of_the_jdk_give_their_elements() {
    let elements = |name: &str| -> Vec<String> {
        let graph = stream(name);
        let text = |value: &Value<'_>| match value.as_i64() {
            Some(number) => number.to_string(),
            None => value.as_str().unwrap_or("null").to_owned(),
        };
        graph.root().elements().unwrap().iter().map(text).collect()
    };
    assert_eq!(elements("array_list"), ["a", "1"]);
    assert_eq!(elements("unmodifiable"), ["a", "a"]);
    assert_eq!(elements("list_of"), ["1", "2", "3"]);
    assert_eq!(elements("arrays"), ["q"]);
    assert_eq!(elements("singleton"), ["4"]);
    assert!(elements("empty").is_empty());
    assert_eq!(elements("tree_set"), ["one", "two"]);
    assert_eq!(elements("hash_set"), ["h"]);
    assert_eq!(elements("linked_list"), ["z"]);
    assert_eq!(elements("deque"), ["z"]);
    assert_eq!(elements("nulls"), ["null", "x", "x"]);
    assert_eq!(elements("boxed"), ["1", "2", "3", "4"]);
    assert!(stream("leaf").root().elements().is_none());
}

#[test]
fn maps_of_the_jdk_give_their_entries() {
    for (name, wanted) in [("linked_map", 2), ("tree_map", 2), ("empty_map", 0), ("map_of", 1)] {
        let graph = stream(name);
        let entries = graph.root().entries().unwrap();
        assert_eq!(entries.len(), wanted, "{name}");
        assert!(entries.iter().all(|(key, _)| key.as_str().is_some()));
    }
    let graph = stream("enum_map");
    let entries = graph.root().entries().unwrap();
    assert_eq!((entries[0].0.as_enum().unwrap().name(), entries[0].1.as_str()), ("GREEN", Some("g")));
}

#[test]
fn lone_surrogates_and_proxies_survive() {
    let graph = stream("lone");
    assert!(matches!(graph.root(), Value::Utf16([0xD800, 0x21])));
    let graph = stream("proxy");
    let proxy = graph.root().as_object().unwrap();
    let interfaces: Vec<_> = proxy.class().interfaces().collect();
    assert_eq!(interfaces, ["java.lang.Runnable", "java.lang.Comparable"]);
    assert_eq!(proxy.find("h").unwrap().class_name(), Some("Streams$H"));
}

#[test]
fn a_stream_cut_anywhere_is_an_error_and_a_flipped_one_never_panics() {
    for (name, bytes) in streams() {
        for len in 0..bytes.len() {
            assert!(read(&mut Input::new(&bytes[..len])).is_err(), "{name} cut at {len}");
        }
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xFF] {
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                let _ = read(&mut Input::new(&flipped));
            }
        }
    }
}

#[test]
fn objects_within_objects_end_at_the_depth_limit_and_not_in_the_stack() {
    let open = unhex("757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000001");
    let again = unhex("7571007e000000000001");
    let nested = move |depth: usize| {
        let mut bytes = unhex("aced0005");
        bytes.extend(&open);
        for _ in 0..depth {
            bytes.extend(&again);
        }
        bytes.push(0x70);
        bytes
    };
    let run = move || {
        assert!(read(&mut Input::new(&nested(120))).is_ok());
        let refused = read(&mut Input::new(&nested(100_000)));
        assert!(matches!(refused, Err(Error::TooLarge { limit, .. }) if limit == DEPTH_MAX as u64));
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn an_array_that_claims_more_than_there_is_takes_no_memory() {
    let claims = unhex("aced0005757200025b4a782004b512b1759302000078707fffffff");
    assert!(matches!(read(&mut Input::new(&claims)), Err(Error::Truncated { .. })));
}

#[test]
fn what_is_no_object_is_refused() {
    for hex in ["aced0006", "aced000577017a", "aced000578", "aced00057b", "aced0005717e0000"] {
        assert!(read(&mut Input::new(&unhex(hex))).is_err(), "{hex}");
    }
    let null = unhex("aced00057970");
    assert!(read(&mut Input::new(&null)).unwrap().root().is_null());
}
