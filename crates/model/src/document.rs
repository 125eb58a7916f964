//! Documents as they are read: one shape for JSON, TOML and YAML, and for JSON that is in memory already.
//!
//! Readers of types, serializers and job descriptions take any [`Node`]. A [`Document`] is the one to read large texts
//! into: it borrows its texts, and its tables are lists.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value as Json};

/// A value of a document.
pub trait Node: Sized {
    /// Returns a member of a table; none for anything else.
    fn get(&self, name: &str) -> Option<&Self>;
    /// Returns the only member of a table that has one.
    fn only(&self) -> Option<(&str, &Self)>;
    /// Returns a list.
    fn list(&self) -> Option<&[Self]>;
    /// Returns a text.
    fn text(&self) -> Option<&str>;
    /// Returns a number that is whole and not negative.
    fn number(&self) -> Option<u64>;
    /// Returns a whole number.
    fn signed(&self) -> Option<i64>;
    /// Returns true or false.
    fn flag(&self) -> Option<bool>;
    /// Returns whether there is nothing.
    fn is_null(&self) -> bool;
    /// Returns whether it is a table.
    fn is_table(&self) -> bool;
    /// Returns it as JSON.
    fn to_json(&self) -> Json;
}

impl Node for Json {
    fn get(&self, name: &str) -> Option<&Self> {
        Json::get(self, name)
    }

    fn only(&self) -> Option<(&str, &Self)> {
        let table = self.as_object().filter(|table| table.len() == 1)?;
        table.iter().next().map(|(name, value)| (name.as_str(), value))
    }

    fn list(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn number(&self) -> Option<u64> {
        self.as_u64()
    }

    fn signed(&self) -> Option<i64> {
        self.as_i64()
    }

    fn flag(&self) -> Option<bool> {
        self.as_bool()
    }

    fn is_null(&self) -> bool {
        Json::is_null(self)
    }

    fn is_table(&self) -> bool {
        self.is_object()
    }

    fn to_json(&self) -> Json {
        self.clone()
    }
}

/// A document, or a value in one.
#[derive(Debug, Clone, PartialEq)]
pub enum Document<'t> {
    /// Nothing.
    Null,
    /// True or false.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Document<'t>>),
    /// A table.
    Table(Table<'t>),
}

/// The members of a table in their order. Of two members of one name the later counts, as in JSON.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table<'t>(Vec<(Cow<'t, str>, Document<'t>)>);

impl<'t> Table<'t> {
    /// Returns a member.
    pub fn get(&self, name: &str) -> Option<&Document<'t>> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Document<'t>> {
        let place = self.0.iter().rposition(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Adds a member behind the others.
    pub fn insert(&mut self, name: impl Into<Cow<'t, str>>, value: Document<'t>) {
        self.0.push((name.into(), value));
    }

    /// Returns the names of the members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

impl<'t> IntoIterator for Table<'t> {
    type Item = (Cow<'t, str>, Document<'t>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Node for Document<'_> {
    fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Document::Table(table) => table.get(name),
            _ => None,
        }
    }

    fn only(&self) -> Option<(&str, &Self)> {
        match self {
            Document::Table(Table(members)) => match members.as_slice() {
                [(name, value)] => Some((name, value)),
                _ => None,
            },
            _ => None,
        }
    }

    fn list(&self) -> Option<&[Self]> {
        match self {
            Document::List(list) => Some(list),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Document::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Document::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    fn signed(&self) -> Option<i64> {
        match self {
            Document::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    fn flag(&self) -> Option<bool> {
        match self {
            Document::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Document::Null)
    }

    fn is_table(&self) -> bool {
        matches!(self, Document::Table(_))
    }

    fn to_json(&self) -> Json {
        match self {
            Document::Null => Json::Null,
            Document::Flag(flag) => (*flag).into(),
            Document::Number(number) => Json::Number(number.clone()),
            Document::Text(text) => text.to_string().into(),
            Document::List(list) => list.iter().map(Node::to_json).collect(),
            Document::Table(Table(members)) => Json::Object(
                members.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect(),
            ),
        }
    }
}

impl From<Json> for Document<'_> {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Document::Null,
            Json::Bool(flag) => Document::Flag(flag),
            Json::Number(number) => Document::Number(number),
            Json::String(text) => Document::Text(text.into()),
            Json::Array(list) => Document::List(list.into_iter().map(Document::from).collect()),
            Json::Object(members) => {
                let members = members.into_iter();
                Document::Table(Table(members.map(|(name, value)| (name.into(), value.into())).collect()))
            }
        }
    }
}

impl<'de: 't, 't> Deserialize<'de> for Document<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Document::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Document::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Document::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Document::Null, Document::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Document::Text(text.to_owned().into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Document::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Document::Text(text.into()))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Document::Null)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Document::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Document::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Document::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = values.next_key()? {
            members.push((name, values.next_value()?));
        }
        Ok(Document::Table(Table(members)))
    }
}

/// The name of a member; borrowed where the text allows it.
struct Name<'t>(Cow<'t, str>);

impl<'de: 't, 't> Deserialize<'de> for Name<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(text.to_owned().into()))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Name(text.into()))
            }
        }

        deserializer.deserialize_str(Names)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_the_json_that_it_was_read_from() {
        let json =
            json!({"a": [1, -2, 2.5, null, true], "b\"": {"c": "text", "d": "\u{e9}\n"}, "big": u64::MAX});
        let text = json.to_string();
        let document: Document<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(document.to_json(), json);
        assert_eq!(Document::from(json.clone()), document);
        let borrowed = document.get("b\"").and_then(|table| table.get("c"));
        assert!(matches!(borrowed, Some(Document::Text(Cow::Borrowed("text")))));
        let again: Document<'_> = serde_json::from_str(r#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(again.get("a").and_then(Node::number), Some(2));
        assert_eq!(again.to_json(), json!({"a": 2}));
    }

    #[test]
    fn json_and_documents_answer_alike() {
        for json in [
            json!(null),
            json!(3),
            json!(-3),
            json!(0.5),
            json!("x"),
            json!(false),
            json!([1]),
            json!({"a": 1}),
            json!({}),
        ] {
            let document = Document::from(json.clone());
            assert_eq!(Node::text(&json), document.text());
            assert_eq!(
                (json.number(), json.signed(), json.flag()),
                (document.number(), document.signed(), document.flag())
            );
            assert_eq!((Node::is_null(&json), json.is_table()), (document.is_null(), document.is_table()));
            assert_eq!(json.list().map(<[Json]>::len), document.list().map(<[Document<'_>]>::len));
            assert_eq!(json.only().map(|(name, _)| name), document.only().map(|(name, _)| name));
        }
    }
}
