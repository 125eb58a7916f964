use std::collections::BTreeMap;

use alluvium_interop_flink::serializer::{Cell, Serializer};
use alluvium_model::Value;

use super::headers::Header;

/// What was found, per serializer.
#[derive(Default)]
pub(crate) struct Tally {
    serializers: BTreeMap<String, Counts>,
    types: BTreeMap<String, u64>,
    pub(crate) failures: Vec<String>,
}

#[derive(Default)]
struct Counts {
    snapshots: u64,
    typed: u64,
    raw: u64,
    opaque: u64,
    partly: u64,
}

impl Tally {
    pub(crate) fn header(&mut self, header: &Header) {
        let states = header.states.iter().flat_map(|state| &state.serializers).map(|(_, s)| s);
        for serializer in header.key.iter().chain(states) {
            self.serializers.entry(serializer.class().to_owned()).or_default().snapshots += 1;
            let ty = serializer.element_type();
            *self.types.entry(format!("{} {ty}", serializer.class())).or_default() += 1;
        }
    }

    /// Counts a value and checks that it encodes back.
    pub(crate) fn value(&mut self, serializer: &Serializer, cell: &Cell, bytes: &[u8], place: &str) {
        let counts = self.serializers.entry(serializer.class().to_owned()).or_default();
        match (&cell.value, &cell.raw) {
            (Value::Opaque { .. }, _) => counts.opaque += 1,
            (value, _) if has_opaque(value) => counts.partly += 1,
            (_, Some(_)) => counts.raw += 1,
            _ => counts.typed += 1,
        }
        let mut again = Vec::new();
        let encoded = serializer.encode(&cell.value, &mut again);
        let right = match &cell.raw {
            Some(raw) => raw == bytes && (encoded.is_err() || again != bytes),
            None => encoded.is_ok() && again == bytes,
        };
        if !right {
            self.failures
                .push(format!("{place}: {bytes:02x?} is {cell:?}, encoded {again:02x?}, {encoded:?}"));
        }
    }

    pub(crate) fn undecoded(&mut self, serializer: &Serializer) {
        self.serializers.entry(serializer.class().to_owned()).or_default().opaque += 1;
    }

    pub(crate) fn print(&self) {
        println!(
            "{:>9} {:>9} {:>6} {:>8} {:>8}  serializer",
            "snapshots", "typed", "raw", "partly", "opaque"
        );
        for (class, c) in &self.serializers {
            println!("{:9} {:9} {:6} {:8} {:8}  {class}", c.snapshots, c.typed, c.raw, c.partly, c.opaque);
        }
        for (ty, count) in &self.types {
            println!("{count:6} {ty}");
        }
        println!("{} failures", self.failures.len());
    }
}

fn has_opaque(value: &Value) -> bool {
    match value {
        Value::Opaque { .. } => true,
        Value::List(parts) | Value::Struct(parts) => parts.iter().any(has_opaque),
        Value::Map(entries) => entries.iter().any(|(key, value)| has_opaque(key) || has_opaque(value)),
        Value::Either(_, value) => has_opaque(value),
        _ => false,
    }
}
