//! Values of the truth against the JSON forms of `cat`.

use alluvium_model::{LogicalType, StateSchema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

/// How a value compares with its truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    /// It is the same.
    Same,
    /// It, or a part of it, is bytes of this serializer.
    Opaque(String),
    /// It is another one.
    Wrong(String),
}

impl Match {
    fn and(self, other: impl FnOnce() -> Match) -> Match {
        match self {
            Match::Wrong(what) => Match::Wrong(what),
            Match::Same => other(),
            Match::Opaque(serializer) => match other() {
                Match::Wrong(what) => Match::Wrong(what),
                _ => Match::Opaque(serializer),
            },
        }
    }
}

/// The types of a state's lines.
pub(crate) struct Types<'s> {
    schema: &'s StateSchema,
    any_order: bool,
}

impl<'s> Types<'s> {
    /// Takes the types of a state; `any_order` compares lists without their order.
    pub(crate) fn of(schema: &'s StateSchema, any_order: bool) -> Self {
        Types { schema, any_order }
    }

    /// Returns whether a line is that of an entry.
    pub(crate) fn same_place(&self, entry: &Json, line: &Map<String, Json>) -> bool {
        let part =
            |truth: &str, ours: &str, ty: Option<&LogicalType>| match (entry.get(truth), line.get(ours)) {
                (None, _) => true,
                (Some(truth), None) => truth.get("$void").is_some(),
                (Some(truth), Some(ours)) => compare_value(truth, ours, ty) == Match::Same,
            };
        part("key", "key", self.schema.key.as_ref())
            && part("namespace", "namespace", self.schema.namespace.as_ref())
            && part("user_key", "map_key", self.schema.map_key.as_ref())
            && part("timestamp", "timestamp", None)
    }

    /// Returns whether the key of a line is bytes.
    pub(crate) fn has_opaque_place(&self, line: &Map<String, Json>) -> bool {
        ["key", "namespace", "map_key"]
            .iter()
            .any(|part| line.get(*part).is_some_and(|v| opaque(v).is_some()))
    }

    /// Compares the value of a line and its time of last access.
    pub(crate) fn value(&self, entry: &Json, line: &Map<String, Json>) -> Match {
        let (Some(truth), Some(ours)) = (entry.get("value"), line.get("value")) else { return Match::Same };
        let element = self.schema.value.as_ref().map(|value| &value.ty);
        if self.schema.kind != alluvium_model::StateKind::List {
            return timed(truth, ours, line.get("last_access"), element);
        }
        let (Some(truth), Some(ours)) = (truth.as_array(), ours.as_array()) else {
            return wrong(truth, ours);
        };
        // The last element may be all that could not be told apart.
        if ours.len() < truth.len()
            && let Some(serializer) = ours.last().and_then(opaque)
        {
            return Match::Opaque(serializer);
        }
        let times = line.get("last_access").and_then(Json::as_array);
        let time = |i: usize| times.and_then(|times| times.get(i));
        if truth.len() != ours.len() {
            return Match::Wrong(format!("{} elements instead of {}", ours.len(), truth.len()));
        }
        if self.any_order {
            return unordered(truth, ours, element);
        }
        truth
            .iter()
            .zip(ours)
            .enumerate()
            .fold(Match::Same, |all, (i, (truth, ours))| all.and(|| timed(truth, ours, time(i), element)))
    }
}

/// Compares a value that may have a time of last access.
fn timed(truth: &Json, ours: &Json, time: Option<&Json>, ty: Option<&LogicalType>) -> Match {
    let Some(value) = truth.get("$ttl") else { return compare_value(truth, ours, ty) };
    if time != truth.get("last_access") {
        return Match::Wrong(format!("last access {time:?} instead of {}", truth["last_access"]));
    }
    compare_value(value, ours, ty)
}

fn opaque(ours: &Json) -> Option<String> {
    Some(ours.get("$opaque")?["serializer"].as_str().unwrap_or_default().to_owned())
}

fn wrong(truth: &impl std::fmt::Debug, ours: &impl std::fmt::Debug) -> Match {
    Match::Wrong(format!("{ours:?} instead of {truth:?}"))
}

fn same_if(same: bool, truth: &Json, ours: &Json) -> Match {
    if same { Match::Same } else { Match::Wrong(format!("{ours} instead of {truth}")) }
}

