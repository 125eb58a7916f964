//! What Flink makes of an old serializer under a new one.
//!
//! | serializer | rule | in Flink |
//! |---|---|---|
//! | without parts | the same class, as is; else incompatible | `SimpleTypeSerializerSnapshot` |
//! | with parts | the same class and number of parts; the worst of the parts | `CompositeTypeSerializerSnapshot` |
//! | POJO | the same class; fields added or removed migrate, others by name; subclasses registered otherwise reconfigure | `PojoSerializerSnapshot` |
//! | enum | constants added or moved reconfigure; a removed one fails the restore | `EnumSerializer.EnumSerializerSnapshot` |
//! | Avro | an equal schema as is; one that Avro can resolve migrates | `AvroSerializerSnapshot` |
//! | Kryo | the same class; classes registered otherwise reconfigure; Kryo 2 is unreadable for Kryo 5 | `KryoSerializerSnapshot` |
//! | of the job's own | the same class, as is; it alone knows whether it reads another version of itself | `TypeSerializerSnapshot` |
//! | row of SQL | equal types, then the parts | `RowDataSerializer.RowDataSerializerSnapshot` |
//! | time to live on or off | migrates from 2.0; incompatible before | `TtlAwareSerializer`, `TtlStateFactory.TtlSerializer` |

use alluvium_model::evolution::Outcome;
use alluvium_model::serializer::{Part, SerializerTree};

use super::avro;

/// What the rules depend on beside the serializers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Engines {
    /// Version of Kryo of the side that wrote.
    pub(crate) old_kryo: Option<u64>,
    /// Version of Kryo of the side that restores.
    pub(crate) new_kryo: Option<u64>,
    /// Whether a time to live may be switched on or off.
    pub(crate) ttl_migration: bool,
}

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Of types, classes, fields.
    Type,
    /// A field is gone, and its values with it.
    FieldRemoved,
    /// A time to live was switched on or off.
    Ttl,
    /// Kryo 2 wrote what Kryo 5 is to read.
    Kryo,
    /// The same class of values has another serializer, or one has a serializer of the job's own.
    Serializer,
    /// A serializer of the job's own says another version.
    Own,
}

/// A difference of two serializers.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) outcome: Outcome,
    pub(crate) seen: Seen,
}

/// What Flink makes of a serializer, and why.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) outcome: Outcome,
    pub(crate) differences: Vec<Difference>,
}

/// Compares an old serializer with a new one.
pub(crate) fn resolve(path: &str, old: &SerializerTree, new: &SerializerTree, engines: Engines) -> Resolved {
    let mut resolver = Resolver { engines, differences: Vec::new() };
    let outcome = resolver.tree(path, old, new);
    Resolved { outcome, differences: resolver.differences }
}

/// What paths call the keys of a map, whatever a description calls them.
pub(super) const MAP_KEY: &str = "key";

struct Resolver {
    engines: Engines,
    differences: Vec<Difference>,
}

impl Resolver {
    fn push(&mut self, path: &str, outcome: Outcome, seen: Seen, text: impl Into<String>) -> Outcome {
        self.differences.push(Difference { path: path.to_owned(), text: text.into(), outcome, seen });
        outcome
    }

    fn incompatible(&mut self, path: &str, text: impl Into<String>) -> Outcome {
        self.push(path, Outcome::Incompatible, Seen::Type, text)
    }

    fn tree(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        if old.is_ttl() != new.is_ttl() {
            return self.ttl(path, old, new);
        }
        if class(old) != class(new) {
            let same_values = old.type_class.is_some() && old.type_class == new.type_class;
            let seen = if same_values || is_own(old) || is_own(new) { Seen::Serializer } else { Seen::Type };
            let text = format!("{}, was {}", label(new), label(old));
            return self.push(path, Outcome::Incompatible, seen, text);
        }
        if let (true, Some(before), Some(now)) = (is_own(new), old.version, new.version)
            && before != now
        {
            let text = format!("{} of version {now}, was {before}", label(new));
            self.push(path, Outcome::AsIs, Seen::Own, text);
        }
        match old.name() {
            "pojo" => self.pojo(path, old, new),
            "enum" => self.symbols(path, old, new),
            "avro" => self.avro(path, old, new),
            "kryo" => self.kryo(path, old, new),
            _ => self.composite(path, old, new),
        }
    }

