//! The model kind `artifact`: whatever version is promoted, or a pinned one.

use std::sync::Arc;

use parking_lot::Mutex;
use recommend_core::{
    BuildContext, BuildError, ComponentError, Explanation, FeatureRows, Model, Name, Registry,
};
use serde::Deserialize;

use crate::error::ArtifactError;
use crate::pointer::Promotion;
use crate::store::ArtifactStore;

/// Makes the kind `artifact` known to the configuration. What is built needs a [`LoadedArtifacts`] among the resources.
///
/// | key | meaning |
/// |---|---|
/// | `artifact` | the name; required |
/// | `version` | one version, whatever is promoted; without it the promoted one, and each promotion is followed |
/// | `fallback` | another model, `{ kind = … }`, which scores until a version is promoted |
pub fn register(registry: &mut Registry) {
    registry.model("artifact", |settings: Settings, context| settings.build(context));
}

/// The store for building one recommender, and a note of what was taken from it, so that the server knows when it has
/// changed. Cloning is reference counting.
#[derive(Debug, Clone)]
pub struct LoadedArtifacts {
    store: ArtifactStore,
    step_back: bool,
    taken: Arc<Mutex<Vec<Taken>>>,
    refused: Arc<Mutex<Vec<String>>>,
}

/// An artifact that a recommender follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The artifact.
    pub name: Name,
    /// The promotion that counted when it was taken.
    pub promotion: Option<Promotion>,
}

impl LoadedArtifacts {
    /// For a recommender that takes the place of one that serves: what does not verify is an error, and the old one stays.
    pub fn of(store: &ArtifactStore) -> Self {
        let (taken, refused) = Default::default();
        LoadedArtifacts { store: store.clone(), step_back: false, taken, refused }
    }

    /// For a process that starts and has nothing yet that serves: when the promoted version does not verify, the newest
    /// before it that does is taken.
    pub fn at_start(store: &ArtifactStore) -> Self {
        LoadedArtifacts { step_back: true, ..LoadedArtifacts::of(store) }
    }

    /// The artifacts that were taken by name.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().clone()
    }

    /// What was passed over because it did not verify.
    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().clone()
    }

    /// The promoted version of an artifact; `None` when none was promoted yet.
    fn promoted(&self, name: &Name) -> Result<Option<Arc<dyn Model>>, ArtifactError> {
        let pointer = self.store.pointer(name)?;
        let promotion = pointer.as_ref().map(|pointer| pointer.current.clone());
        self.taken.lock().push(Taken { name: name.clone(), promotion });
        let Some(pointer) = pointer else { return Ok(None) };
        let first = match self.store.load_promoted(name, &pointer.current) {
            Ok(artifact) => return Ok(Some(Arc::new(artifact))),
            Err(error) if !self.step_back => return Err(error),
            Err(error) => error,
        };
        self.refused.lock().push(first.to_string());
        for earlier in pointer.history.iter().rev() {
            match self.store.load_promoted(name, earlier) {
                Ok(artifact) => {
                    tracing::error!(serving = artifact.id(), "the promoted artifact was refused: {first}");
                    return Ok(Some(Arc::new(artifact)));
                }
                Err(error) => self.refused.lock().push(error.to_string()),
            }
        }
        Err(first)
    }
}

/// `{ kind = "artifact", artifact = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    artifact: Name,
    version: Option<String>,
    fallback: Option<toml::Table>,
}

impl Settings {
    fn build(self, context: &BuildContext<'_>) -> Result<Published, BuildError> {
        let loaded: &LoadedArtifacts = context.resources.get()?;
        let invalid = |error: ArtifactError| BuildError::Invalid(error.to_string());
        let model = match &self.version {
            Some(version) => {
                Some(Arc::new(loaded.store.load(&self.artifact, Some(version)).map_err(invalid)?) as _)
            }
            None => loaded.promoted(&self.artifact).map_err(invalid)?,
        };
        match (model, self.fallback) {
            (Some(model), _) => Ok(Published(model)),
            (None, Some(table)) => Ok(Published(context.registry.build_model(table, context)?.into_part())),
            (None, None) => Err(invalid(loaded.store.not_promoted(&self.artifact))),
        }
    }
}

/// The model of an artifact, or what stands in for it.
struct Published(Arc<dyn Model>);

impl Model for Published {
    fn kind(&self) -> &'static str {
        "artifact"
    }

    fn version(&self) -> &str {
        self.0.version()
    }

    fn features(&self) -> &[Name] {
        self.0.features()
    }

    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.0.score(rows, scores)
    }

    fn raw(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.0.raw(rows, scores)
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        self.0.explain(rows, row)
    }
}
