//! The recommender: the components of one (corpus, source), and the builder that puts them together.

mod builder;
mod run;

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::CatalogReader;
use crate::explain::{Explained, WhyNot};
use crate::features::{FeatureMatrix, FeatureSchema};
use crate::fetcher::Fetcher;
use crate::filter::Filter;
use crate::ids::EntityId;
use crate::model::Model;
use crate::names::Name;
use crate::report::{Report, Stage};
use crate::reranker::Reranker;
use crate::source::FeatureSource;
use crate::view::Needs;

pub use builder::RecommenderBuilder;

/// What the failure of a component does to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It fails the request.
    Required,
    /// The answer does without it and is marked degraded.
    Optional,
}

/// A component with its name and its failure policy. Any component turns into one, with its kind as the name and the
/// default policy: models are required, all others optional.
pub struct Component<T: ?Sized> {
    /// What reports, metrics and logs call it; unique within a recommender.
    pub name: Name,
    /// `None` is the default of its stage.
    pub policy: Option<Policy>,
    /// The most time that it gets, within the deadline.
    pub timeout: Option<Duration>,
    /// Shared, so that the recommender of the next configuration or model can go on with it.
    pub(crate) part: Arc<T>,
}

impl<T: ?Sized> Component<T> {
    /// A component under a name of its own.
    pub fn boxed(name: Name, part: Box<T>) -> Self {
        Component { name, policy: None, timeout: None, part: part.into() }
    }

    /// Its failure fails the request.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.policy = Some(Policy::Required);
        self
    }

    /// It gets at most this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The component itself.
    pub fn part(&self) -> &T {
        &self.part
    }

    /// The component itself, out of its wrapping.
    pub fn into_part(self) -> Arc<T> {
        self.part
    }
}

/// The same component once more, not a copy of it.
impl<T: ?Sized> Clone for Component<T> {
    fn clone(&self) -> Self {
        let (name, part) = (self.name.clone(), self.part.clone());
        Component { name, policy: self.policy, timeout: self.timeout, part }
    }
}

impl<T: ?Sized> std::fmt::Debug for Component<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Component({}, {:?}, {:?})", self.name, self.policy, self.timeout)
    }
}

macro_rules! into_component {
    ($($trait:ident)*) => {$(
        impl<C: $trait + 'static> From<C> for Component<dyn $trait> {
            fn from(part: C) -> Self {
                Component::boxed(Name::literal(part.kind()), Box::new(part))
            }
        }
    )*};
}
into_component!(Fetcher Filter FeatureSource Model Reranker);

/// The pipeline that serves one (corpus, source).
///
/// It is immutable and shared: a reload builds a new one and swaps the pointer.
pub struct Recommender {
    corpus: Name,
    source: Name,
    catalog: Option<Arc<dyn CatalogReader>>,
    fetchers: Vec<Component<dyn Fetcher>>,
    filters: Vec<Component<dyn Filter>>,
    sources: Vec<Component<dyn FeatureSource>>,
    model: Component<dyn Model>,
    rerankers: Vec<Component<dyn Reranker>>,
    schema: Arc<FeatureSchema>,
    /// For each feature of the model, its column in the schema.
    model_columns: Vec<usize>,
    needs: Needs,
    max_candidates: usize,
    user_corpus: Name,
    spare: run::spare::SpareMatrices,
}

impl Recommender {
    /// Starts a recommender for a corpus and a source; [`RecommenderBuilder::build`] checks the whole.
    pub fn builder(corpus: &str, source: &str) -> RecommenderBuilder {
        RecommenderBuilder::new(corpus, source)
    }

    /// Starts the recommender that follows this one when only its model changes: the same fetchers, filters and rerankers
    /// with all that they have warmed up. Feature sources and the model are still to be added.
    ///
    /// ```
    /// # use recommend_core::*;
    /// # fn swap(serving: &Recommender, model: Component<dyn Model>) -> Result<Recommender, BuildError> {
    /// let next = serving.successor().model(model).build()?;
    /// assert_eq!(next.components(Stage::Fetch), serving.components(Stage::Fetch));
    /// # Ok(next)
    /// # }
    /// ```
    pub fn successor(&self) -> RecommenderBuilder {
        RecommenderBuilder::after(self)
    }

    /// Its fetchers, in order, for another recommender to share.
    pub fn fetchers(&self) -> &[Component<dyn Fetcher>] {
        &self.fetchers
    }

    /// Its filters, in order, for another recommender to share.
    pub fn filters(&self) -> &[Component<dyn Filter>] {
        &self.filters
    }

    /// Its rerankers, in order, for another recommender to share.
    pub fn rerankers(&self) -> &[Component<dyn Reranker>] {
        &self.rerankers
    }

    /// The type of entity that it recommends.
    pub fn corpus(&self) -> &Name {
        &self.corpus
    }

    /// The part of the product that it serves.
    pub fn source(&self) -> &Name {
        &self.source
    }

    /// The features that it computes and logs.
    pub fn schema(&self) -> &Arc<FeatureSchema> {
        &self.schema
    }

    /// The version of its model.
    pub fn model_version(&self) -> &str {
        self.model.part.version()
    }

    /// What its components want of the catalog.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The names of the components of a stage, in order.
    pub fn components(&self, stage: Stage) -> Vec<Name> {
        fn names<T: ?Sized>(list: &[Component<T>]) -> Vec<Name> {
            list.iter().map(|c| c.name.clone()).collect()
        }
        match stage {
            Stage::Fetch => names(&self.fetchers),
            Stage::Lookup => Vec::new(),
            Stage::Filter => names(&self.filters),
            Stage::Features => names(&self.sources),
            Stage::Score => names(std::slice::from_ref(&self.model)),
            Stage::Rerank => names(&self.rerankers),
        }
    }
}

impl std::fmt::Debug for Recommender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recommender({}/{})", self.corpus, self.source)
    }
}

/// What to find out beside the answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// Explain every returned candidate.
    pub explain: bool,
    /// Tell what became of this entity.
    pub why_not: Option<EntityId>,
}

/// One place of the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recommended {
    /// What is recommended.
    pub entity: EntityId,
    /// Its score after reranking; finite.
    pub score: f32,
    /// The probability with which it got this place, given those above it.
    pub propensity: f32,
    /// Which fetchers proposed it: bit `i` is fetcher `i` of [`Recommender::components`].
    pub fetched_by: u64,
}

/// What a run returns: the slate, the features that were scored, and the report.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The answer, best first.
    pub items: Vec<Recommended>,
    /// The features of each item as the model read them, one row per item.
    pub features: FeatureMatrix,
    /// What happened.
    pub report: Report,
    /// Why each item is where it is; empty unless asked for.
    pub explained: Vec<Explained>,
    /// What became of the entity asked about.
    pub why_not: Option<WhyNot>,
}
