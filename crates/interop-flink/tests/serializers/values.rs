//! Values in canonical files, in heap-native files and in operator state.

use std::error::Error as _;

use alluvium_interop_flink::Result;
use alluvium_interop_flink::bytes::Input;
use alluvium_interop_flink::metadata::{DistributionMode, OperatorHandle};
use alluvium_interop_flink::serializer::Serializer;
use alluvium_model::ErrorKind;

use super::headers::{Header, State};
use super::tally::Tally;

/// Reads keyed state. Compressed data and what cannot be delimited is left out.
pub(crate) fn keyed(
    bytes: &[u8],
    header: &Header,
    offsets: &[i64],
    groups: u32,
    place: &str,
    tally: &mut Tally,
) {
    if header.compressed {
        return;
    }
    let prefix = if groups <= 128 { 1 } else { 2 };
    let starts: Vec<usize> = offsets.iter().filter_map(|offset| usize::try_from(*offset).ok()).collect();
    let starts: Vec<usize> = starts.into_iter().filter(|start| *start > 0).collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(bytes.len());
        let Some(group) = bytes.get(*start..end) else { continue };
        let canonical = canonical(group, header, prefix, None, place);
        let result = match canonical {
            Ok(()) => canonical_values(group, header, prefix, place, tally),
            Err(_) => heap(group, header, place, tally),
        };
        fail(result, place, tally);
    }
}

/// Notes an error, but for values that nobody can delimit.
fn fail(result: Result<()>, place: &str, tally: &mut Tally) {
    if let Err(error) = result
        && error.kind() != ErrorKind::Unsupported
    {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tally.failures.push(format!("{place}: {error}: {cause}"));
    }
}

fn canonical_values(
    group: &[u8],
    header: &Header,
    prefix: usize,
    place: &str,
    tally: &mut Tally,
) -> Result<()> {
    canonical(group, header, prefix, Some(tally), place)
}

/// Walks the framing of canonical entries, and reads them when there is a tally.
fn canonical(
    group: &[u8],
    header: &Header,
    prefix: usize,
    mut tally: Option<&mut Tally>,
    place: &str,
) -> Result<()> {
    let mut input = Input::new(group);
    let mut id = input.u16("state")?;
    loop {
        let state = header.states.get(usize::from(id));
        let state = state.ok_or_else(|| input.malformed("state", "a known one", id))?;
        let (key, value) = (input.bytes32("key")?, input.bytes32("value")?);
        let last = key.first().is_some_and(|first| first & 0x80 != 0);
        if key.len() < prefix {
            return Err(input.malformed("key", "a key group", key.len()));
        }
        if let Some(tally) = tally.as_deref_mut() {
            let place = format!("{place} state {}", state.name);
            entry(&key[prefix..], value, header, state, &place, tally).map_err(|e| e.within(place))?;
        }
        if last {
            id = input.u16("state")?;
            if id == 0xFFFF {
                break;
            }
        }
    }
    match input.is_empty() {
        true => Ok(()),
        false => Err(input.malformed("key group", "its end", input.left())),
    }
}

fn next(serializer: &Serializer, input: &mut Input<'_>, place: &str, tally: &mut Tally) -> Result<()> {
    let start = input.consumed();
    match serializer.decode_next(input) {
        Ok(cell) => tally.value(serializer, &cell, input.since(start), place),
        Err(error) => {
            tally.undecoded(serializer);
            return Err(error);
        }
    }
    Ok(())
}

fn whole(serializer: &Serializer, bytes: &[u8], place: &str, tally: &mut Tally) -> Result<()> {
    let cell = serializer.decode_whole(bytes)?;
    tally.value(serializer, &cell, bytes, place);
    Ok(())
}

fn entry(
    key: &[u8],
    value: &[u8],
    header: &Header,
    state: &State,
    place: &str,
    tally: &mut Tally,
) -> Result<()> {
    let mut rest = Input::new(key);
    let serializer = state.get("VALUE_SERIALIZER").unwrap();
    let (Some(namespace), Some(key)) = (state.get("NAMESPACE_SERIALIZER"), &header.key) else {
        return whole(serializer, rest.rest(), place, tally);
    };
    let ambiguous = key.fixed_length().is_none() && namespace.fixed_length().is_none();
    for part in [key, namespace] {
        let start = rest.consumed();
        next(part, &mut rest, place, tally)?;
        let mut length = rest.since(start).len();
        // Low byte first, as many as are needed, at least one.
        let mut more = ambiguous;
        while more {
            assert_eq!(rest.u8("length")?, (length & 0xFF) as u8, "{place}");
            length >>= 8;
            more = length > 0;
        }
    }
    let user_key = state.get("USER_KEY_SERIALIZER");
    if state.kind.ends_with("MAP") {
        let (user_key, user_value) = match user_key {
            Some(user_key) => (user_key, serializer),
            None => serializer.as_map().unwrap(),
        };
        whole(user_key, rest.rest(), place, tally)?;
        if value[0] == 0 {
            whole(user_value, &value[1..], place, tally)?;
        }
        return Ok(());
    }
    assert!(rest.is_empty(), "{place}");
    if state.kind.ends_with("LIST") {
        let element =
            serializer.as_list().filter(|_| state.kind != "KEY_VALUE_V2 LIST").unwrap_or(serializer);
        let mut elements = Input::new(value);
        if !element.is_self_delimiting() {
            tally.undecoded(element);
            return Ok(());
        }
        while !elements.is_empty() {
            next(element, &mut elements, place, tally)?;
            if !elements.is_empty() {
                elements.take(1, "delimiter")?;
            }
        }
        return Ok(());
    }
    whole(serializer, value, place, tally)
}

