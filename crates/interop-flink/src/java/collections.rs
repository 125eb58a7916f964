//! Lists, sets and maps of the JDK as they lie in streams.

use super::{Object, Value};

/// Wrappers that hold a collection or a map in a field: class, field.
const WRAPPERS: [(&str, &str); 7] = [
    ("java.util.Collections$UnmodifiableCollection", "c"),
    ("java.util.Collections$SynchronizedCollection", "c"),
    ("java.util.Collections$CheckedCollection", "c"),
    ("java.util.Arrays$ArrayList", "a"),
    ("java.util.Collections$SetFromMap", "m"),
    ("java.util.Collections$UnmodifiableMap", "m"),
    ("java.util.Collections$SynchronizedMap", "m"),
];

/// Collections that write their size, then their elements, as annotation.
const COLLECTIONS: [&str; 8] = [
    "java.util.ArrayList",
    "java.util.LinkedList",
    "java.util.ArrayDeque",
    "java.util.HashSet",
    "java.util.TreeSet",
    "java.util.PriorityQueue",
    "java.util.CollSer",
    "java.util.concurrent.CopyOnWriteArrayList",
];

/// Maps that write keys and values in turn as annotation.
const MAPS: [&str; 5] = [
    "java.util.HashMap",
    "java.util.TreeMap",
    "java.util.Hashtable",
    "java.util.IdentityHashMap",
    "java.util.CollSer",
];

/// Wrappers around wrappers that are looked through.
const WRAPPERS_MAX: usize = 16;

impl<'g> Value<'g> {
    /// Returns the elements of an array, or of a list, set or queue of the JDK; none for anything
    /// else.
    pub fn elements(self) -> Option<Vec<Value<'g>>> {
        match self.unwrapped() {
            Value::Array(array) => Some(array.iter().collect()),
            Value::Object(object) => elements(object),
            _ => None,
        }
    }

    /// Returns the entries of a map of the JDK; none for anything else.
    pub fn entries(self) -> Option<Vec<(Value<'g>, Value<'g>)>> {
        let Value::Object(object) = self.unwrapped() else { return None };
        match object.class().name() {
            "java.util.Collections$EmptyMap" => return Some(Vec::new()),
            name @ "java.util.Collections$SingletonMap" => {
                return Some(vec![(object.field(name, "k")?, object.field(name, "v")?)]);
            }
            name @ "java.util.EnumMap" => return pairs(object, name),
            _ => {}
        }
        MAPS.iter().find(|name| object.class().is(name)).and_then(|name| pairs(object, name))
    }

    /// Looks through wrappers such as `Collections.unmodifiableList`.
    fn unwrapped(self) -> Self {
        let mut value = self;
        for _ in 0..WRAPPERS_MAX {
            let inner = value
                .as_object()
                .and_then(|object| WRAPPERS.iter().find_map(|(class, field)| object.field(class, field)));
            match inner {
                Some(inner) => value = inner,
                None => break,
            }
        }
        value
    }
}

fn elements(object: Object<'_>) -> Option<Vec<Value<'_>>> {
    match object.class().name() {
        "java.util.Collections$EmptyList" | "java.util.Collections$EmptySet" => return Some(Vec::new()),
        name @ ("java.util.Collections$SingletonList" | "java.util.Collections$SingletonSet") => {
            return Some(vec![object.field(name, "element")?]);
        }
        _ => {}
    }
    let name = COLLECTIONS.iter().find(|name| object.class().is(name))?;
    // A tree set writes its comparator first.
    let before = usize::from(*name == "java.util.TreeSet");
    Some(object.values(name).skip(before).collect())
}

fn pairs<'g>(object: Object<'g>, class: &str) -> Option<Vec<(Value<'g>, Value<'g>)>> {
    let mut values = object.values(class);
    let mut pairs = Vec::new();
    while let Some(key) = values.next() {
        pairs.push((key, values.next()?));
    }
    Some(pairs)
}
