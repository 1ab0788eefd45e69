//! The registry: components by the name that configuration calls them, from this workspace or anyone else's crate.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::{BuildError, closest};
use crate::fetcher::Fetcher;
use crate::filter::Filter;
use crate::ids::IdCodec;
use crate::model::Model;
use crate::names::Name;
use crate::recommender::{Component, Policy};
use crate::report::Stage;
use crate::reranker::Reranker;
use crate::source::FeatureSource;

/// What components are built from besides their settings: stores, indexes, clients; one value per type.
#[derive(Default)]
pub struct Resources(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Resources {
    /// Nothing yet.
    pub fn new() -> Self {
        Resources::default()
    }

    /// Adds a value, in place of an earlier one of its type.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
        self
    }

    /// The value of a type.
    ///
    /// # Errors
    /// [`BuildError::Invalid`] naming the type when it was not added.
    pub fn get<T: Send + Sync + 'static>(&self) -> Result<&T, BuildError> {
        self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref()).ok_or_else(|| {
            BuildError::Invalid(format!(
                "needs a {}, which this process does not have",
                std::any::type_name::<T>()
            ))
        })
    }
}

/// One component as the configuration spells it: `{ kind = "popular", window = "30d", required = true }`.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Which component.
    pub kind: String,
    /// What reports call it; the kind by default.
    pub name: Option<Name>,
    /// Whether its failure fails the request.
    pub required: Option<bool>,
    /// The most time that it gets.
    pub timeout: Option<Duration>,
    /// All other keys: the component's own settings.
    pub settings: toml::Table,
}

impl Spec {
    /// Splits a table of the configuration into the keys that every component has and its own.
    ///
    /// # Errors
    /// [`BuildError::Settings`] when `kind` is missing or a common key has the wrong type.
    pub fn from_table(stage: Stage, mut table: toml::Table) -> Result<Self, BuildError> {
        let wrong = |reason: String| BuildError::Settings { component: stage.to_string(), reason };
        let kind = match table.remove("kind") {
            Some(toml::Value::String(kind)) => kind,
            Some(other) => return Err(wrong(format!("`kind` must be a string, not {}", other.type_str()))),
            None => return Err(wrong("has no `kind`; write for example { kind = \"popular\" }".into())),
        };
        let wrong = |key: &str, error: String| BuildError::Settings {
            component: format!("{stage} {kind:?}"),
            reason: format!("`{key}`: {error}"),
        };
        let name = match table.remove("name") {
            None => None,
            Some(value) => {
                Some(value.try_into().map_err(|e: toml::de::Error| wrong("name", e.message().into()))?)
            }
        };
        let required = match table.remove("required") {
            None => None,
            Some(value) => {
                Some(value.as_bool().ok_or_else(|| wrong("required", "write true or false".into()))?)
            }
        };
        let timeout = match table.remove("timeout") {
            None => None,
            Some(toml::Value::String(text)) => {
                Some(crate::duration::parse(&text).map_err(|error| wrong("timeout", error))?)
            }
            Some(_) => return Err(wrong("timeout", "write a duration such as \"50ms\"".into())),
        };
        Ok(Spec { kind, name, required, timeout, settings: table })
    }

    fn component<T: ?Sized>(&self, part: Box<T>, kind: &'static str) -> Component<T> {
        let mut component = Component::boxed(self.name.clone().unwrap_or_else(|| Name::literal(kind)), part);
        component.policy =
            self.required.map(|required| if required { Policy::Required } else { Policy::Optional });
        component.timeout = self.timeout;
        component
    }
}

/// What a factory gets besides the settings.
#[derive(Clone, Copy)]
pub struct BuildContext<'a> {
    /// All components, for those that contain others.
    pub registry: &'a Registry,
    /// Stores and other shared values.
    pub resources: &'a Resources,
    /// Turns ids in the configuration into numbers.
    pub codec: IdCodec,
    /// The corpus of the recommender being built.
    pub corpus: &'a Name,
    /// Its source.
    pub source: &'a Name,
    /// The names of its fetchers, in order; empty while the fetchers themselves are built.
    pub fetchers: &'a [Name],
}

impl std::fmt::Debug for BuildContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BuildContext({}/{})", self.corpus, self.source)
    }
}

