//! Keeps what a predicate over attributes says yes to.

use async_trait::async_trait;
use recommend_core::predicate::PredicateError;
use recommend_core::{ComponentError, Filter, IdCodec, Needs, Predicate, Verdicts, View};
use serde::Deserialize;

use crate::support::attributes;

/// What becomes of a candidate for which the predicate is unknown, because an attribute is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It goes.
    #[default]
    Drop,
    /// It stays.
    Keep,
}

/// The settings of [`Where`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhereSettings {
    /// The predicate, see [`recommend_core::predicate`].
    #[serde(rename = "where")]
    pub predicate: String,
    /// What becomes of a candidate for which it is unknown.
    #[serde(default)]
    pub unknown: Unknown,
    /// Whether it guards visibility or permission, and so fails closed: entities that the catalog does not hold go,
    /// and so does everything when the attributes cannot be loaded.
    #[serde(default)]
    pub guard: bool,
}

/// Why a [`Where`] cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhereError {
    /// The predicate does not parse.
    #[error("`where`: {0}")]
    Predicate(#[from] PredicateError),
    /// A guard was told to keep what it cannot decide.
    #[error(
        "`guard = true` and `unknown = \"keep\"` exclude each other: a guard drops what it cannot decide"
    )]
    OpenGuard,
}

/// Keeps the candidates that a [`Predicate`] matches.
///
/// ```
/// use recommend_core::IdCodec;
/// use recommend_filters::Where;
///
/// let codec = IdCodec::new([0; 16]);
/// let filter = Where::matches("members >= 5 and age(created) > 1d", &codec)?;
/// let guard = Where::matches("not external", &codec)?.guard();
/// # Ok::<(), recommend_core::predicate::PredicateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Where {
    predicate: Predicate,
    unknown: Unknown,
    guard: bool,
}

impl Where {
    /// From its settings.
    ///
    /// # Errors
    /// [`WhereError`] when the predicate does not parse, or a guard is to keep what is unknown.
    pub fn new(settings: WhereSettings, codec: &IdCodec) -> Result<Self, WhereError> {
        let WhereSettings { predicate, unknown, guard } = settings;
        if guard && unknown == Unknown::Keep {
            return Err(WhereError::OpenGuard);
        }
        let predicate = Predicate::parse(&predicate, codec)?;
        Ok(Where { predicate, unknown, guard })
    }

    /// Keeps what matches, and drops the rest and what is unknown.
    ///
    /// # Errors
    /// [`PredicateError`] when the predicate does not parse.
    pub fn matches(predicate: &str, codec: &IdCodec) -> Result<Self, PredicateError> {
        Ok(Where { predicate: Predicate::parse(predicate, codec)?, unknown: Unknown::Drop, guard: false })
    }

    /// Keeps also what is unknown.
    #[must_use]
    pub fn or_unknown(mut self) -> Self {
        (self.unknown, self.guard) = (Unknown::Keep, false);
        self
    }

    /// Makes it fail closed.
    #[must_use]
    pub fn guard(mut self) -> Self {
        (self.unknown, self.guard) = (Unknown::Drop, true);
        self
    }
}

#[async_trait]
impl Filter for Where {
    fn kind(&self) -> &'static str {
        "predicate"
    }

    fn needs(&self) -> Needs {
        Needs::attributes(self.predicate.attributes().iter().cloned())
    }

    fn fail_closed(&self) -> bool {
        self.guard
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let table = attributes(view)?;
        let matcher = self.predicate.on(view.query, table).ok_or_else(|| ComponentError::Unavailable {
            dependency: "the catalog",
            reason: format!("not all of {:?} could be loaded", self.predicate.attributes()),
        })?;
        for row in 0..verdicts.rows() {
            let reason = match matcher.test(row) {
                _ if self.guard && !table.known(row) => "unknown",
                Some(true) => continue,
                Some(false) => "predicate",
                None if self.unknown == Unknown::Keep => continue,
                None => "unknown",
            };
            verdicts.drop(row, reason);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::Value;

    use super::*;
    use crate::testing::{Case, reasons};

    const CODEC: fn() -> IdCodec = || IdCodec::new([0; 16]);

    fn members() -> Case {
        Case::of(3).attribute("members", [Some(Value::Number(9.0)), Some(Value::Number(2.0)), None])
    }

    #[test]
    fn what_is_unknown_goes_unless_it_may_stay() {
        let filter = Where::matches("members > 3", &CODEC()).unwrap();
        assert_eq!(reasons(&filter, &members()).unwrap(), [None, Some("predicate"), Some("unknown")]);
        assert_eq!(reasons(&filter.or_unknown(), &members()).unwrap(), [None, Some("predicate"), None]);
    }

    #[test]
    fn a_guard_drops_what_the_catalog_does_not_hold() {
        let open = Where::matches("members is missing", &CODEC()).unwrap();
        let case = members().unknown(2);
        assert_eq!(reasons(&open, &case).unwrap()[2], None, "missing it is");
        assert_eq!(reasons(&open.guard(), &case).unwrap()[2], Some("unknown"));
    }

    #[test]
    fn settings_are_checked() {
        let settings = |text: &str| toml::from_str::<WhereSettings>(text).unwrap();
        let error = Where::new(settings("where = 'members => 3'"), &CODEC()).unwrap_err();
        assert!(error.to_string().contains("column 9"), "{error}");
        let both = settings("where = 'private'\nguard = true\nunknown = 'keep'");
        assert_eq!(Where::new(both, &CODEC()), Err(WhereError::OpenGuard));
    }
}
