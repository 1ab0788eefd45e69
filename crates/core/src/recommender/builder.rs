//! Puts components together and checks that they fit.

use std::sync::Arc;

use super::{Component, Recommender};
use crate::candidates::MAX_FETCHERS;
use crate::catalog::CatalogReader;
use crate::error::BuildError;
use crate::features::FeatureSchema;
use crate::fetcher::Fetcher;
use crate::filter::Filter;
use crate::model::Model;
use crate::names::Name;
use crate::reranker::Reranker;
use crate::source::FeatureSource;
use crate::view::Needs;

/// The most candidates that a run carries by default; what is proposed beyond is dropped and reported.
const DEFAULT_MAX_CANDIDATES: usize = 20_000;

/// Collects the components of a recommender. Order of calls is order of running within each stage.
pub struct RecommenderBuilder {
    corpus: String,
    source: String,
    catalog: Option<Arc<dyn CatalogReader>>,
    fetchers: Vec<Component<dyn Fetcher>>,
    filters: Vec<Component<dyn Filter>>,
    sources: Vec<Component<dyn FeatureSource>>,
    model: Option<Component<dyn Model>>,
    rerankers: Vec<Component<dyn Reranker>>,
    log_also: Option<Vec<Name>>,
    max_candidates: usize,
}

impl RecommenderBuilder {
    pub(super) fn new(corpus: &str, source: &str) -> Self {
        RecommenderBuilder {
            corpus: corpus.to_owned(),
            source: source.to_owned(),
            catalog: None,
            fetchers: Vec::new(),
            filters: Vec::new(),
            sources: Vec::new(),
            model: None,
            rerankers: Vec::new(),
            log_also: None,
            max_candidates: DEFAULT_MAX_CANDIDATES,
        }
    }

    pub(super) fn after(serving: &Recommender) -> Self {
        RecommenderBuilder {
            catalog: serving.catalog.clone(),
            fetchers: serving.fetchers.clone(),
            filters: serving.filters.clone(),
            rerankers: serving.rerankers.clone(),
            max_candidates: serving.max_candidates,
            ..RecommenderBuilder::new(serving.corpus.as_str(), serving.source.as_str())
        }
    }

    /// Where attributes and relations come from.
    #[must_use]
    pub fn catalog(mut self, catalog: Arc<dyn CatalogReader>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Adds a fetcher.
    #[must_use]
    pub fn fetcher(mut self, fetcher: impl Into<Component<dyn Fetcher>>) -> Self {
        self.fetchers.push(fetcher.into());
        self
    }

    /// Adds a filter.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Component<dyn Filter>>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// Adds a feature source. Its features join the schema; every one of them is computed and logged.
    #[must_use]
    pub fn features(mut self, source: impl Into<Component<dyn FeatureSource>>) -> Self {
        self.sources.push(source.into());
        self
    }

    /// Sets the model.
    #[must_use]
    pub fn model(mut self, model: impl Into<Component<dyn Model>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Features that the log must hold although the model does not read them yet. Building fails when no source
    /// provides one of them.
    #[must_use]
    pub fn log_also<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().filter_map(|name| Name::new(&name.into()).ok());
        self.log_also.get_or_insert_default().extend(names);
        self
    }

    /// Adds a reranker.
    #[must_use]
    pub fn reranker(mut self, reranker: impl Into<Component<dyn Reranker>>) -> Self {
        self.rerankers.push(reranker.into());
        self
    }

    /// Carries at most this many candidates through a run: the best by their ranks in the fetchers, fused.
    #[must_use]
    pub fn max_candidates(mut self, max: usize) -> Self {
        self.max_candidates = max.max(1);
        self
    }

    /// The names that the fetchers added so far will have.
    pub fn fetcher_names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.fetchers.iter().map(|f| f.name.clone()).collect();
        make_unique(names.iter_mut());
        names
    }

    /// Checks that the parts fit and makes the recommender.
    ///
    /// # Errors
    /// [`BuildError`] when the corpus or source is not a name, there is no fetcher or no model, two sources provide one
    /// feature, the model reads a feature that no source provides, or a component needs a catalog and there is none.
    pub fn build(mut self) -> Result<Recommender, BuildError> {
        let name = |what: &str, text: &str| {
            Name::new(text).map_err(|error| BuildError::Invalid(format!("the {what} {error}")))
        };
        let (corpus, source) = (name("corpus", &self.corpus)?, name("source", &self.source)?);
        let invalid = |reason: String| Err(BuildError::Invalid(reason));
        if self.fetchers.is_empty() {
            return invalid("a recommender needs at least one fetcher".into());
        }
        if self.fetchers.len() > MAX_FETCHERS {
            return invalid(format!("at most {MAX_FETCHERS} fetchers, not {}", self.fetchers.len()));
        }
        let Some(model) = self.model else {
            return invalid(
                "a recommender needs a model; { kind = \"linear\" } is the one to start with".into(),
            );
        };
        make_unique(self.fetchers.iter_mut().map(|c| &mut c.name));
        make_unique(self.filters.iter_mut().map(|c| &mut c.name));
        make_unique(self.sources.iter_mut().map(|c| &mut c.name));
        make_unique(self.rerankers.iter_mut().map(|c| &mut c.name));

        let mut names: Vec<Name> = Vec::new();
        for source in &self.sources {
            for feature in source.part.features() {
                if names.contains(feature) {
                    return invalid(format!("two feature sources provide {feature:?}; keep one"));
                }
                names.push(feature.clone());
            }
        }
        let schema = FeatureSchema::new(names);
        let columns = |wanted: &[Name], wanted_by: String| {
            schema.columns(wanted).map_err(|missing| BuildError::MissingFeatures {
                wanted_by,
                missing,
                declared: schema.names().iter().map(ToString::to_string).collect(),
            })
        };
        let model_columns = columns(model.part.features(), format!("the model {:?}", model.name.as_str()))?;
        columns(self.log_also.as_deref().unwrap_or_default(), "log_also".into())?;

        let mut needs = Needs::none();
        for part in &self.filters {
            needs = needs.and(part.part.needs());
        }
        for part in &self.sources {
            needs = needs.and(part.part.needs());
        }
        for part in &self.rerankers {
            needs = needs.and(part.part.needs());
        }
        if needs != Needs::none() && self.catalog.is_none() {
            return invalid(format!("components need {needs:?} of a catalog; add one with `.catalog(…)`"));
        }
        Ok(Recommender {
            corpus,
            source,
            catalog: self.catalog,
            fetchers: self.fetchers,
            filters: self.filters,
            sources: self.sources,
            model,
            rerankers: self.rerankers,
            schema: Arc::new(schema),
            model_columns,
            needs,
            max_candidates: self.max_candidates,
            user_corpus: Name::literal("user"),
            spare: Default::default(),
        })
    }
}

/// `popular`, `popular` becomes `popular`, `popular-2`.
fn make_unique<'a>(names: impl Iterator<Item = &'a mut Name>) {
    let mut seen: Vec<Name> = Vec::new();
    for name in names {
        let base = name.clone();
        let mut n = 1;
        while seen.contains(name) {
            n += 1;
            if let Ok(numbered) = Name::new(&format!("{base}-{n}")) {
                *name = numbered;
            }
        }
        seen.push(name.clone());
    }
}