fn heap(group: &[u8], header: &Header, place: &str, tally: &mut Tally) -> Result<()> {
    let mut input = Input::new(group);
    input.i32("key group")?;
    for _ in 0..header.states.len() {
        let id = input.u16("state")?;
        let state = &header.states[usize::from(id)];
        let place = format!("{place} state {} (heap)", state.name);
        heap_state(&mut input, header, state, &place, tally).map_err(|error| error.within(place))?;
    }
    match input.is_empty() {
        true => Ok(()),
        false => Err(input.malformed("key group", "its end", input.left())),
    }
}

fn heap_state(
    i: &mut Input<'_>,
    header: &Header,
    state: &State,
    place: &str,
    tally: &mut Tally,
) -> Result<()> {
    let value = state.get("VALUE_SERIALIZER").unwrap();
    let Some(namespace) = state.get("NAMESPACE_SERIALIZER") else {
        for _ in 0..i.i32("entries")? {
            next(value, i, place, tally)?;
        }
        return Ok(());
    };
    let key = header.key.as_ref().unwrap();
    if header.version == 1 {
        if i.u8("present")? == 1 {
            for _ in 0..i.i32("namespaces")? {
                next(namespace, i, place, tally)?;
                for _ in 0..i.i32("entries")? {
                    next(key, i, place, tally)?;
                    next(value, i, place, tally)?;
                }
            }
        }
        return Ok(());
    }
    for _ in 0..i.i32("entries")? {
        next(namespace, i, place, tally)?;
        next(key, i, place, tally)?;
        match (state.kind.as_str(), state.get("USER_KEY_SERIALIZER")) {
            ("KEY_VALUE_V2 LIST", _) => {
                for _ in 0..i.i32("elements")? {
                    next(value, i, place, tally)?;
                }
            }
            ("KEY_VALUE_V2 MAP", Some(user_key)) => {
                for _ in 0..i.i32("entries")? {
                    next(user_key, i, place, tally)?;
                    if !i.bool("null")? {
                        next(value, i, place, tally)?;
                    }
                }
            }
            _ => next(value, i, place, tally)?,
        }
    }
    Ok(())
}

/// Reads operator state: one element at each offset, or a map at the only one.
pub(crate) fn operator(
    bytes: &[u8],
    header: &Header,
    handle: &OperatorHandle,
    place: &str,
    tally: &mut Tally,
) {
    if header.compressed {
        return;
    }
    let mut ends: Vec<i64> = handle.states.iter().flat_map(|state| state.offsets.clone()).collect();
    ends.push(bytes.len() as i64);
    ends.sort_unstable();
    for entry in &handle.states {
        let broadcast = entry.mode == DistributionMode::Broadcast;
        let wanted = |state: &&State| state.name == entry.name && (state.kind == "BROADCAST") == broadcast;
        let Some(state) = header.states.iter().find(wanted) else { continue };
        let place = format!("{place} state {}", state.name);
        let value = state.get("VALUE_SERIALIZER").unwrap();
        for offset in &entry.offsets {
            let end = ends.iter().find(|end| *end > offset).unwrap();
            let element = &bytes[*offset as usize..*end as usize];
            // An element may be followed by what nobody refers to: a state of the same name.
            let result = match state.get("KEY_SERIALIZER").filter(|_| broadcast) {
                Some(key) => map(element, key, value, &place, tally),
                None if value.is_self_delimiting() => next(value, &mut Input::new(element), &place, tally),
                None => whole(value, element, &place, tally),
            };
            fail(result, &place, tally);
        }
    }
}

fn map(bytes: &[u8], key: &Serializer, value: &Serializer, place: &str, tally: &mut Tally) -> Result<()> {
    let mut input = Input::new(bytes);
    for _ in 0..input.i32("entries")? {
        next(key, &mut input, place, tally)?;
        next(value, &mut input, place, tally)?;
    }
    Ok(())
}