type Factory<T> = Box<dyn Fn(toml::Table, &BuildContext<'_>) -> Result<Box<T>, BuildError> + Send + Sync>;

/// Components by kind. `serve` starts with those of this workspace; another crate adds its own with one line:
///
/// ```
/// # use async_trait::async_trait;
/// # use recommend_core::*;
/// #[derive(serde::Deserialize)]
/// struct Nobody {}
///
/// #[async_trait]
/// impl Fetcher for Nobody {
///     fn kind(&self) -> &'static str { "nobody" }
///     async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> { Ok(Proposals::default()) }
/// }
///
/// let mut registry = Registry::new();
/// registry.fetcher("nobody", |settings: Nobody, _| Ok(settings));
/// ```
#[derive(Default)]
pub struct Registry {
    fetchers: BTreeMap<&'static str, Factory<dyn Fetcher>>,
    filters: BTreeMap<&'static str, Factory<dyn Filter>>,
    sources: BTreeMap<&'static str, Factory<dyn FeatureSource>>,
    models: BTreeMap<&'static str, Factory<dyn Model>>,
    rerankers: BTreeMap<&'static str, Factory<dyn Reranker>>,
}

macro_rules! registrable {
    ($stage:expr, $map:ident, $trait:ident, $register:ident, $build:ident, $what:literal) => {
        #[doc = concat!("Registers a ", $what, ": its settings are deserialized from the TOML table (use \
            `#[serde(deny_unknown_fields)]`), and `make` turns them into the component.")]
        pub fn $register<S, C, F>(&mut self, kind: &'static str, make: F)
        where
            S: DeserializeOwned,
            C: $trait + 'static,
            F: Fn(S, &BuildContext<'_>) -> Result<C, BuildError> + Send + Sync + 'static,
        {
            self.$map.insert(
                kind,
                Box::new(move |table, context| {
                    let settings = parse($stage, kind, table)?;
                    Ok(Box::new(make(settings, context).map_err(|error| located($stage, kind, error))?))
                }),
            );
        }

        #[doc = concat!("Builds a ", $what, " from its table.")]
        ///
        /// # Errors
        /// [`BuildError`] when the kind is unknown or the settings do not fit.
        pub fn $build(
            &self,
            table: toml::Table,
            context: &BuildContext<'_>,
        ) -> Result<Component<dyn $trait>, BuildError> {
            let spec = Spec::from_table($stage, table)?;
            let Some((kind, factory)) = self.$map.get_key_value(spec.kind.as_str()) else {
                return Err(BuildError::UnknownKind {
                    stage: $stage,
                    kind: spec.kind,
                    known: self.$map.keys().map(ToString::to_string).collect(),
                });
            };
            let part = factory(spec.settings.clone(), context)?;
            Ok(spec.component(part, kind))
        }
    };
}

impl Registry {
    /// No component.
    pub fn new() -> Self {
        Registry::default()
    }

    registrable!(Stage::Fetch, fetchers, Fetcher, fetcher, build_fetcher, "fetcher");
    registrable!(Stage::Filter, filters, Filter, filter, build_filter, "filter");
    registrable!(
        Stage::Features,
        sources,
        FeatureSource,
        feature_source,
        build_feature_source,
        "feature source"
    );
    registrable!(Stage::Score, models, Model, model, build_model, "model");
    registrable!(Stage::Rerank, rerankers, Reranker, reranker, build_reranker, "reranker");

    /// The kinds registered for a stage, sorted.
    pub fn kinds(&self, stage: Stage) -> Vec<&'static str> {
        match stage {
            Stage::Fetch => self.fetchers.keys().copied().collect(),
            Stage::Filter => self.filters.keys().copied().collect(),
            Stage::Features => self.sources.keys().copied().collect(),
            Stage::Score => self.models.keys().copied().collect(),
            Stage::Rerank => self.rerankers.keys().copied().collect(),
            Stage::Lookup => Vec::new(),
        }
    }
}

fn parse<S: DeserializeOwned>(stage: Stage, kind: &str, table: toml::Table) -> Result<S, BuildError> {
    toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        let reason = suggest(error.message());
        BuildError::Settings { component: format!("{stage} {kind:?}"), reason }
    })
}

/// Puts the component's name before a reason that does not say where it is from.
fn located(stage: Stage, kind: &str, error: BuildError) -> BuildError {
    match error {
        BuildError::Invalid(reason) => {
            BuildError::Settings { component: format!("{stage} {kind:?}"), reason }
        }
        other => other,
    }
}

/// Adds "did you mean" to serde's "unknown field `a`, expected one of `b`, `c`".
pub fn suggest(message: &str) -> String {
    let message = message.trim();
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match words.split_first() {
        Some((wanted, known)) if message.starts_with("unknown") => {
            match closest(known.iter().copied(), wanted) {
                Some(close) => format!("{message}; did you mean `{close}`?"),
                None => message.to_owned(),
            }
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{ComponentError, Proposals, Query};

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fixed {
        #[expect(dead_code, reason = "only its parsing is tested")]
        window: u32,
    }

    #[async_trait]
    impl Fetcher for Fixed {
        fn kind(&self) -> &'static str {
            "fixed"
        }
        async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
            Ok(Proposals::default())
        }
    }

    fn build(text: &str) -> Result<Component<dyn Fetcher>, String> {
        let mut registry = Registry::new();
        registry.fetcher("fixed", |settings: Fixed, _| Ok(settings));
        let (resources, name) = (Resources::new(), Name::literal("x"));
        let context = BuildContext {
            registry: &registry,
            resources: &resources,
            codec: IdCodec::new([0; 16]),
            corpus: &name,
            source: &name,
            fetchers: &[],
        };
        registry.build_fetcher(toml::from_str(text).unwrap(), &context).map_err(|e| e.to_string())
    }

    #[test]
    fn a_component_is_built_from_its_table() {
        let built = build("kind = \"fixed\"\nwindow = 3\nrequired = true\ntimeout = \"20ms\"").unwrap();
        assert_eq!(built.policy, Some(Policy::Required));
        assert_eq!(built.timeout, Some(Duration::from_millis(20)));
        assert_eq!(built.name, "fixed");
    }

    #[test]
    fn wrong_settings_name_the_component_and_the_fix() {
        let error = |text| build(text).err().unwrap();
        assert!(error("window = 3").contains("has no `kind`"));
        assert!(error("kind = \"fixd\"").contains("did you mean \"fixed\""));
        let unknown = error("kind = \"fixed\"\nwindw = 3");
        assert!(
            unknown.contains("fetcher \"fixed\"") && unknown.contains("did you mean `window`?"),
            "{unknown}"
        );
        assert!(error("kind = \"fixed\"\nwindow = 3\ntimeout = \"soon\"").contains("`timeout`"));
    }
}
