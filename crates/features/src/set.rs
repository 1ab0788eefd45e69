//! The feature set of one recommender: plans what is wanted at build, fills it with one call per store and request.

use std::fmt;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use ndarray::ArrayViewMut2;
use recommend_core::error::closest;
use recommend_core::{BuildError, ComponentError, FeatureSource, Name, Needs, View};
use recommend_stores::Stores;
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::declarations::Declarations;
use crate::error::{FeatureError, FeatureErrors};
use crate::feature::What;
use crate::kinds::retrieval::Retrieval;
use crate::plan::{Plan, Planner};

/// The declared features that a recommender wants, ready to be filled.
///
/// Equal aggregates are computed once; all aggregates of a request are one call, all stored values of a scope one call.
/// When a store fails, its features are missing and all others are there.
///
/// ```
/// use recommend_core::{FeatureSource, IdCodec, Name};
/// use recommend_features::{Declarations, FeatureSet, Interactions};
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let declared = Declarations::new().with("messages", Interactions::of(["message"]).count());
/// let fetchers = [Name::literal("popular")];
/// let set = FeatureSet::new(&stores, &declared, ["messages", "popular.score"], &fetchers)?;
/// assert_eq!(set.features(), ["messages", "popular.score"]);
///
/// let error = FeatureSet::new(&stores, &declared, ["mesages"], &fetchers).unwrap_err();
/// assert!(error.to_string().contains("did you mean \"messages\"?"));
/// # Ok::<(), recommend_features::FeatureErrors>(())
/// ```
pub struct FeatureSet {
    stores: Stores,
    names: Vec<Name>,
    plan: Plan,
}

impl FeatureSet {
    /// Plans the features `wanted`, each once and in this order. `fetchers` are the names of the recommender's fetchers,
    /// whose scores and ranks are features too.
    ///
    /// # Errors
    /// Every name that is neither declared nor a fetcher's, and every declaration that does not fit.
    pub fn new<N: AsRef<str>>(
        stores: &Stores,
        declared: &Declarations,
        wanted: impl IntoIterator<Item = N>,
        fetchers: &[Name],
    ) -> Result<Self, FeatureErrors> {
        let mut planner = Planner::new(stores.codec);
        let (mut names, mut seen, mut errors) = (Vec::new(), FxHashSet::default(), Vec::new());
        for name in wanted {
            let name = name.as_ref();
            if !seen.insert(name.to_owned()) {
                continue;
            }
            match plan_one(&mut planner, declared, name, fetchers, names.len()) {
                Ok(name) => names.push(name),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(FeatureErrors(errors));
        }
        Ok(FeatureSet { stores: stores.clone(), names, plan: planner.finish() })
    }
}

/// Plans one feature into a column.
fn plan_one(
    planner: &mut Planner,
    declared: &Declarations,
    name: &str,
    fetchers: &[Name],
    column: usize,
) -> Result<Name, FeatureError> {
    let retrieval = Retrieval::named(name, fetchers);
    let wrong = |reason: String| FeatureError::declaration(name, reason);
    let named = Name::new(name).map_err(|error| wrong(error.to_string()))?;
    match (declared.get(name), retrieval) {
        (Some(_), Some(_)) => {
            Err(wrong("is what a fetcher provides by itself; rename the declared one".into()))
        }
        (None, Some(retrieval)) => {
            planner.plan.defaults.push(f32::NAN);
            planner.at_hand(column, retrieval);
            Ok(named)
        }
        (None, None) => Err(unknown(declared, name, fetchers)),
        (Some(feature), None) => {
            feature.check().map_err(wrong)?;
            planner.plan.defaults.push(feature.default.unwrap_or(f32::NAN));
            match &feature.what {
                What::Attribute(attribute) => attribute.plan(planner, column),
                What::Predicate(matches) => matches.plan(planner, column).map_err(wrong)?,
                What::Context(context) => context.plan(planner, &named, column),
                What::Aggregate(aggregated) => planner.aggregates.plain(aggregated, column),
                What::Ratio(ratio) => ratio.plan(planner, declared, column).map_err(wrong)?,
                What::HourOfWeek(hours) => hours.plan(planner, column),
                What::Relation(relation) => relation.plan(planner, column),
                What::Stored(stored) => stored.plan(planner, &named, column),
                What::Affinity(affinity) => planner.affinities.push(affinity, column),
                What::CoInteraction(shared) => planner.co_interactions.push(shared, column),
                What::Cosine(cosine) => planner.cosines.push(cosine, column),
            }
            Ok(named)
        }
    }
}

fn unknown(declared: &Declarations, name: &str, fetchers: &[Name]) -> FeatureError {
    let automatic: Vec<String> = fetchers
        .iter()
        .flat_map(|fetcher| ["score", "zscore", "rank"].map(|what| format!("{fetcher}.{what}")))
        .collect();
    let known = declared.names().map(Name::as_str).chain(automatic.iter().map(String::as_str));
    let hint = match closest(known, name) {
        Some(close) => format!("; did you mean {close:?}?"),
        None => {
            let table = if Name::new(name).is_ok_and(|n| !n.as_str().contains('.')) {
                name.to_owned()
            } else {
                format!("{name:?}")
            };
            format!(
                "; declare it, as in [features.{table}] kind = \"count\" window = \"7d\", or use one of {}",
                declared
                    .names()
                    .map(Name::as_str)
                    .chain(automatic.iter().map(String::as_str))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
    };
    FeatureError::Unknown { feature: name.to_owned(), hint }
}

impl fmt::Debug for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FeatureSet({:?})", self.names)
    }
}

#[async_trait]
impl FeatureSource for FeatureSet {
    fn kind(&self) -> &'static str {
        "declared"
    }

    fn features(&self) -> &[Name] {
        &self.names
    }

    fn needs(&self) -> Needs {
        self.plan.needs.clone()
    }

    async fn fill(&self, view: &View<'_>, mut block: ArrayViewMut2<'_, f32>) -> Result<(), ComponentError> {
        self.plan.fill_at_hand(view, &mut block);
        // Side by side, and each written as it comes: a store that fails or hangs takes only its own features along.
        let mut pending: FuturesUnordered<_> = self
            .plan
            .groups
            .iter()
            .map(async |group| (group, group.load(&self.stores, view).await))
            .collect();
        let mut failed = Ok(());
        while let Some((group, loaded)) = pending.next().await {
            match loaded {
                Ok(loaded) => {
                    self.plan.write(&**group, &loaded.values, &mut block);
                    failed = failed.and(loaded.trouble.map_or(Ok(()), |trouble| Err(trouble.into())));
                }
                Err(error) => failed = failed.and(Err(error.into())),
            }
        }
        failed
    }
}

/// `{ kind = "declared", features.members = { kind = "attribute", attribute = "members" } }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    features: toml::Table,
}

impl Settings {
    pub(crate) fn build(self, stores: &Stores, fetchers: &[Name]) -> Result<FeatureSet, BuildError> {
        let declared = Declarations::from_table(self.features)?;
        let names: Vec<Name> = declared.names().cloned().collect();
        Ok(FeatureSet::new(stores, &declared, names, fetchers)?)
    }
}
