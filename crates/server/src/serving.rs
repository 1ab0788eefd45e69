//! The recommenders that serve now: an immutable set behind an atomic pointer, replaced whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use recommend_artifacts::{ArtifactStore, Taken};
use recommend_core::error::closest;
use recommend_core::{Name, Recommender, Registry, Stage};
use recommend_events::LogOptions;
use recommend_monitoring::{Metrics, RecommenderMetrics};
use recommend_stores::Stores;
use rustc_hash::FxHashMap;
use tonic::Status;

use crate::config::{BuiltRecommender, Config, ConfigErrors, RecommenderConfig, ServerConfig};

/// One recommender with what each of its requests needs, taken once.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) recommender: Recommender,
    pub(crate) timeout: Duration,
    pub(crate) metrics: RecommenderMetrics,
    /// The version of its model.
    pub(crate) model: Arc<str>,
    /// The names of its fetchers, in order.
    pub(crate) fetchers: Arc<[Name]>,
    /// The artifacts that its model follows, as they were when it was built.
    pub(crate) artifacts: Vec<Taken>,
}

impl Served {
    fn new(built: BuiltRecommender, metrics: &Metrics) -> Self {
        let recommender = built.recommender;
        let metrics = metrics.recommender(recommender.corpus(), recommender.source());
        for refused in &built.refused {
            metrics.artifact(false);
            tracing::error!("artifact refused: {refused}");
        }
        if !built.artifacts.is_empty() {
            metrics.artifact(true);
        }
        Served {
            timeout: built.timeout,
            metrics,
            artifacts: built.artifacts,
            model: recommender.model_version().into(),
            fetchers: recommender.components(Stage::Fetch).into(),
            recommender,
        }
    }
}

/// All recommenders of a configuration.
pub(crate) struct Serving {
    config: Config,
    /// The settings that the server was started with and that only a restart changes.
    running: Arc<(ServerConfig, LogOptions)>,
    /// Where the artifacts of its models lie.
    artifacts: ArtifactStore,
    list: Vec<Arc<Served>>,
    index: FxHashMap<Name, FxHashMap<Name, Arc<Served>>>,
}

