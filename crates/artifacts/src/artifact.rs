//! An artifact before it is published, and after it was loaded and found to be what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use recommend_core::{ComponentError, Explanation, FeatureRows, Model, Name};

use crate::baseline::Baseline;
use crate::golden::Golden;
use crate::manifest::{DataRange, Figure, Importance, Manifest, Part};
use crate::model::ModelKind;
use crate::schema::Schema;

/// What training hands over to be published.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The artifact.
    pub name: Name,
    /// What kind of model it is.
    pub kind: ModelKind,
    /// The bytes of the model's file.
    pub model: Vec<u8>,
    /// The features that it reads, in order.
    pub features: Vec<Name>,
    /// Rows with the scores that the trainer gave them.
    pub golden: Golden,
    /// How the features were distributed in the training data.
    pub baseline: Baseline,
    /// `corpus/source`.
    pub recommender: Option<String>,
    /// The training spec.
    pub spec: Option<toml::Table>,
    /// What the trainer settled on.
    pub chosen: BTreeMap<String, serde_json::Value>,
    /// The data that it learned from.
    pub data: Option<DataRange>,
    /// The revision of the repository of the spec.
    pub git_revision: Option<String>,
    /// How good it was.
    pub metrics: BTreeMap<Part, BTreeMap<String, Figure>>,
    /// Features by importance.
    pub importances: Vec<Importance>,
}

impl Draft {
    /// A draft of what every artifact must have; the rest is empty.
    pub fn new(name: Name, kind: ModelKind, model: Vec<u8>, features: Vec<Name>, golden: Golden) -> Self {
        Draft {
            name,
            kind,
            model,
            features,
            golden,
            baseline: Baseline::default(),
            recommender: None,
            spec: None,
            chosen: BTreeMap::new(),
            data: None,
            git_revision: None,
            metrics: BTreeMap::new(),
            importances: Vec::new(),
        }
    }
}

/// A published version whose files were all found to be as they were published.
///
/// It is the model that it holds, under the version `name@version`.
#[derive(Clone)]
pub struct Artifact {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) schema: Schema,
    pub(crate) baseline: Arc<Baseline>,
    pub(crate) id: String,
    pub(crate) model: Arc<dyn Model>,
}

impl Artifact {
    /// `name@version`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it comes from and how good it is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The features that it reads.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How the features were distributed in the training data.
    pub fn baseline(&self) -> &Arc<Baseline> {
        &self.baseline
    }
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Artifact({})", self.id)
    }
}

impl Model for Artifact {
    fn kind(&self) -> &'static str {
        "artifact"
    }

    fn version(&self) -> &str {
        &self.id
    }

    fn features(&self) -> &[Name] {
        self.model.features()
    }

    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.model.score(rows, scores)
    }

    fn raw(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.model.raw(rows, scores)
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        self.model.explain(rows, row)
    }
}