    fn ttl(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        let text = if new.is_ttl() { "a time to live, had none" } else { "no time to live, had one" };
        if !self.engines.ttl_migration {
            return self.push(path, Outcome::Incompatible, Seen::Ttl, text);
        }
        self.push(path, Outcome::AfterMigration, Seen::Ttl, text);
        self.tree(path, old.without_ttl(), new.without_ttl()).max(Outcome::AfterMigration)
    }

    fn composite(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        if is_fixed_type(old.name()) && old.type_class != new.type_class {
            return self.incompatible(path, format!("{}, was {}", label(new), label(old)));
        }
        for fact in ["types", "padding", "precision", "scale"] {
            if old.facts.get(fact) != new.facts.get(fact) {
                let print = |tree: &SerializerTree| {
                    tree.facts.get(fact).map_or_else(|| "none".into(), ToString::to_string)
                };
                return self.incompatible(path, format!("{fact} {}, were {}", print(new), print(old)));
            }
        }
        if old.symbols.iter().any(|symbol| !new.symbols.contains(symbol)) {
            return self.incompatible(path, "constants are gone");
        }
        if old.parts.len() != new.parts.len() {
            let text = format!("{} parts of {}, were {}", new.parts.len(), short(new), old.parts.len());
            return self.incompatible(path, text);
        }
        let is_map = old.name() == "map";
        let mut worst = Outcome::AsIs;
        for (index, (old, new)) in old.parts.iter().zip(&new.parts).enumerate() {
            let name = match index {
                0 if is_map => MAP_KEY,
                1 if is_map => "value",
                _ => &new.name,
            };
            worst = worst.max(self.part(&format!("{path}.{name}"), old, new));
        }
        worst
    }

    fn part(&mut self, path: &str, old: &Part, new: &Part) -> Outcome {
        match (&old.serializer, &new.serializer) {
            (Some(old), Some(new)) => self.tree(path, old, new),
            _ => Outcome::AsIs,
        }
    }

    fn pojo(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        if old.type_class != new.type_class {
            return self.incompatible(path, format!("{}, was {}", label(new), label(old)));
        }
        let mut worst = Outcome::AsIs;
        for field in &old.parts {
            let path = format!("{path}.{}", field.name);
            worst = worst.max(match named(&new.parts, &field.name) {
                Some(other) => self.part(&path, field, other),
                None => self.push(&path, Outcome::AfterMigration, Seen::FieldRemoved, "a field that is gone"),
            });
        }
        for field in new.parts.iter().filter(|field| named(&old.parts, &field.name).is_none()) {
            let path = format!("{path}.{}", field.name);
            worst = worst.max(self.push(
                &path,
                Outcome::AfterMigration,
                Seen::Type,
                "a new field, empty in old objects",
            ));
        }
        for subclass in &old.registered {
            let path = format!("{path}<{}>", subclass.name);
            if let Some(other) = named(&new.registered, &subclass.name) {
                worst = worst.max(self.part(&path, subclass, other));
            }
        }
        worst = worst.max(self.registrations(path, old, new));
        // The restored serializer is told of the subclasses that only the old one has met.
        if old.subclasses.is_empty() { worst } else { worst.max(Outcome::Reconfigured) }
    }

    /// Classes registered before must be the first ones now, in the same order.
    fn registrations(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        let names =
            |tree: &SerializerTree| tree.registered.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        if names(new).starts_with(&names(old)) {
            return Outcome::AsIs;
        }
        self.push(
            path,
            Outcome::Reconfigured,
            Seen::Type,
            "classes registered in another order, or no longer",
        )
    }

