//! Errors of declarations and of the choice of features.

use std::fmt;

use recommend_core::BuildError;

/// What is wrong with one feature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// Its declaration does not fit.
    #[error("features.{feature}: {reason}")]
    Declaration {
        /// Its name.
        feature: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// It is wanted and there is none of that name.
    #[error("there is no feature {feature:?}{hint}")]
    Unknown {
        /// The name that is wanted.
        feature: String,
        /// The name that may be meant, and how to declare one.
        hint: String,
    },
}

impl FeatureError {
    pub(crate) fn declaration(feature: &str, reason: impl Into<String>) -> Self {
        FeatureError::Declaration { feature: feature.to_owned(), reason: reason.into() }
    }

    /// The feature's name as it was written.
    pub fn feature(&self) -> &str {
        match self {
            FeatureError::Declaration { feature, .. } | FeatureError::Unknown { feature, .. } => feature,
        }
    }
}

/// All that is wrong, not only the first; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureErrors(pub Vec<FeatureError>);

impl fmt::Display for FeatureErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for FeatureErrors {}

impl From<FeatureErrors> for BuildError {
    fn from(errors: FeatureErrors) -> Self {
        BuildError::Invalid(errors.to_string())
    }
}
