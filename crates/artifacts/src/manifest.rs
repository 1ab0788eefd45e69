//! What an artifact is, where it comes from, and how good it was.

use std::collections::BTreeMap;

use recommend_core::Name;
use serde::{Deserialize, Serialize};

use crate::model::ModelKind;

/// The version of the layout that this program writes. It reads this one and all before it.
pub(crate) const FORMAT: u32 = 1;

/// The manifest of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of the folder, from 1.
    pub format: u32,
    /// The artifact.
    pub name: Name,
    /// Its version; unique within the name.
    pub version: String,
    /// When it was published, in RFC 3339.
    pub created: String,
    /// What kind of model it is.
    pub kind: ModelKind,
    /// For which corpus and source it was trained, as `corpus/source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<String>,
    /// The training spec, as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<toml::Table>,
    /// What the trainer settled on: rounds of boosting, searched parameters, and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chosen: BTreeMap<String, serde_json::Value>,
    /// The data that it learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataRange>,
    /// The revision of the repository that held the spec, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<String>,
    /// How good it was, by part of the data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<Part, BTreeMap<String, Figure>>,
    /// Features by importance, the most important first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub importances: Vec<Importance>,
    /// The hash of the feature schema.
    pub schema_hash: String,
    /// SHA-256 of every other file, by its name.
    pub checksums: BTreeMap<String, String>,
}

impl Manifest {
    /// What logs and answers call it: `name@version`.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What the model learned from.
    Train,
    /// What its settings were chosen by.
    Validation,
    /// What nothing was chosen by.
    Test,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        })
    }
}

/// A metric with its 95 % interval. What could not be computed is absent from a manifest, never NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The value.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The data that a model learned from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DataRange {
    /// The time of its first request, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The time of its last request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How many impressions.
    pub rows: u64,
    /// How many requests.
    pub requests: u64,
    /// How many impressions with a label above zero.
    pub positives: u64,
}

/// How much a feature matters to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// Its share of all importance, 0 to 1: of the gain of the splits, or of the absolute standardised weights.
    pub share: f64,
}
