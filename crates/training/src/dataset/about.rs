//! What a dataset was made from: `dataset.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use recommend_core::Name;
use serde::{Deserialize, Serialize};

use super::error::DatasetError;
use super::schema::VERSION;

/// The file beside the partitions.
pub const MANIFEST: &str = "dataset.json";

/// What several interactions with one impression make of its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The largest of their weights: the best that came of it.
    #[default]
    Max,
    /// The sum of their weights.
    Sum,
    /// The weight of the first.
    First,
    /// The weight of the last: the user changed their mind.
    Last,
}

/// What a dataset was made from. All of its partitions share it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of the files.
    pub version: u32,
    /// The type of entity.
    pub corpus: Name,
    /// The part of the product that asked.
    pub source: Name,
    /// What each kind of interaction is worth; empty for data that came with labels.
    #[serde(default)]
    pub objective: BTreeMap<Name, f32>,
    /// What several interactions with one impression make of it.
    #[serde(default)]
    pub combine: Combine,
    /// How long after an impression an interaction still answers it.
    #[serde(with = "recommend_core::duration")]
    pub window: Duration,
    /// Whether impressions below the last positive one of their request were left out.
    #[serde(default)]
    pub above_last_positive: bool,
}

impl About {
    /// Of data that came with its labels, and not from a log.
    pub fn foreign(corpus: Name, source: Name) -> Self {
        About {
            version: VERSION,
            corpus,
            source,
            objective: BTreeMap::new(),
            combine: Combine::default(),
            window: Duration::ZERO,
            above_last_positive: false,
        }
    }

    /// Reads it from a dataset's folder.
    ///
    /// # Errors
    /// [`DatasetError::NoDataset`] when there is none, [`DatasetError::Manifest`] when it is not what this release writes.
    pub fn read(folder: &Path) -> Result<Self, DatasetError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(DatasetError::NoDataset(folder.to_owned()));
            }
            other => other.map_err(DatasetError::io("reading", &path))?,
        };
        let wrong = |reason: String| DatasetError::Manifest { path: path.clone(), reason };
        let about: About = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if about.version > VERSION {
            return Err(wrong(format!(
                "it has version {}, this release reads up to {VERSION}; use a newer release",
                about.version
            )));
        }
        Ok(about)
    }

    /// Writes it into a dataset's folder, which is created; whole or not at all.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), DatasetError> {
        fs::create_dir_all(folder).map_err(DatasetError::io("creating", folder))?;
        let path = folder.join(MANIFEST);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| DatasetError::Manifest { path: path.clone(), reason: error.to_string() })?;
        super::write::replace(&path, (text + "\n").as_bytes())
    }
}

/// Reads an objective as people write it on a command line: `click=1,dismiss=-1`.
///
/// # Errors
/// A sentence that says what is wrong and shows a good value.
pub fn parse_objective(text: &str) -> Result<BTreeMap<Name, f32>, String> {
    let mut objective = BTreeMap::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (kind, weight) = part
            .split_once('=')
            .ok_or_else(|| format!("{part:?} has no weight; write for example {part}=1"))?;
        let kind = Name::new(kind.trim()).map_err(|error| error.to_string())?;
        let weight: Option<f32> = weight.trim().parse().ok().filter(|weight: &f32| weight.is_finite());
        let weight = weight.ok_or_else(|| format!("{part:?}: the weight is no number; write {kind}=1"))?;
        if objective.insert(kind.clone(), weight).is_some() {
            return Err(format!("{kind} is there twice; name each kind once"));
        }
    }
    match objective.is_empty() {
        true => Err("it names no kind of interaction; write for example click=1,dismiss=-1".to_owned()),
        false => Ok(objective),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_an_objective_is_named_with_what_would_be_right() {
        assert!(parse_objective("click").unwrap_err().contains("click=1"));
        assert!(parse_objective("click=much").unwrap_err().contains("no number"));
        assert!(parse_objective("Click=1").unwrap_err().contains("not a name"));
        assert!(parse_objective("click=1,click=2").unwrap_err().contains("twice"));
        assert!(parse_objective(" ").unwrap_err().contains("click=1,dismiss=-1"));
    }

    #[test]
    fn what_was_written_is_read_and_a_newer_release_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let about = About {
            objective: BTreeMap::from([(Name::literal("click"), 1.0)]),
            window: Duration::from_secs(86_400),
            ..About::foreign(Name::literal("channel"), Name::literal("browser"))
        };
        let none = About::read(folder.path()).unwrap_err();
        assert!(matches!(none, DatasetError::NoDataset(_)), "{none}");
        about.write(folder.path()).unwrap();
        assert_eq!(About::read(folder.path()).unwrap(), about);
        About { version: VERSION + 1, ..about }.write(folder.path()).unwrap();
        assert!(About::read(folder.path()).unwrap_err().to_string().contains("newer release"));
    }
}
