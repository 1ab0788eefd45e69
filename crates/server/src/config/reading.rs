//! From TOML with positions to the parts of a configuration, noting every error on the way.

use std::ops::Range;

use recommend_core::error::closest;
use recommend_core::registry::suggest;
use recommend_events::{LogError, LogOptions};
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::server::ServerConfig;
use super::stores::StoresConfig;

/// Turns positions in the text into lines.
pub(super) struct Lines<'t> {
    file: &'t str,
    text: &'t str,
}

impl<'t> Lines<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Lines { file, text }
    }

    /// The line of a position, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    pub(super) fn at(&self, at: usize, place: Option<String>, reason: String) -> ConfigError {
        ConfigError { file: self.file.to_owned(), line: Some(self.line(at)), place, reason }
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn toml(&self, error: &toml::de::Error, place: Option<String>) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        self.at(at, place, suggest(error.message()))
    }
}

/// `there is no section `sever`; did you mean `server`?`
pub(super) fn unknown(what: &str, wanted: &str, known: &[&str]) -> String {
    match closest(known.iter().copied(), wanted) {
        Some(close) => format!("{what} `{wanted}`; did you mean `{close}`?"),
        None => format!("{what} `{wanted}`; there are `{}`", known.join("`, `")),
    }
}

/// A value of the file with its key and its place.
pub(super) struct Node<'t> {
    pub(super) lines: &'t Lines<'t>,
    pub(super) key: String,
    pub(super) value: Spanned<DeValue<'t>>,
}

impl<'t> Node<'t> {
    pub(super) fn new(lines: &'t Lines<'t>, key: &str, value: Spanned<DeValue<'t>>) -> Self {
        Node { lines, key: key.to_owned(), value }
    }

    /// The part of the text that it and everything in it covers. A table's own span is only its header.
    pub(super) fn extent(&self) -> Range<usize> {
        extent(&self.value)
    }

    pub(super) fn line(&self) -> usize {
        self.lines.line(self.extent().start)
    }

    /// Deserializes it.
    pub(super) fn parse<T: DeserializeOwned>(&self, place: Option<String>) -> Result<T, ConfigError> {
        T::deserialize(self.value.clone().into_deserializer()).map_err(|error: toml::de::Error| {
            let at = error.span().filter(|span| span.start > 0).unwrap_or_else(|| self.extent()).start;
            self.lines.at(at, place, format!("`{}`: {}", self.key, suggest(error.message())))
        })
    }

    /// Deserializes a section and checks it.
    pub(super) fn read<T: Section>(self, errors: &mut Vec<ConfigError>) -> Option<T> {
        match self.parse::<T>(None) {
            Ok(section) => {
                for (key, reason) in section.problems() {
                    let reason =
                        if key.is_empty() { reason } else { format!("`{}.{key}` {reason}", self.key) };
                    errors.push(self.lines.at(self.position_of(key), None, reason));
                }
                Some(section)
            }
            Err(error) => {
                errors.push(error);
                None
            }
        }
    }

    /// Where a key stands, which is given with the tables that it is in: `vectors.url`.
    fn position_of(&self, key: &str) -> usize {
        let from = self.extent().start;
        key.split('.').fold(from, |from, word| self.find(from, word).unwrap_or(from))
    }

    /// Where a word stands alone in its text, from a position on.
    fn find(&self, from: usize, word: &str) -> Option<usize> {
        let text = self.lines.slice(from..self.extent().end);
        let inside =
            |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let alone = |at: &usize| {
            let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at)).copied();
            !inside(before) && !inside(text.as_bytes().get(at + word.len()).copied())
        };
        let mut all = text.match_indices(word).map(|(at, _)| at).filter(|_| !word.is_empty());
        Some(from + all.find(alone)?)
    }

    pub(super) fn into_table(self, errors: &mut Vec<ConfigError>) -> Option<DeTable<'t>> {
        let (at, lines) = (self.extent().start, self.lines);
        match self.value.into_inner() {
            DeValue::Table(table) => Some(table),
            other => {
                let reason = format!("`{}` must be a table, not {}", self.key, other.type_str());
                errors.push(lines.at(at, None, reason));
                None
            }
        }
    }
}

fn extent(value: &Spanned<DeValue<'_>>) -> Range<usize> {
    let own = value.span();
    let parts: Vec<Range<usize>> = match value.get_ref() {
        DeValue::Table(table) => table.iter().flat_map(|(key, value)| [key.span(), extent(value)]).collect(),
        DeValue::Array(items) => items.iter().map(extent).collect(),
        _ => Vec::new(),
    };
    parts.into_iter().fold(own, |all, part| all.start.min(part.start)..all.end.max(part.end))
}

/// A section of the file that knows its ranges.
pub(super) trait Section: DeserializeOwned {
    /// What is out of range, by key.
    fn problems(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Section for ServerConfig {
    fn problems(&self) -> Vec<(&'static str, String)> {
        ServerConfig::problems(self)
    }
}

impl Section for StoresConfig {
    fn problems(&self) -> Vec<(&'static str, String)> {
        StoresConfig::problems(self)
    }
}

impl Section for LogOptions {
    fn problems(&self) -> Vec<(&'static str, String)> {
        match self.validate() {
            Err(LogError::Option { key, value, reason }) => {
                vec![(key, format!("must not be {value}: {reason}"))]
            }
            Err(other) => vec![("", other.to_string())],
            Ok(()) => Vec::new(),
        }
    }
}
