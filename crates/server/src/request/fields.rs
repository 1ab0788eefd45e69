//! Checks of single fields. A message names the field by its path in the request and says what would do.

use std::fmt::{Arguments, Display};

use recommend_core::names::NameError;
use recommend_core::{EntityId, IdError, Name, Timestamp, UserId};
use recommend_stores::IdBatch;

use crate::limits::END_OF_TIME;

/// A field of a request is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(String);

impl Invalid {
    pub(crate) fn new(field: impl Display, reason: impl Display) -> Self {
        Invalid(format!("`{field}`: {reason}"))
    }
}

/// Names that occur again and again in a batch are made once.
#[derive(Default)]
pub(super) struct NameCache(Vec<Name>);

impl NameCache {
    pub(super) fn name(&mut self, field: Arguments<'_>, text: &str) -> Result<Name, Invalid> {
        if let Some(known) = self.0.iter().rev().find(|name| **name == *text) {
            return Ok(known.clone());
        }
        let made = Name::new(text).map_err(|error: NameError| Invalid::new(field, error))?;
        // A vocabulary is small; a batch that brings more is checked by the store.
        if self.0.len() < 64 {
            self.0.push(made.clone());
        }
        Ok(made)
    }
}

pub(super) fn entity(ids: &mut IdBatch, field: Arguments<'_>, text: &str) -> Result<EntityId, Invalid> {
    ids.entity(text).map_err(|error| Invalid::new(field, error))
}

pub(super) fn user(ids: &mut IdBatch, field: Arguments<'_>, text: &str) -> Result<UserId, Invalid> {
    ids.user(text).map_err(|error| Invalid::new(field, error))
}

pub(super) fn id<T>(field: &str, result: Result<T, IdError>) -> Result<T, Invalid> {
    result.map_err(|error| Invalid::new(field, error))
}

pub(super) fn at_most(field: &str, count: usize, max: usize) -> Result<(), Invalid> {
    match count <= max {
        true => Ok(()),
        false => {
            Err(Invalid::new(field, format_args!("has {count} items, at most {max} are taken; split it")))
        }
    }
}

pub(super) fn not_empty(field: &str, count: usize) -> Result<(), Invalid> {
    match count > 0 {
        true => Ok(()),
        false => Err(Invalid::new(field, "is empty; send at least one")),
    }
}

pub(super) fn finite(field: Arguments<'_>, value: f64) -> Result<(), Invalid> {
    match value.is_finite() {
        true => Ok(()),
        false => Err(Invalid::new(field, format_args!("must be a finite number, not {value}"))),
    }
}

/// A time of the API as milliseconds; finer parts are cut.
pub(super) fn time(field: Arguments<'_>, time: &prost_types::Timestamp) -> Result<Timestamp, Invalid> {
    if !(0..1_000_000_000).contains(&time.nanos) {
        let reason = format_args!("`nanos` must be 0 to 999999999, not {}", time.nanos);
        return Err(Invalid::new(field, reason));
    }
    if !(0..END_OF_TIME).contains(&time.seconds) {
        // The usual mistake is a time in milliseconds.
        let hint = match (0..END_OF_TIME).contains(&(time.seconds / 1000)) && time.seconds > 0 {
            true => "; is it in milliseconds?",
            false => "",
        };
        let reason = format_args!("{} seconds lie outside the years 1970 to 2099{hint}", time.seconds);
        return Err(Invalid::new(field, reason));
    }
    Ok(Timestamp(time.seconds * 1000 + i64::from(time.nanos / 1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seconds: i64, nanos: i32) -> Result<Timestamp, String> {
        time(format_args!("time"), &prost_types::Timestamp { seconds, nanos }).map_err(|e| e.to_string())
    }

    #[test]
    fn times_are_milliseconds_between_1970_and_2099() {
        assert_eq!(stamp(1, 2_500_000), Ok(Timestamp(1002)));
        assert!(stamp(-1, 0).unwrap_err().starts_with("`time`: -1 seconds"));
        assert!(stamp(1_700_000_000_000, 0).unwrap_err().ends_with("is it in milliseconds?"));
        assert!(!stamp(i64::MAX, 0).unwrap_err().contains("milliseconds"));
        assert!(stamp(0, -5).unwrap_err().contains("nanos") && stamp(i64::MIN, i32::MIN).is_err());
    }

    #[test]
    fn a_message_names_the_field_and_the_fix() {
        assert_eq!(
            at_most("seeds", 2000, 1000).unwrap_err().to_string(),
            "`seeds`: has 2000 items, at most 1000 are taken; split it"
        );
        let name = NameCache::default().name(format_args!("interactions[7].kind"), "Click!");
        assert!(
            name.unwrap_err().to_string().starts_with("`interactions[7].kind`: \"Click!\" is not a name")
        );
    }
}
