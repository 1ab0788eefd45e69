//! `co-interaction`: how many users the candidate has in common with what was chosen, or with what the user did lately.

use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{EntityId, Name, View, days};
use recommend_stores::{CoInteraction as Wanted, StoreError, Stores, Subject};
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, What};
use crate::plan::{Group, Values, partial, sorted};

/// More partners than this are not looked at.
const MAX_PARTNERS: usize = 32;
/// Of the user's timeline, the newest so many events are looked through for them.
const MAX_EVENTS: usize = 2_000;

/// How many different users did something with the candidate and with any of its partners in the window: the query's seeds,
/// or the 32 entities that the user who asks was busy with last. That user counts too; 0 without any.
///
/// Exact in the embedded stores; in Redis exact up to 256 users of an entity and kind beyond its latest interactions, and an
/// estimate by inclusion and exclusion above. With a `resolution` all stores begin the window at the same moment.
///
/// ```
/// # use recommend_core::days;
/// # use recommend_features::CoInteractions;
/// let goes_with_the_chosen = CoInteractions::with_seeds().interactions(["join"]).window(days(90)).feature();
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoInteractions {
    #[serde(default)]
    with: Partners,
    pub(crate) corpus: Option<Name>,
    #[serde(default)]
    pub(crate) interactions: Vec<Name>,
    #[serde(default = "window", with = "recommend_core::duration::option")]
    pub(crate) window: Option<Duration>,
    #[serde(default, with = "recommend_core::duration::option")]
    resolution: Option<Duration>,
}

fn window() -> Option<Duration> {
    Some(days(90))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Partners {
    #[default]
    User,
    Seeds,
}

impl CoInteractions {
    fn with(with: Partners) -> Self {
        CoInteractions { with, corpus: None, interactions: Vec::new(), window: window(), resolution: None }
    }

    /// With what the user who asks was busy with last.
    pub fn with_user() -> Self {
        Self::with(Partners::User)
    }

    /// With the entities already chosen.
    pub fn with_seeds() -> Self {
        Self::with(Partners::Seeds)
    }

    /// Only interactions of these kinds.
    ///
    /// # Panics
    /// When a kind is not a [`Name`]; for literals.
    #[must_use]
    #[track_caller]
    pub fn interactions(mut self, kinds: impl IntoIterator<Item = &'static str>) -> Self {
        self.interactions = kinds.into_iter().map(Name::literal).collect();
        self
    }

    /// How far back.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// As [`crate::Interactions::resolution`].
    #[must_use]
    pub fn resolution(mut self, resolution: Duration) -> Self {
        self.resolution = Some(resolution);
        self
    }

    /// The feature.
    pub fn feature(self) -> Feature {
        What::CoInteraction(self).into()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let zero = |duration: Option<Duration>| duration.is_some_and(|duration| duration.is_zero());
        match (zero(self.window), zero(self.resolution)) {
            (true, _) => Err("`window` is 0; write for example \"90d\"".into()),
            (_, true) => Err("`resolution` is 0; write for example \"1d\"".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn scope(&self) -> FeatureScope {
        FeatureScope::Pair
    }

    pub(crate) fn explained(&self) -> String {
        let with = match self.with {
            Partners::User => "what the user was busy with last",
            Partners::Seeds => "what was chosen already",
        };
        format!("how many users the candidate has in common with {with}; 0 without any")
    }
}

/// All co-interactions of a request: one call for each.
#[derive(Default)]
pub(crate) struct CoInteractionGroup {
    columns: Vec<usize>,
    wanted: Vec<(Partners, Wanted)>,
}

impl CoInteractionGroup {
    pub(crate) fn push(&mut self, feature: &CoInteractions, column: usize) {
        let CoInteractions { with, corpus, interactions, window, resolution } = feature.clone();
        self.columns.push(column);
        self.wanted.push((with, Wanted { corpus, kinds: sorted(&interactions), window, resolution }));
    }
}

/// The entities that the user who asks was busy with last, latest first.
async fn busy_with(stores: &Stores, view: &View<'_>, wanted: &Wanted) -> Result<Vec<EntityId>, StoreError> {
    let query = view.query;
    let corpus = wanted.corpus.as_ref().unwrap_or(&query.corpus);
    let since = wanted.after(query.now).unwrap_or(recommend_core::Timestamp(i64::MIN));
    let read = stores.interactions.user_timeline(
        query.tenant,
        query.user,
        corpus,
        &wanted.kinds,
        since,
        query.now,
        MAX_EVENTS,
    );
    let mut latest = Vec::new();
    for event in read.await? {
        if latest.len() < MAX_PARTNERS && !latest.contains(&event.entity) {
            latest.push(event.entity);
        }
    }
    Ok(latest)
}

#[async_trait]
impl Group for CoInteractionGroup {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError> {
        let (query, entities) = (view.query, view.candidates.ids());
        let subject = Subject {
            tenant: query.tenant,
            user: query.user,
            corpus: &query.corpus,
            entities,
            now: query.now,
        };
        let width = self.columns.len();
        let (mut values, mut trouble) = (vec![f32::NAN; entities.len() * width], None);
        let mut shared = vec![0.0; entities.len()];
        for (at, (with, wanted)) in self.wanted.iter().enumerate() {
            let partners = match with {
                Partners::Seeds => query.seeds.iter().take(MAX_PARTNERS).copied().collect(),
                Partners::User => busy_with(stores, view, wanted).await?,
            };
            shared.fill(0.0);
            if !partners.is_empty() {
                let asked = stores.interactions.co_interactions(&subject, &partners, wanted, &mut shared);
                trouble = partial(asked.await)?.or(trouble);
            }
            for (row, shared) in values.chunks_exact_mut(width).zip(&shared) {
                row[at] = *shared;
            }
        }
        Ok(Values { values, trouble })
    }
}
