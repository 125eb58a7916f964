//! Types of rows in a plan, printed as savepoints of Flink have them.
//!
//! A plan prints a type as text where the text says everything, else as an object, as for attributes of
//! time. Types that neither of both tells completely are none, and so is what they are part of.
//!
//! Source: `LogicalTypeJsonSerializer`, `LogicalType#asSerializableString`. Attributes of time equal
//! other timestamps of their precision (`TimestampType#equals`).

use serde_json::Value as Json;

/// A type of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    /// Its text without nullability.
    pub(super) name: String,
    /// Whether it may be null.
    pub(super) nullable: bool,
    /// Whether it is an attribute of processing time.
    pub(super) processing_time: bool,
}

/// The types of the fields of a row, as far as they are known.
pub(super) type Row = Vec<Option<Type>>;

impl Type {
    fn new(name: impl Into<String>, nullable: bool) -> Self {
        Type { name: name.into(), nullable, processing_time: false }
    }

    /// Returns the text with nullability.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.name, if self.nullable { "" } else { " NOT NULL" })
    }
}

/// Returns the fields of a row; none for what is no row.
pub(super) fn row(json: &Json) -> Option<Row> {
    if let Some(text) = json.as_str() {
        let inner = text.strip_suffix(" NOT NULL").unwrap_or(text).strip_prefix("ROW<")?.strip_suffix('>')?;
        return Some(split(inner).into_iter().map(|field| named(field, 0).map(|(_, ty)| ty)).collect());
    }
    let fields = json.get("fields").filter(|_| json["type"] == "ROW")?.as_array()?;
    Some(fields.iter().map(|field| of_json(field.get("fieldType")?, 0)).collect())
}

/// Reads a type.
pub(super) fn ty(json: &Json) -> Option<Type> {
    of_json(json, 0)
}

/// Deepest nesting of types.
const DEPTH_MAX: usize = 32;

fn of_json(json: &Json, depth: usize) -> Option<Type> {
    if let Some(text) = json.as_str() {
        return of_text(text, depth);
    }
    if depth >= DEPTH_MAX {
        return None;
    }
    let inner = |member: &str| of_json(json.get(member)?, depth + 1).map(|ty| ty.text());
    let name = match json.get("type")?.as_str()? {
        "TIMESTAMP_WITHOUT_TIME_ZONE" => format!("TIMESTAMP({})", json.get("precision")?.as_u64()?),
        "TIMESTAMP_WITH_LOCAL_TIME_ZONE" => format!("TIMESTAMP_LTZ({})", json.get("precision")?.as_u64()?),
        collection @ ("ARRAY" | "MULTISET") => format!("{collection}<{}>", inner("elementType")?),
        "MAP" => format!("MAP<{}, {}>", inner("keyType")?, inner("valueType")?),
        "ROW" => {
            let field = |field: &Json| {
                // A comment on a field is part of the type.
                let name = field.get("name").filter(|_| field.get("description").is_none())?.as_str()?;
                Some((name.to_owned(), of_json(field.get("fieldType")?, depth + 1)?))
            };
            print_row(json.get("fields")?.as_array()?.iter().map(field).collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    };
    let nullable = json.get("nullable").is_none_or(|nullable| nullable == true);
    let processing_time = json.get("kind").is_some_and(|kind| kind == "PROCTIME");
    Some(Type { processing_time, ..Type::new(name, nullable) })
}

fn of_text(text: &str, depth: usize) -> Option<Type> {
    let text = text.trim();
    let (name, nullable) = match text.strip_suffix(" NOT NULL") {
        Some(name) => (name, false),
        None => (text, true),
    };
    if depth >= DEPTH_MAX {
        return None;
    }
    if let Some(inner) = name.strip_suffix('>') {
        let (collection, inner) = inner.split_once('<')?;
        let name = match (collection, split(inner).as_slice()) {
            ("ROW", fields) => {
                let fields =
                    fields.iter().map(|field| named(field, depth + 1)).collect::<Option<Vec<_>>>()?;
                print_row(fields)
            }
            ("ARRAY" | "MULTISET", [element]) => {
                format!("{collection}<{}>", of_text(element, depth + 1)?.text())
            }
            ("MAP", [key, value]) => {
                format!("MAP<{}, {}>", of_text(key, depth + 1)?.text(), of_text(value, depth + 1)?.text())
            }
            _ => return None,
        };
        return Some(Type::new(name, nullable));
    }
    scalar(name).map(|name| Type::new(name, nullable))
}

fn scalar(name: &str) -> Option<String> {
    let Some((word, rest)) = name.split_once('(') else {
        return SCALARS.contains(&name).then(|| name.to_owned());
    };
    let (numbers, behind) = rest.split_once(')')?;
    let numbers: Vec<u32> = numbers.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
    Some(match (word, numbers.as_slice(), behind) {
        ("VARCHAR", [LONGEST], "") => "STRING".into(),
        ("VARBINARY", [LONGEST], "") => "BYTES".into(),
        ("CHAR" | "VARCHAR" | "BINARY" | "VARBINARY" | "TIME" | "TIMESTAMP", [number], "") => {
            format!("{word}({number})")
        }
        ("DECIMAL", [precision, scale], "") => format!("DECIMAL({precision}, {scale})"),
        ("TIMESTAMP", [precision], " WITH LOCAL TIME ZONE") => format!("TIMESTAMP_LTZ({precision})"),
        _ => return None,
    })
}

/// Types without lengths.
const SCALARS: [&str; 8] = ["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DATE"];

/// Length of `STRING` and `BYTES`.
const LONGEST: u32 = i32::MAX as u32;

/// Reads a field of a row; what follows its type, such as a comment, makes it unknown.
fn named(field: &str, depth: usize) -> Option<(String, Type)> {
    let rest = field.trim().strip_prefix('`')?;
    let mut end = 0;
    loop {
        end += rest.get(end..)?.find('`')?;
        match rest.get(end + 1..)?.starts_with('`') {
            true => end += 2,
            false => break,
        }
    }
    let name = rest.get(..end)?.replace("``", "`");
    Some((name, of_text(rest.get(end + 1..)?, depth)?))
}

fn print_row(fields: Vec<(String, Type)>) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, ty)| format!("`{name}` {}", ty.text())).collect();
    format!("ROW<{}>", fields.join(", "))
}

