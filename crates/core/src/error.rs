//! Errors: of a component in a run, of a run, and of building a recommender.

use crate::names::Name;
use crate::report::Stage;

/// Why a component could not do its work in one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// A store or service it needs did not answer or answered wrongly.
    #[error("{dependency} is unavailable: {reason}")]
    Unavailable {
        /// Which dependency.
        dependency: &'static str,
        /// What it said.
        reason: String,
    },
    /// It did not finish in its share of the deadline.
    #[error("ran out of time")]
    Timeout,
    /// It panicked; the message of the panic.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It broke the contract of its trait, for example a score that is not finite.
    #[error("broke its contract: {0}")]
    Contract(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Why a run gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A required component failed.
    #[error("{stage} {component:?} is required and failed: {error}")]
    Required {
        /// The stage.
        stage: Stage,
        /// The component's name.
        component: Name,
        /// What happened.
        error: ComponentError,
    },
    /// Every fetcher failed, so nothing is known about what to recommend.
    #[error("every fetcher failed; the first, {component:?}: {error}")]
    NoFetcher {
        /// The first fetcher's name.
        component: Name,
        /// What happened to it.
        error: ComponentError,
    },
    /// The deadline passed before an answer was ready.
    #[error("the deadline passed during {0}")]
    DeadlineExceeded(Stage),
}

/// Why a recommender could not be built from its parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// There is no component of that kind.
    #[error("there is no {stage} of kind {kind:?}{}", hint(.known, .kind))]
    UnknownKind {
        /// The stage.
        stage: Stage,
        /// What the configuration asks for.
        kind: String,
        /// What is registered.
        known: Vec<String>,
    },
    /// The settings of a component do not fit it.
    #[error("{component}: {reason}")]
    Settings {
        /// Which component, as `fetcher "popular"`.
        component: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// The model (or `log_also`) wants features that no source provides.
    #[error("no feature source provides {missing:?}, which {wanted_by} reads; declared are {declared:?}")]
    MissingFeatures {
        /// Who wants them.
        wanted_by: String,
        /// The names without a source.
        missing: Vec<String>,
        /// The names that there are.
        declared: Vec<String>,
    },
    /// The parts do not make a recommender.
    #[error("{0}")]
    Invalid(String),
}

/// `; did you mean "x"?` or the list of what there is.
fn hint(known: &[String], wanted: &str) -> String {
    match closest(known.iter().map(String::as_str), wanted) {
        Some(close) => format!("; did you mean {close:?}?"),
        None if known.is_empty() => "; none is registered".to_owned(),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// The known word nearest to a misspelt one, if one is near enough to be meant.
pub fn closest<'a>(known: impl IntoIterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (edit_distance(word, wanted), word))
        .filter(|(distance, word)| *distance <= 1 + word.len().max(wanted.len()) / 4)
        .min()
        .map(|(_, word)| word)
}

/// Levenshtein distance in bytes.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_kind_gets_the_right_one_suggested() {
        let error = BuildError::UnknownKind {
            stage: Stage::Fetch,
            kind: "populr".into(),
            known: vec!["all".into(), "popular".into()],
        };
        assert_eq!(error.to_string(), "there is no fetcher of kind \"populr\"; did you mean \"popular\"?");
        assert_eq!(closest(["all", "recent"], "zebra"), None);
    }
}