/// Compares one value.
pub(crate) fn compare_value(truth: &Json, ours: &Json, ty: Option<&LogicalType>) -> Match {
    if let Some(serializer) = opaque(ours) {
        return Match::Opaque(serializer);
    }
    match truth {
        Json::Object(object) => tagged(truth, object, ours, ty),
        Json::Array(items) => match ours {
            Json::Array(found) if found.len() == items.len() => match ty {
                Some(LogicalType::Set(element)) => unordered(items, found, Some(element)),
                _ => {
                    let element = match ty {
                        Some(LogicalType::List(element)) => Some(&element.ty),
                        _ => None,
                    };
                    let pairs = items.iter().zip(found);
                    pairs.fold(Match::Same, |all, (t, o)| all.and(|| compare_value(t, o, element)))
                }
            },
            Json::String(text) => same_if(signed_bytes(items) == STANDARD.decode(text).ok(), truth, ours),
            _ => wrong(truth, ours),
        },
        Json::Number(number) => {
            let exact = ours == truth;
            let close =
                number.as_f64().zip(ours.as_f64()).is_some_and(|(a, b)| a == b || a as f32 == b as f32);
            let float = !matches!(ty, Some(LogicalType::Int64 | LogicalType::Int32));
            let decimal = ours.as_str().is_some_and(|text| text == number.to_string());
            same_if(exact || (close && float) || decimal, truth, ours)
        }
        _ => same_if(truth == ours, truth, ours),
    }
}

fn signed_bytes(items: &[Json]) -> Option<Vec<u8>> {
    items.iter().map(|item| i8::try_from(item.as_i64()?).ok().map(i8::cast_unsigned)).collect()
}

fn unordered(truth: &[Json], ours: &[Json], ty: Option<&LogicalType>) -> Match {
    let mut left: Vec<&Json> = ours.iter().collect();
    let mut all = Match::Same;
    for item in truth {
        let found = left.iter().position(|ours| !matches!(compare_value(item, ours, ty), Match::Wrong(_)));
        let Some(at) = found else { return Match::Wrong(format!("{item} is missing among {left:?}")) };
        let ours = left.swap_remove(at);
        all = all.and(|| compare_value(item, ours, ty));
    }
    all
}

fn tagged(truth: &Json, object: &Map<String, Json>, ours: &Json, ty: Option<&LogicalType>) -> Match {
    let text = |name: &str| object.get(name).and_then(Json::as_str);
    let number = |name: &str| object.get(name).and_then(Json::as_i64);
    let Some(tag) = object.keys().find(|key| key.starts_with('$')) else { return wrong(truth, ours) };
    match tag.as_str() {
        "$bigint" => same_if(ours.as_str() == text("$bigint"), truth, ours),
        "$decimal" => same_if(decimal(ours.as_str()) == decimal(text("$decimal")), truth, ours),
        "$char" => same_if(unit(ours) == number("$char"), truth, ours),
        "$instant" | "$date" | "$time" | "$datetime" => {
            same_if(moment(ours.as_str()) == moment(text(tag)), truth, ours)
        }
        "$date_ms" | "$sqldate_ms" | "$sqltime_ms" => {
            let ms = number(tag).unwrap_or_default();
            same_if(
                moment(ours.as_str()) == moment(Some(&iso(ms, ms.rem_euclid(1000) * 1_000_000))),
                truth,
                ours,
            )
        }
        "$sqltimestamp_ms" => {
            let wanted = iso(number(tag).unwrap_or_default(), number("nanos").unwrap_or_default());
            same_if(moment(ours.as_str()) == moment(Some(&wanted)), truth, ours)
        }
        "$timestamp_ms" => {
            let ms = number(tag).unwrap_or_default();
            let nanos = ms.rem_euclid(1000) * 1_000_000 + number("nanos_of_ms").unwrap_or_default();
            same_if(moment(ours.as_str()) == moment(Some(&iso(ms, nanos))), truth, ours)
        }
        "$bytes" => {
            same_if(ours.as_str().and_then(|text| STANDARD.decode(text).ok()) == hex(text(tag)), truth, ours)
        }
        "$utf16" => {
            same_if(ours.get("$utf16") == object.get(tag) || utf16(ours) == hex(text(tag)), truth, ours)
        }
        "$double" | "$float" => same_if(bits(ours, tag) == text("bits").map(str::to_owned), truth, ours),
        "$map" => match (object[tag].as_array(), ours.as_array()) {
            (Some(truth), Some(ours)) if truth.len() == ours.len() => unordered(truth, ours, None),
            _ => wrong(truth, ours),
        },
        "$tuple" | "$row" | "$rowdata" => positional(truth, &object[tag], object.get("kind"), ours, ty),
        "$left" | "$right" => match ours.get(&tag[1..]) {
            Some(value) => compare_value(&object[tag], value, None),
            None => wrong(truth, ours),
        },
        "$enum" => same_if(ours.as_str() == text(tag) || ours.as_i64() == number("ordinal"), truth, ours),
        "$pojo" => pojo(truth, &object["fields"], ours, ty),
        "$record" => {
            let value = ours.get("value").unwrap_or(&Json::Null);
            compare_value(&object[tag], value, None)
                .and(|| same_if(ours.get("timestamp") == object.get("ts"), truth, ours))
        }
        "$window" => {
            let found = (&ours["start"], &ours["end"]);
            same_if(found == (&object[tag][0], &object[tag][1]), truth, ours)
        }
        "$global_window" => same_if(ours.as_str() == Some("GlobalWindow"), truth, ours),
        "$optional" => match ours {
            Json::Null => same_if(object[tag].is_null(), truth, ours),
            ours => compare_value(&object[tag], ours, None),
        },
        _ => wrong(truth, ours),
    }
}

