//! Attributes as rerankers use them: columns that must be there, and values that can be compared.

use recommend_core::{ComponentError, Value, View};

/// A column of attributes of the candidates.
///
/// # Errors
/// When the catalog could not be read.
pub(crate) fn column<'a>(view: &View<'a>, name: &str) -> Result<&'a [Option<Value>], ComponentError> {
    view.attribute(name).ok_or_else(|| ComponentError::Unavailable {
        dependency: "the catalog",
        reason: format!("the attribute {name:?} of the candidates was not loaded"),
    })
}

/// The value as something that equals itself: its type and its bits.
pub(crate) fn key(value: Value) -> (u8, u64) {
    match value {
        Value::Bool(value) => (0, u64::from(value)),
        // Adding zero makes -0 the same as 0.
        Value::Number(value) => (1, (value + 0.0).to_bits()),
        Value::Time(value) => (2, value.millis() as u64),
        Value::Id(value) => (3, value.0),
    }
}