impl Serving {
    /// Builds everything.
    pub(crate) fn new(
        config: Config,
        stores: &Stores,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<Self, ConfigErrors> {
        let artifacts = config.server.artifact_store();
        let built = config.build_all(&artifacts, stores, registry)?;
        let list = built.into_iter().map(|built| Arc::new(Served::new(built, metrics))).collect();
        let running = Arc::new((config.server.clone(), config.log.clone()));
        Ok(Serving::of(config, running, artifacts, list))
    }

    /// Builds what differs from these recommenders, and keeps what does not with all that it has warmed up.
    pub(crate) fn next(
        &self,
        config: Config,
        stores: &Stores,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<(Self, Changes), ConfigErrors> {
        let mut changes =
            Changes { restart: self.running.0.needs_restart(&config.server), ..Changes::default() };
        if self.running.1 != config.log {
            changes.restart.push("log");
        }
        let (old, new) = (&self.config.server, &config.server);
        let artifacts = match (&old.artifacts, &old.data) == (&new.artifacts, &new.data) {
            true => self.artifacts.clone(),
            false => new.artifact_store(),
        };
        let shared = self.config.same_features(&config)
            && old.timeout == new.timeout
            && artifacts.location() == self.artifacts.location();
        let (mut list, mut errors) = (Vec::with_capacity(config.recommenders.len()), Vec::new());
        for wanted in &config.recommenders {
            let known = self.config.recommenders.iter().position(|old| same(old, wanted));
            if let Some(at) = known
                && shared
                && self.config.recommenders[at] == *wanted
            {
                list.push(self.list[at].clone());
                continue;
            }
            let name = format!("{}/{}", wanted.corpus, wanted.source);
            if known.is_some() {
                changes.changed.push(name);
            } else {
                changes.added.push(name);
            }
            match config.build_next(wanted, None, &artifacts, stores, registry) {
                Ok(built) => list.push(Arc::new(Served::new(built, metrics))),
                Err(found) => errors.extend(found.0),
            }
        }
        for old in &self.config.recommenders {
            if !config.recommenders.iter().any(|new| same(old, new)) {
                changes.removed.push(format!("{}/{}", old.corpus, old.source));
            }
        }
        if list.is_empty() && errors.is_empty() {
            // Says what an empty file wants.
            config.build(stores, registry)?;
        }
        match errors.is_empty() {
            true => Ok((Serving::of(config, self.running.clone(), artifacts, list), changes)),
            false => Err(ConfigErrors(errors)),
        }
    }

    /// These recommenders with another model in one of them, which keeps all that its other components have warmed up.
    pub(crate) fn with_model(
        &self,
        at: usize,
        stores: &Stores,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<Self, ConfigErrors> {
        let (wanted, old) = (&self.config.recommenders[at], &self.list[at]);
        let serving = Some(&old.recommender);
        let built = self.config.build_next(wanted, serving, &self.artifacts, stores, registry)?;
        let mut list = self.list.clone();
        list[at] = Arc::new(Served::new(built, metrics));
        Ok(Serving::of(self.config.clone(), self.running.clone(), self.artifacts.clone(), list))
    }

    /// The version of the model of the recommender at this place of the file.
    pub(crate) fn model(&self, at: usize) -> &str {
        &self.list[at].model
    }

    /// The store of its artifacts.
    pub(crate) fn artifact_store(&self) -> &ArtifactStore {
        &self.artifacts
    }

    fn of(
        config: Config,
        running: Arc<(ServerConfig, LogOptions)>,
        artifacts: ArtifactStore,
        list: Vec<Arc<Served>>,
    ) -> Self {
        let mut index: FxHashMap<Name, FxHashMap<Name, Arc<Served>>> = FxHashMap::default();
        for served in &list {
            let (corpus, source) = (served.recommender.corpus(), served.recommender.source());
            index.entry(corpus.clone()).or_default().insert(source.clone(), served.clone());
        }
        Serving { config, running, artifacts, list, index }
    }

    /// The recommender of a corpus and a source.
    ///
    /// # Errors
    /// `NOT_FOUND`, with those that there are.
    pub(crate) fn find(&self, corpus: &str, source: &str) -> Result<Arc<Served>, Status> {
        match self.index.get(corpus).and_then(|sources| sources.get(source)) {
            Some(served) => Ok(served.clone()),
            None => Err(self.not_found(corpus, source)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.list.iter()
    }

    fn not_found(&self, corpus: &str, source: &str) -> Status {
        let short = |text: &str| text.chars().take(64).collect::<String>();
        let wanted = format!("{}/{}", short(corpus), short(source));
        let known: Vec<String> = self
            .list
            .iter()
            .map(|served| format!("{}/{}", served.recommender.corpus(), served.recommender.source()))
            .collect();
        let hint = match closest(known.iter().map(String::as_str), &wanted) {
            Some(close) => format!("did you mean {close}? "),
            None => String::new(),
        };
        Status::not_found(format!("there is no recommender {wanted}; {hint}there are {}", known.join(", ")))
    }
}

fn same(a: &RecommenderConfig, b: &RecommenderConfig) -> bool {
    a.corpus == b.corpus && a.source == b.source
}

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Recommenders that are new, as `corpus/source`.
    pub added: Vec<String>,
    /// Recommenders that are built anew.
    pub changed: Vec<String>,
    /// Recommenders that are gone.
    pub removed: Vec<String>,
    /// Keys of the file that differ and take a restart.
    pub restart: Vec<&'static str>,
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Changes::default() {
            return f.write_str("nothing changed");
        }
        let mut parts = Vec::new();
        for (what, list) in [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)] {
            if !list.is_empty() {
                parts.push(format!("{what} {}", list.join(", ")));
            }
        }
        if !self.restart.is_empty() {
            parts.push(format!("restart the server for {}", self.restart.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}