/// Compares fields by position, and the kind of a row.
fn positional(
    truth: &Json,
    fields: &Json,
    kind: Option<&Json>,
    ours: &Json,
    ty: Option<&LogicalType>,
) -> Match {
    let (Some(fields), Some(found)) = (fields.as_array(), ours.as_object()) else {
        return wrong(truth, ours);
    };
    let kinds = [("+I", "INSERT"), ("-U", "UPDATE_BEFORE"), ("+U", "UPDATE_AFTER"), ("-D", "DELETE")];
    let wanted = kind.and_then(Json::as_str).unwrap_or("+I");
    let given = found.get("$kind").and_then(Json::as_str).unwrap_or("INSERT");
    if !kinds.contains(&(wanted, given)) {
        return Match::Wrong(format!("row kind {given} instead of {wanted}"));
    }
    let values: Vec<&Json> =
        found.iter().filter(|(name, _)| *name != "$kind").map(|(_, value)| value).collect();
    if values.len() != fields.len() {
        return wrong(truth, ours);
    }
    let types = |i: usize| match ty {
        Some(LogicalType::Tuple(types)) => types.get(i).map(|t| &t.ty),
        _ => None,
    };
    fields
        .iter()
        .zip(values)
        .enumerate()
        .fold(Match::Same, |all, (i, (truth, ours))| all.and(|| compare_value(truth, ours, types(i))))
}

/// Compares the fields of an object by name. Fields that the truth lacks belong to other subclasses.
fn pojo(truth: &Json, fields: &Json, ours: &Json, ty: Option<&LogicalType>) -> Match {
    let (Some(fields), Some(found)) = (fields.as_object(), ours.as_object()) else {
        return wrong(truth, ours);
    };
    let names = |a: &str, b: &str| fields.len() == 2 && fields.contains_key(a) && fields.contains_key(b);
    if names("element", "hasBeenJoined") && found.contains_key("f0") {
        let joined = compare_value(&fields["hasBeenJoined"], &found["f0"], None);
        return joined.and(|| compare_value(&fields["element"], &found["f1"], None));
    }
    if names("one", "two") {
        let side = |name: &str, side: &str| match found.get(side) {
            Some(value) => compare_value(&fields[name], value, None),
            None => same_if(fields[name].is_null(), truth, ours),
        };
        return side("one", "left").and(|| side("two", "right"));
    }
    let types = |name: &str| match ty {
        Some(LogicalType::Struct(ty)) => ty.fields.iter().find(|f| f.name == name).map(|f| &f.ty.ty),
        _ => None,
    };
    let mut all = Match::Same;
    for (name, value) in fields {
        let Some(ours) = found.get(name) else {
            return Match::Wrong(format!("field {name} is missing in {ours}"));
        };
        all = all.and(|| compare_value(value, ours, types(name)));
    }
    all
}

fn unit(ours: &Json) -> Option<i64> {
    match ours.as_str() {
        Some(text) => text.encode_utf16().next().map(i64::from),
        None => i64::from_str_radix(ours.get("$utf16")?.as_str()?, 16).ok(),
    }
}

fn utf16(ours: &Json) -> Option<Vec<u8>> {
    Some(ours.as_str()?.encode_utf16().flat_map(u16::to_be_bytes).collect())
}

fn bits(ours: &Json, tag: &str) -> Option<String> {
    let value = match ours.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => ours.as_f64()?,
    };
    Some(match tag {
        "$float" => format!("{:08x}", (value as f32).to_bits()),
        _ => format!("{:016x}", value.to_bits()),
    })
}

fn hex(text: Option<&str>) -> Option<Vec<u8>> {
    let text = text?;
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

/// Returns a decimal's digits and the power of ten behind them, its scale kept.
fn decimal(text: Option<&str>) -> Option<(String, i64)> {
    let text = text?;
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let negative = digits.starts_with('-');
    let digits = digits.trim_start_matches(['-', '+']).trim_start_matches('0');
    let mut digits = digits.to_owned();
    let mut scale = exponent - fraction.len() as i64;
    // A positive power is written out by some.
    while scale > 0 && !digits.is_empty() {
        digits.push('0');
        scale -= 1;
    }
    let sign = if negative && !digits.is_empty() { "-" } else { "" };
    Some((format!("{sign}{digits}"), scale.min(0)))
}

/// Returns a date or time without the parts that are written or left out at will.
fn moment(text: Option<&str>) -> Option<String> {
    let text = text?.trim_end_matches('Z');
    let text = match text.split_once('.') {
        Some((head, fraction)) if !fraction.trim_end_matches('0').is_empty() => {
            return Some(format!("{head}.{}", fraction.trim_end_matches('0')));
        }
        Some((head, _)) => head,
        None => text,
    };
    let short = text.split('T').next_back().is_some_and(|time| time.matches(':').count() == 1);
    Some(if short { format!("{text}:00") } else { text.to_owned() })
}

/// Prints milliseconds since 1970, with the nanoseconds of their second.
fn iso(ms: i64, nanos: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}")
}
