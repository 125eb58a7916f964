use super::*;
use crate::serializer::Context;

const LONG: &str = "org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot";

fn put(text: &str, out: &mut Vec<u8>) {
    crate::bytes::put_utf(text, "test", out).unwrap();
}

fn proxy(class: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.extend([0, 0, 0, 2]);
    put(class, out);
    out.extend([0, 0, 0, 3]);
    out.extend(payload);
}

/// A header of version 6 with a value state of each class.
fn header(classes: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 6, 0];
    proxy(LONG, &[], &mut out);
    out.extend((classes.len() as u16).to_be_bytes());
    for (i, (class, payload)) in classes.iter().enumerate() {
        put(&format!("state-{i}"), &mut out);
        out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        put("KEYED_STATE_TYPE", &mut out);
        put("VALUE", &mut out);
        out.extend([0, 0, 0, 2]);
        put("VALUE_SERIALIZER", &mut out);
        proxy(class, payload, &mut out);
        put("NAMESPACE_SERIALIZER", &mut out);
        proxy(LONG, &[], &mut out);
    }
    out
}

#[test]
fn an_unknown_class_does_not_hide_the_states_behind_it() {
    let bytes =
        header(&[(LONG, &[]), ("com.acme.Mine", &[0, 5, 1, 2, 3]), (LONG, &[]), ("com.acme.Other", &[])]);
    let header = KeyedHeader::read(&bytes, &Context::default()).unwrap();
    let names: Vec<_> = header.states.iter().map(|state| state.name.as_str()).collect();
    assert_eq!(names, ["state-0", "state-1", "state-2", "state-3"]);
    let class = |i: usize| header.states[i].value.as_ref().unwrap().serializer.class().to_owned();
    assert_eq!((class(1), class(3)), ("com.acme.Mine".into(), "com.acme.Other".into()));
    assert!(header.states[2].namespace.is_some());
}

#[test]
fn a_header_cut_anywhere_is_an_error_or_has_fewer_bytes() {
    let bytes = header(&[(LONG, &[]), (LONG, &[])]);
    for len in 0..bytes.len() {
        assert!(KeyedHeader::read(&bytes[..len], &Context::default()).is_err(), "{len}");
    }
    assert_eq!(KeyedHeader::read(&bytes, &Context::default()).unwrap().length, bytes.len() as u64);
}
