//! One thing that `validate` found.

use crate::render::Paint;

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// A server would not start, or would show what it must not.
    Error,
    /// It works, but hardly as meant.
    Warning,
    /// Good to know.
    Note,
}

/// What was found, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// `file:line`, or the tenant.
    pub(super) place: Option<String>,
    pub(super) message: String,
}

impl Finding {
    pub(super) fn error(place: impl Into<Option<String>>, message: impl Into<String>) -> Self {
        Finding { level: Level::Error, place: place.into(), message: message.into() }
    }

    pub(super) fn warning(place: impl Into<Option<String>>, message: impl Into<String>) -> Self {
        Finding { level: Level::Warning, place: place.into(), message: message.into() }
    }

    pub(super) fn note(place: impl Into<Option<String>>, message: impl Into<String>) -> Self {
        Finding { level: Level::Note, place: place.into(), message: message.into() }
    }

    fn level_name(&self) -> &'static str {
        match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }

    /// For people.
    pub(super) fn line(&self, paint: Paint) -> String {
        let level = match self.level {
            Level::Error => paint.red("error"),
            Level::Warning => paint.yellow("warning"),
            Level::Note => paint.dim("note"),
        };
        match &self.place {
            Some(place) => format!("{level}: {place}: {}", self.message),
            None => format!("{level}: {}", self.message),
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "level": self.level_name(), "place": self.place, "message": self.message })
    }
}