    fn symbols(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        if old.type_class != new.type_class {
            return self.incompatible(path, format!("{}, was {}", label(new), label(old)));
        }
        let gone: Vec<&str> =
            old.symbols.iter().filter(|s| !new.symbols.contains(s)).map(String::as_str).collect();
        if !gone.is_empty() {
            return self.incompatible(path, format!("the constants {} are gone", gone.join(", ")));
        }
        if old.symbols == new.symbols {
            return Outcome::AsIs;
        }
        self.push(path, Outcome::Reconfigured, Seen::Type, "constants added or moved")
    }

    fn avro(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        let (Some(writer), Some(reader)) = (&old.schema, &new.schema) else { return Outcome::AsIs };
        match avro::resolve(writer, reader) {
            avro::Answer::Equal => Outcome::AsIs,
            avro::Answer::Readable => self.push(
                path,
                Outcome::AfterMigration,
                Seen::Type,
                "another Avro schema, which reads the old one",
            ),
            avro::Answer::Unreadable(why) => {
                self.incompatible(path, format!("an Avro schema that cannot read the old one: {why}"))
            }
        }
    }

    fn kryo(&mut self, path: &str, old: &SerializerTree, new: &SerializerTree) -> Outcome {
        if old.type_class != new.type_class {
            return self.incompatible(path, format!("{}, was {}", label(new), label(old)));
        }
        let fact = |tree: &SerializerTree| tree.facts.get("kryo").and_then(serde_json::Value::as_u64);
        let before = fact(old).or(self.engines.old_kryo);
        let now = self.engines.new_kryo.or_else(|| fact(new));
        if let (Some(before), Some(now)) = (before, now)
            && before != now
        {
            let text = format!("{} written by Kryo {before}, read by Kryo {now}", label(old));
            return self.push(path, Outcome::Incompatible, Seen::Kryo, text);
        }
        self.registrations(path, old, new)
    }
}

fn named<'p>(parts: &'p [Part], name: &str) -> Option<&'p Part> {
    parts.iter().find(|part| part.name == name)
}

/// Serializers whose values' class must stay although their own class says nothing of it. Tuples take
/// any class of as many parts.
fn is_fixed_type(name: &str) -> bool {
    name == "array"
        || name.ends_with(".ValueSerializer")
        || name.ends_with(".WritableSerializer")
        || name.ends_with(".CopyableValueSerializer")
        || name.ends_with(".ScalaEnumSerializer")
}

/// Returns whether a serializer is of the job's own: its code says what it reads.
fn is_own(tree: &SerializerTree) -> bool {
    !tree.class.starts_with("org.apache.flink.") && tree.class.contains('.')
}

/// Returns the class as Flink of today names it: some were moved.
fn class(tree: &SerializerTree) -> &str {
    match tree.class.as_str() {
        "org.apache.flink.api.java.typeutils.runtime.JavaEitherSerializer" => {
            "org.apache.flink.api.java.typeutils.runtime.EitherSerializer"
        }
        "org.apache.flink.queryablestate.client.VoidNamespaceSerializer" => {
            "org.apache.flink.runtime.state.VoidNamespaceSerializer"
        }
        "org.apache.flink.runtime.state.ArrayListSerializer" => {
            "org.apache.flink.api.common.typeutils.base.ListSerializer"
        }
        "org.apache.flink.runtime.state.v2.ttl.TtlStateFactory$TtlSerializer" => {
            "org.apache.flink.runtime.state.ttl.TtlStateFactory$TtlSerializer"
        }
        "org.apache.flink.streaming.api.functions.sink.legacy.TwoPhaseCommitSinkFunction$StateSerializer" => {
            "org.apache.flink.streaming.api.functions.sink.TwoPhaseCommitSinkFunction$StateSerializer"
        }
        class => class,
    }
}

/// Returns what people call a serializer.
pub(crate) fn label(tree: &SerializerTree) -> String {
    match &tree.type_class {
        Some(ty) => format!("{}<{ty}>", short(tree)),
        None => short(tree).to_owned(),
    }
}

fn short(tree: &SerializerTree) -> &str {
    let name = tree.name();
    name.rsplit('.').next().unwrap_or(name)
}
