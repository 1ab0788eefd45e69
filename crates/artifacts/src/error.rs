//! What can be wrong with an artifact or with the place where artifacts lie.

use recommend_core::Name;

/// Why an artifact could not be written, found or trusted.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The store could not be read or written.
    #[error("{action} {place}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or object.
        place: String,
        /// What failed.
        reason: String,
    },
    /// The location is no folder and no URL that this program can open.
    #[error("the artifact store {location:?} cannot be opened: {reason}")]
    Location {
        /// What was given.
        location: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// There is no such artifact, or no such version of it.
    #[error("there is no artifact {wanted} in {location}; {hint}")]
    NotFound {
        /// What was asked for.
        wanted: String,
        /// Where.
        location: String,
        /// What there is instead.
        hint: String,
    },
    /// Nothing was promoted yet.
    #[error(
        "no version of {name} is promoted in {location}; `recommend artifacts promote {name} VERSION` does that"
    )]
    NotPromoted {
        /// The artifact.
        name: Name,
        /// Where.
        location: String,
    },
    /// A rollback without anything to go back to.
    #[error("{name} was promoted only once, so there is nothing to roll back to; promote another version")]
    NoHistory {
        /// The artifact.
        name: Name,
    },
    /// The bytes of a file are not those that were published.
    #[error("{place} is not what was published: its SHA-256 is {found}, and {by} says {expected}")]
    Checksum {
        /// The file.
        place: String,
        /// What it has.
        found: String,
        /// Who says what it should have.
        by: &'static str,
        /// What it should have.
        expected: String,
    },
    /// A file does not say what it should.
    #[error("{place}: {reason}")]
    Format {
        /// The file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The model reads other features than the schema lists.
    #[error("the model of {artifact} reads {model:?}, but its schema lists {schema:?}")]
    Schema {
        /// `name@version`.
        artifact: String,
        /// The features of the model.
        model: Vec<String>,
        /// Those of the schema.
        schema: Vec<String>,
    },
    /// A golden row scores otherwise than it did when the model was trained.
    #[error(
        "golden row {row} of {artifact} scores {found} here and scored {expected} when it was trained; \
         this program and the one that trained it do not agree about the model"
    )]
    Golden {
        /// `name@version`.
        artifact: String,
        /// Which row, from 0.
        row: usize,
        /// Its score now.
        found: f32,
        /// Its score then.
        expected: f32,
    },
    /// The version exists with another content.
    #[error("{name}@{version} exists already with another content; versions never change: publish a new one")]
    Exists {
        /// The artifact.
        name: Name,
        /// Its version.
        version: String,
    },
}

impl ArtifactError {
    /// Whether trying again may help: the store did not answer, which says nothing about what lies in it.
    pub fn is_transient(&self) -> bool {
        matches!(self, ArtifactError::Io { .. })
    }

    pub(crate) fn format(place: &str, reason: impl std::fmt::Display) -> Self {
        ArtifactError::Format { place: place.to_owned(), reason: reason.to_string() }
    }
}
