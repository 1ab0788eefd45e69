//! From a configuration to recommenders: every component through the registry, every error with its line.

use std::time::Duration;

use recommend_artifacts::{ArtifactStore, LoadedArtifacts, Taken};
use recommend_core::{
    BuildContext, BuildError, Component, Name, Recommender, RecommenderBuilder, Registry, Resources, Stage,
};
use recommend_features::{FeatureErrors, FeatureSet};
use recommend_stores::Stores;

use super::error::{ConfigError, ConfigErrors};
use super::{ComponentConfig, Config, RecommenderConfig};

/// A recommender that is ready to serve, with what the configuration says about serving it.
#[derive(Debug)]
pub struct BuiltRecommender {
    /// The pipeline.
    pub recommender: Recommender,
    /// The deadline of a request that brings none.
    pub timeout: Duration,
    /// The artifacts that its model follows, as they were when it was built.
    pub artifacts: Vec<Taken>,
    /// Promoted artifacts that were passed over because they did not verify.
    pub refused: Vec<String>,
}

impl Config {
    /// Builds all recommenders, in the order of the file.
    ///
    /// # Errors
    /// Everything that does not fit, each with its line and the recommender and component that it is about.
    pub fn build(&self, stores: &Stores, registry: &Registry) -> Result<Vec<BuiltRecommender>, ConfigErrors> {
        let mut built = self.build_all(&self.server.artifact_store(), stores, registry)?;
        // Variants were built to see whether they fit.
        built.truncate(self.recommenders.len());
        Ok(built)
    }

    /// Builds all [`Config::pipelines`], in their order.
    pub(crate) fn build_all(
        &self,
        artifacts: &ArtifactStore,
        stores: &Stores,
        registry: &Registry,
    ) -> Result<Vec<BuiltRecommender>, ConfigErrors> {
        let mut errors = Vec::new();
        if self.recommenders.is_empty() {
            let reason = "has no [[recommender]]; `recommend new channel channel-browser` writes one".into();
            errors.push(ConfigError { line: None, ..self.error(0, None, reason) });
        }
        self.check_features(stores, &mut errors);
        let pipelines = self.pipelines().list;
        let mut built: Vec<Option<BuiltRecommender>> = Vec::with_capacity(pipelines.len());
        for pipeline in &pipelines {
            let base = |at: &usize| {
                pipelines[*at].corpus == pipeline.corpus && pipelines[*at].source == pipeline.source
            };
            // What is wrong with a recommender is wrong with its variants too, and is said once.
            let broken = (0..built.len()).find(base).is_some_and(|at| built[at].is_none());
            if broken {
                built.push(None);
                continue;
            }
            let donors: Vec<Donor<'_>> = pipelines
                .iter()
                .zip(&built)
                .filter_map(|(config, built)| Some((config, &built.as_ref()?.recommender)))
                .collect();
            let loaded = LoadedArtifacts::at_start(artifacts);
            let parts = Parts::new(self, stores, registry, loaded);
            let next = parts.build(pipeline, None, &donors, &mut errors);
            built.push(next);
        }
        ConfigErrors::unless_empty(errors, built.into_iter().flatten().collect())
    }

    /// Builds one recommender of the file, for tools that need no other.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub fn build_one(
        &self,
        recommender: &RecommenderConfig,
        stores: &Stores,
        registry: &Registry,
    ) -> Result<BuiltRecommender, ConfigErrors> {
        self.build_next(recommender, None, &[], &self.server.artifact_store(), stores, registry)
    }

    /// Builds one recommender of the file; with the one that serves now, only its model anew, and with donors, what they
    /// don't have yet.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub(crate) fn build_next(
        &self,
        recommender: &RecommenderConfig,
        serving: Option<&Recommender>,
        donors: &[Donor<'_>],
        artifacts: &ArtifactStore,
        stores: &Stores,
        registry: &Registry,
    ) -> Result<BuiltRecommender, ConfigErrors> {
        let mut errors = Vec::new();
        let loaded = LoadedArtifacts::of(artifacts);
        let built =
            Parts::new(self, stores, registry, loaded).build(recommender, serving, donors, &mut errors);
        match built {
            Some(built) if errors.is_empty() => Ok(built),
            _ => Err(ConfigErrors(errors)),
        }
    }
}

/// A recommender whose components others may share, with what it was built from.
pub(crate) type Donor<'a> = (&'a RecommenderConfig, &'a Recommender);

/// What recommenders are built from.
struct Parts<'a> {
    config: &'a Config,
    stores: &'a Stores,
    registry: &'a Registry,
    resources: Resources,
    loaded: LoadedArtifacts,
}

impl<'a> Parts<'a> {
    fn new(config: &'a Config, stores: &'a Stores, registry: &'a Registry, loaded: LoadedArtifacts) -> Self {
        let resources = Resources::new().with(stores.clone()).with(loaded.clone());
        Parts { config, stores, registry, resources, loaded }
    }

