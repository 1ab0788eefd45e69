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
    /// Which of several interactions with one impression make the label: `max`, `sum`, `first` or `last`.
    #[serde(default)]
    pub combine: String,
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
            combine: String::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
