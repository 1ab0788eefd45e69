//! What the reader of models asks of a document, so that JSON and UBJSON share one reader.

use super::error::{DocumentError, Problem};

pub(super) type Result<T> = std::result::Result<T, DocumentError>;

/// How deep objects and arrays may nest; XGBoost's own files need nine levels.
pub(super) const MAX_NESTING: usize = 64;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Other,
}

/// A document that is pulled from front to back, once, without a tree of values in between.
///
/// Nothing is allocated on the word of the file: a length is checked against the bytes that are left first.
pub(super) trait Document {
    /// The byte that comes next.
    fn offset(&self) -> usize;

    /// What comes next.
    fn kind(&mut self) -> Result<Kind>;

    /// Reads an object; `field` must read or skip the value of each key.
    fn object(&mut self, field: &mut dyn FnMut(&mut Self, &str) -> Result<()>) -> Result<()>;

    /// Reads an array; `item` must read or skip each element.
    fn array(&mut self, item: &mut dyn FnMut(&mut Self, usize) -> Result<()>) -> Result<()>;

    /// Reads a string.
    fn text(&mut self) -> Result<String>;

    /// Reads a number, or a boolean as 0 or 1.
    fn number(&mut self) -> Result<f64>;

    /// Reads an array of numbers into `out`, each rounded to the nearest f32 once.
    fn floats(&mut self, out: &mut Vec<f32>) -> Result<()>;

    /// Reads an array of whole numbers (booleans as 0 and 1) into `out`.
    fn integers(&mut self, out: &mut Vec<i64>) -> Result<()>;

    /// Passes over whatever comes next.
    fn skip(&mut self) -> Result<()>;

    /// Checks that nothing follows.
    fn end(&mut self) -> Result<()>;

    /// An error at the byte that comes next.
    fn error(&self, problem: Problem) -> DocumentError {
        DocumentError::new(self.offset(), problem)
    }

    /// Reads a number that XGBoost may have written as a string, as it does for all parameters.
    fn parameter(&mut self) -> Result<String> {
        match self.kind()? {
            Kind::Text => self.text(),
            _ => Ok(format!("{}", self.number()?)),
        }
    }
}