    fn build(
        &self,
        config: &RecommenderConfig,
        serving: Option<&Recommender>,
        donors: &[Donor<'_>],
        errors: &mut Vec<ConfigError>,
    ) -> Option<BuiltRecommender> {
        let before = errors.len();
        let mut builder = match serving {
            Some(serving) => serving.successor(),
            None => self.around(config, donors, errors),
        };
        let fetchers = builder.fetcher_names();
        let mut provided: Vec<Name> = Vec::new();
        for part in &config.feature_sources {
            if let Some(source) = self.part(config, part, &fetchers, Registry::build_feature_source, errors) {
                provided.extend_from_slice(source.part().features());
                builder = builder.features(source);
            }
        }
        let model = config
            .model
            .as_ref()
            .and_then(|part| self.part(config, part, &fetchers, Registry::build_model, errors));
        if errors.len() > before {
            // Features are judged by who reads them, so a part that is missing would only cause more messages.
            return None;
        }
        let mut wanted: Vec<Name> = config.features.iter().map(|(name, _)| name.clone()).collect();
        if let Some(model) = model {
            let reads = model.part().features().iter().filter(|name| !wanted.contains(name)).cloned();
            wanted.extend(reads.collect::<Vec<_>>());
            builder = builder.model(model);
        }
        wanted.retain(|name| !provided.contains(name));
        builder = builder.features(self.features(config, wanted, &fetchers, errors)?);
        match builder.build() {
            Ok(recommender) => Some(BuiltRecommender {
                recommender,
                timeout: config.timeout.unwrap_or(self.config.server.timeout),
                artifacts: self.loaded.taken(),
                refused: self.loaded.refused(),
            }),
            Err(error) => {
                errors.push(self.config.error(config.line, Some(config.place()), error.to_string()));
                None
            }
        }
    }

    /// Everything but features and model. What a donor has already is shared with all that it has warmed up.
    fn around(
        &self,
        config: &RecommenderConfig,
        donors: &[Donor<'_>],
        errors: &mut Vec<ConfigError>,
    ) -> RecommenderBuilder {
        let donors: Vec<Donor<'_>> = donors
            .iter()
            .filter(|(donor, _)| donor.corpus == config.corpus && donor.source == config.source)
            .copied()
            .collect();
        let mut builder = Recommender::builder(config.corpus.as_str(), config.source.as_str())
            .catalog(self.stores.catalog.clone());
        if let Some(max) = config.max_candidates {
            builder = builder.max_candidates(max);
        }
        for part in &config.fetchers {
            let known = shared(&donors, part, |donor| &donor.fetchers, Recommender::fetchers);
            let fetcher = known.or_else(|| self.part(config, part, &[], Registry::build_fetcher, errors));
            if let Some(fetcher) = fetcher {
                builder = builder.fetcher(fetcher);
            }
        }
        let fetchers = builder.fetcher_names();
        // What was built for other fetchers may read other columns.
        let alike = |donor: &&Donor<'_>| donor.1.components(Stage::Fetch) == fetchers;
        let donors: Vec<Donor<'_>> = donors.iter().filter(alike).copied().collect();
        for part in &config.filters {
            let known = shared(&donors, part, |donor| &donor.filters, Recommender::filters);
            let filter = known.or_else(|| self.part(config, part, &fetchers, Registry::build_filter, errors));
            if let Some(filter) = filter {
                builder = builder.filter(filter);
            }
        }
        for part in &config.rerankers {
            let known = shared(&donors, part, |donor| &donor.rerankers, Recommender::rerankers);
            let reranker =
                known.or_else(|| self.part(config, part, &fetchers, Registry::build_reranker, errors));
            if let Some(reranker) = reranker {
                builder = builder.reranker(reranker);
            }
        }
        builder
    }

    fn part<T: ?Sized>(
        &self,
        config: &RecommenderConfig,
        part: &ComponentConfig,
        fetchers: &[Name],
        build: impl FnOnce(&Registry, toml::Table, &BuildContext<'_>) -> Result<Component<T>, BuildError>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Component<T>> {
        let context = BuildContext {
            registry: self.registry,
            resources: &self.resources,
            codec: self.stores.codec,
            corpus: &config.corpus,
            source: &config.source,
            fetchers,
        };
        match build(self.registry, part.table.clone(), &context) {
            Ok(component) => Some(component),
            Err(error) => {
                let reason = error.to_string();
                errors.push(self.config.error(part.line_of(&reason), Some(config.place()), reason));
                None
            }
        }
    }

    /// The declared features that the recommender wants, as one feature source.
    fn features(
        &self,
        config: &RecommenderConfig,
        wanted: Vec<Name>,
        fetchers: &[Name],
        errors: &mut Vec<ConfigError>,
    ) -> Option<FeatureSet> {
        match FeatureSet::new(self.stores, &self.config.features, wanted, fetchers) {
            Ok(features) => Some(features),
            Err(FeatureErrors(found)) => {
                for error in &found {
                    let error = self.config.feature_error(error, Some(config));
                    // What is wrong with a declaration is so for every recommender that wants it.
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
                None
            }
        }
    }
}

/// The component of a donor that says the same, under the name that its own configuration gives it.
fn shared<T: ?Sized>(
    donors: &[Donor<'_>],
    part: &ComponentConfig,
    said: impl Fn(&RecommenderConfig) -> &Vec<ComponentConfig>,
    built: impl Fn(&Recommender) -> &[Component<T>],
) -> Option<Component<T>> {
    donors.iter().find_map(|(config, recommender)| {
        let at = said(config).iter().position(|known| known == part)?;
        let mut component = built(recommender).get(at)?.clone();
        // The donor may have numbered it to tell it from another of its kind.
        let name = part.table.get("name").or_else(|| part.table.get("kind")).and_then(toml::Value::as_str)?;
        component.name = Name::new(name).ok()?;
        Some(component)
    })
}
