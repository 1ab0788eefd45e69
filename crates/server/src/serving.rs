//! The recommenders and experiments that serve now: an immutable set behind an atomic pointer, replaced whole or not at
//! all.

mod place;
mod shape;

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

use crate::config::{
    BuiltRecommender, Config, ConfigErrors, Donor, ExperimentConfig, Pipelines, RecommenderConfig,
    ServerConfig,
};

pub(crate) use place::{Arm, Place, Route, Trial};
pub(crate) use shape::Shape;

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
    /// What the configuration builds.
    pipelines: Arc<Pipelines>,
    /// All pipelines: those of the recommenders, then those of variants.
    list: Vec<Arc<Served>>,
    /// The recommenders with their experiments, in the order of the file.
    places: Vec<Arc<Place>>,
    index: FxHashMap<Name, FxHashMap<Name, Arc<Place>>>,
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
        let pipelines = Arc::new(config.pipelines());
        Ok(Serving::of(config, running, artifacts, pipelines, list, metrics))
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
        let pipelines = Arc::new(config.pipelines());
        let mut failed: Vec<&RecommenderConfig> = Vec::new();
        for wanted in &pipelines.list {
            // Whatever says the same is the same, even if it was a variant and is the recommender now.
            let known = self.pipelines.list.iter().position(|old| old == wanted).filter(|_| shared);
            if let Some(at) = known {
                list.push(self.list[at].clone());
                continue;
            }
            if failed.iter().any(|failed| same(failed, wanted)) {
                // What is wrong with a recommender is wrong with its variants too, and is said once.
                continue;
            }
            let old = self.pipelines.list.iter().zip(&self.list).filter(|_| shared);
            let donors: Vec<Donor<'_>> = old
                .chain(pipelines.list.iter().zip(&list).filter(|_| failed.is_empty()))
                .map(|(config, served)| (config, &served.recommender))
                .collect();
            match config.build_next(wanted, None, &donors, &artifacts, stores, registry) {
                Ok(built) => list.push(Arc::new(Served::new(built, metrics))),
                Err(found) => {
                    failed.push(wanted);
                    errors.extend(found.0);
                }
            }
        }
        changes.compare(&self.config, &config, shared);
        if list.is_empty() && errors.is_empty() {
            // Says what an empty file wants.
            config.build(stores, registry)?;
        }
        match errors.is_empty() {
            true => {
                Ok((Serving::of(config, self.running.clone(), artifacts, pipelines, list, metrics), changes))
            }
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
        let (wanted, old) = (&self.pipelines.list[at], &self.list[at]);
        let serving = Some(&old.recommender);
        let built = self.config.build_next(wanted, serving, &[], &self.artifacts, stores, registry)?;
        let mut list = self.list.clone();
        list[at] = Arc::new(Served::new(built, metrics));
        let (config, running) = (self.config.clone(), self.running.clone());
        Ok(Serving::of(config, running, self.artifacts.clone(), self.pipelines.clone(), list, metrics))
    }

    /// The version of the model of a pipeline.
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
        pipelines: Arc<Pipelines>,
        list: Vec<Arc<Served>>,
        metrics: &Metrics,
    ) -> Self {
        let mut index: FxHashMap<Name, FxHashMap<Name, Arc<Place>>> = FxHashMap::default();
        let mut places = Vec::with_capacity(config.recommenders.len());
        for (recommender, base) in config.recommenders.iter().zip(&list) {
            let (corpus, source) = (recommender.corpus.clone(), recommender.source.clone());
            let trials = config
                .experiments
                .iter()
                .zip(&pipelines.of)
                .filter(|(on, _)| on.corpus == corpus && on.source == source && !on.stop)
                .map(|(experiment, of)| Arc::new(Trial::new(experiment, of, &list, metrics)))
                .collect();
            let place = Arc::new(Place { base: base.clone(), trials });
            places.push(place.clone());
            index.entry(corpus).or_default().insert(source, place);
        }
        Serving { config, running, artifacts, pipelines, list, places, index }
    }

    /// The recommender of a corpus and a source.
    ///
    /// # Errors
    /// `NOT_FOUND`, with those that there are.
    pub(crate) fn find(&self, corpus: &str, source: &str) -> Result<Arc<Place>, Status> {
        match self.index.get(corpus).and_then(|sources| sources.get(source)) {
            Some(place) => Ok(place.clone()),
            None => Err(self.not_found(corpus, source)),
        }
    }

    /// All pipelines: those of the recommenders in the order of the file, then those of variants.
    pub(crate) fn pipelines(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.list.iter()
    }

    /// The recommenders in the order of the file.
    pub(crate) fn recommenders(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.places.iter().map(|place| &place.base)
    }

    /// The experiments on a recommender in the order of the file, each with the models of its variants and then of its shadows.
    pub(crate) fn experiments(
        &self,
        corpus: &Name,
        source: &Name,
    ) -> impl Iterator<Item = (&ExperimentConfig, Vec<&str>)> {
        let all = self.config.experiments.iter().zip(&self.pipelines.of);
        let on = all.filter(move |(on, _)| on.corpus == *corpus && on.source == *source);
        on.map(|(experiment, (variants, shadows))| {
            (experiment, variants.iter().chain(shadows).map(|at| self.model(*at)).collect())
        })
    }

    /// The name of a pipeline, for messages.
    pub(crate) fn name(&self, at: usize) -> String {
        self.pipelines.list[at].place()
    }

    fn not_found(&self, corpus: &str, source: &str) -> Status {
        let short = |text: &str| text.chars().take(64).collect::<String>();
        let wanted = format!("{}/{}", short(corpus), short(source));
        let known: Vec<String> = self
            .recommenders()
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
    /// Recommenders that are new, as `corpus/source`, and experiments, as `experiment name`.
    pub added: Vec<String>,
    /// Those that are not what they were.
    pub changed: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
    /// Keys of the file that differ and take a restart.
    pub restart: Vec<&'static str>,
}

impl Changes {
    /// Notes what differs between two configurations; `shared` when what recommenders have in common does not.
    fn compare(&mut self, old: &Config, new: &Config, shared: bool) {
        let called =
            |recommender: &RecommenderConfig| format!("{}/{}", recommender.corpus, recommender.source);
        for wanted in &new.recommenders {
            match old.recommenders.iter().find(|old| same(old, wanted)) {
                None => self.added.push(called(wanted)),
                Some(known) if known != wanted || !shared => self.changed.push(called(wanted)),
                Some(_) => {}
            }
        }
        let gone = |known: &&RecommenderConfig| !new.recommenders.iter().any(|new| same(known, new));
        self.removed.extend(old.recommenders.iter().filter(gone).map(called));
        for wanted in &new.experiments {
            match old.experiments.iter().find(|old| old.name() == wanted.name()) {
                None => self.added.push(wanted.place()),
                Some(known) if known != wanted => self.changed.push(wanted.place()),
                Some(_) => {}
            }
        }
        for known in &old.experiments {
            if !new.experiments.iter().any(|new| new.name() == known.name()) {
                self.removed.push(known.place());
            }
        }
    }
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