/// Splits a list at its commas, but not at those inside quotes and brackets.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, char) in list.char_indices() {
        match (quote, char) {
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'') => quote = Some(char),
            (None, '<' | '(') => depth += 1,
            (None, '>' | ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !list[start..].trim().is_empty() {
        parts.push(&list[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(json: &Json) -> Vec<Option<String>> {
        row(json).unwrap().into_iter().map(|ty| Some(ty?.text())).collect()
    }

    #[test]
    fn types_are_printed_as_savepoints_have_them() {
        let cases = [
            ("VARCHAR(2147483647) NOT NULL", Some("STRING NOT NULL")),
            ("VARCHAR(10)", Some("VARCHAR(10)")),
            ("CHAR(3)", Some("CHAR(3)")),
            ("VARBINARY(2147483647)", Some("BYTES")),
            ("DECIMAL(10,2)", Some("DECIMAL(10, 2)")),
            ("TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL", Some("TIMESTAMP_LTZ(3) NOT NULL")),
            ("TIMESTAMP(3) WITH TIME ZONE", None),
            ("ARRAY<INT NOT NULL>", Some("ARRAY<INT NOT NULL>")),
            ("MAP<VARCHAR(2147483647), ARRAY<INT>>", Some("MAP<STRING, ARRAY<INT>>")),
            ("ROW<`a``>, b` INT, `c` ROW<`d` DATE>>", Some("ROW<`a`>, b` INT, `c` ROW<`d` DATE>>")),
            ("ROW<`a` INT 'a comment'>", None),
            ("INTERVAL DAY(2) TO SECOND(3)", None),
            ("RAW('java.util.Map', '\u{ac}')", None),
            ("`default_catalog`.`default_database`.`user`", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(ty(&text.into()).map(|ty| ty.text()).as_deref(), wanted, "{text}");
        }
        assert_eq!(ty(&"ARRAY<".repeat(1000).into()), None);
        assert_eq!(ty(&format!("{}INT{}", "ARRAY<".repeat(99), ">".repeat(99)).into()), None);
    }

    #[test]
    fn a_field_that_is_not_known_hides_no_other() {
        let text = "ROW<`id` BIGINT, `raw` RAW('a, b', '``'), `comment` INT 'x, y', `at` TIMESTAMP(3)>";
        let wanted = vec![Some("BIGINT".to_owned()), None, None, Some("TIMESTAMP(3)".into())];
        assert_eq!(texts(&text.into()), wanted);
        let attribute = json!({"type": "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "nullable": false, "precision": 3, "kind": "PROCTIME"});
        let object = json!({"type": "ROW", "fields": [
            {"name": "id", "fieldType": "BIGINT NOT NULL"},
            {"name": "odd", "fieldType": {"type": "SYMBOL", "class": "X"}},
            {"name": "proc", "fieldType": attribute},
        ]});
        assert_eq!(
            texts(&object),
            [Some("BIGINT NOT NULL".into()), None, Some("TIMESTAMP_LTZ(3) NOT NULL".into())]
        );
        assert!(row(&object).unwrap()[2].as_ref().unwrap().processing_time);
    }
}
