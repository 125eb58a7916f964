use alluvium_model::{LogicalType, StateSchema, canonical};

use crate::line::{Item, Line};

/// Which lines a person wants to see: `text` anywhere in the line, `^text` at the start of the key,
/// `=text` the whole key; `!` before any of them inverts.
///
/// The key of operator state is its map key or its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    text: String,
    how: How,
    inverted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum How {
    #[default]
    Anywhere,
    KeyStarts,
    KeyIs,
}

impl Filter {
    /// Reads a filter as typed; no text lets every line pass.
    pub fn parse(typed: &str) -> Self {
        let (inverted, rest) = typed.strip_prefix('!').map_or((false, typed), |rest| (true, rest));
        let (how, text) = match (rest.strip_prefix('^'), rest.strip_prefix('=')) {
            (Some(text), _) => (How::KeyStarts, text),
            (_, Some(text)) => (How::KeyIs, text),
            _ => (How::Anywhere, rest),
        };
        if text.is_empty() { Filter::default() } else { Filter { text: text.to_owned(), how, inverted } }
    }

    /// Returns whether every line passes.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the filter as it would be typed.
    pub fn typed(&self) -> String {
        let how = match self.how {
            How::Anywhere => "",
            How::KeyStarts => "^",
            How::KeyIs => "=",
        };
        format!("{}{how}{}", if self.inverted { "!" } else { "" }, self.text)
    }

    /// Returns whether a line passes; damage always does.
    pub fn passes(&self, item: &Item, schema: &StateSchema) -> bool {
        let Item::Line(line) = item else { return true };
        self.is_empty() || self.matches(line, schema) != self.inverted
    }

    fn matches(&self, line: &Line, schema: &StateSchema) -> bool {
        match self.how {
            How::Anywhere => line.texts(schema).any(|text| text.contains(&self.text)),
            How::KeyStarts => line.key_text(schema).starts_with(&self.text),
            How::KeyIs => line.key_text(schema) == self.text,
        }
    }

    /// Returns the bytes with which the sort key of every passing line begins, where the filter
    /// says so: a store can then skip the others.
    pub(crate) fn sort_key_prefix(&self, schema: &StateSchema) -> Option<Vec<u8>> {
        if self.inverted || schema.key != Some(LogicalType::String) {
            return None;
        }
        let mut bytes = Vec::new();
        match self.how {
            How::Anywhere => return None,
            How::KeyStarts | How::KeyIs => canonical::push_escaped(self.text.as_bytes(), &mut bytes),
        }
        if self.how == How::KeyStarts {
            bytes.truncate(bytes.len() - 2);
        }
        Some(bytes)
    }

    /// Returns the text of the key, and whether it is all of it, where the filter asks for that.
    pub(crate) fn key_part(&self) -> Option<(&str, bool)> {
        match (self.inverted, self.how) {
            (false, How::KeyStarts) => Some((&self.text, false)),
            (false, How::KeyIs) => Some((&self.text, true)),
            _ => None,
        }
    }
}
