//! `affinity`: decayed interactions between the candidate and other people.

use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{EntityId, Name, View, days};
use recommend_stores::{StoreError, Stores};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, What};
use crate::plan::{Group, Values, sorted};

/// More partners than this are not looked at.
const MAX_PARTNERS: usize = 32;
/// Of each partner's timeline, the newest so many events count.
const MAX_EVENTS: usize = 2_000;

/// For corpora of people: the sum over the interactions between the candidate and the query's seeds (or the user who asks) of
/// `0.5^(age / half_life)`; 0 without any.
///
/// `from` are those that the partners did with the candidate, `to` those that the candidate did with the partners. The
/// partners are at most 32 seeds, and of each the newest 2,000 interactions of the window count. One or two look-ups per
/// partner, whatever the number of candidates.
///
/// ```
/// # use recommend_core::days;
/// # use recommend_features::Affinity;
/// let knows_those_in_the_conversation = Affinity::with_seeds().half_life(days(14)).feature();
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affinity {
    #[serde(default)]
    with: Partner,
    #[serde(default)]
    direction: Direction,
    pub(crate) corpus: Option<Name>,
    #[serde(default)]
    pub(crate) interactions: Vec<Name>,
    #[serde(default = "window", with = "recommend_core::duration")]
    pub(crate) window: Duration,
    #[serde(default = "half_life", with = "recommend_core::duration")]
    half_life: Duration,
}

fn window() -> Duration {
    days(90)
}

fn half_life() -> Duration {
    days(30)
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Partner {
    #[default]
    Seeds,
    User,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    #[default]
    Both,
    From,
    To,
}

impl Affinity {
    fn with(with: Partner) -> Self {
        Affinity {
            with,
            direction: Direction::Both,
            corpus: None,
            interactions: Vec::new(),
            window: window(),
            half_life: half_life(),
        }
    }

    /// With the entities already chosen.
    pub fn with_seeds() -> Self {
        Self::with(Partner::Seeds)
    }

    /// With the user who asks.
    pub fn with_user() -> Self {
        Self::with(Partner::User)
    }

    /// Only what the partners did with the candidate.
    #[must_use]
    pub fn only_from(mut self) -> Self {
        self.direction = Direction::From;
        self
    }

    /// Only what the candidate did with the partners.
    #[must_use]
    pub fn only_to(mut self) -> Self {
        self.direction = Direction::To;
        self
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
        self.window = window;
        self
    }

    /// After how long an interaction counts half.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> Self {
        self.half_life = half_life;
        self
    }

    /// The feature.
    pub fn feature(self) -> Feature {
        What::Affinity(self).into()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        for (key, value, example) in [("window", self.window, "90d"), ("half_life", self.half_life, "30d")] {
            if value.is_zero() {
                return Err(format!("`{key}` is 0; write for example {example:?}"));
            }
        }
        Ok(())
    }

    pub(crate) fn scope(&self) -> FeatureScope {
        FeatureScope::Pair
    }

    /// Adds the decayed interactions of one partner to the candidates' sums.
    async fn add(
        &self,
        stores: &Stores,
        view: &View<'_>,
        partner: EntityId,
        rows: &FxHashMap<EntityId, usize>,
        sums: &mut [f64],
    ) -> Result<(), StoreError> {
        let (query, store) = (view.query, &stores.interactions);
        let corpus = self.corpus.as_ref().unwrap_or(&query.corpus);
        let (since, now) = (query.now.before(self.window), query.now);
        let half_life = self.half_life.as_secs_f64();
        let mut add = |other: EntityId, time| {
            if let Some(row) = rows.get(&other) {
                sums[*row] += (-now.since(time).as_secs_f64() / half_life).exp2();
            }
        };
        let kinds = &self.interactions;
        if self.direction != Direction::To {
            let (tenant, user) = (query.tenant, partner.as_user());
            for event in store.user_timeline(tenant, user, corpus, kinds, since, now, MAX_EVENTS).await? {
                add(event.entity, event.time);
            }
        }
        if self.direction != Direction::From {
            let tenant = query.tenant;
            for event in store.entity_timeline(tenant, corpus, partner, kinds, since, now, MAX_EVENTS).await?
            {
                add(event.user.as_entity(), event.time);
            }
        }
        Ok(())
    }
}

/// All affinities of a request.
#[derive(Default)]
pub(crate) struct AffinityGroup {
    columns: Vec<usize>,
    affinities: Vec<Affinity>,
}

impl AffinityGroup {
    pub(crate) fn push(&mut self, affinity: &Affinity, column: usize) {
        self.columns.push(column);
        self.affinities.push(Affinity { interactions: sorted(&affinity.interactions), ..affinity.clone() });
    }
}

#[async_trait]
impl Group for AffinityGroup {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError> {
        let ids = view.candidates.ids();
        let rows: FxHashMap<EntityId, usize> = ids.iter().copied().zip(0..).collect();
        let mut values = vec![0.0; ids.len() * self.columns.len()];
        for (at, affinity) in self.affinities.iter().enumerate() {
            let mut sums = vec![0.0; ids.len()];
            let user = [view.query.user.as_entity()];
            let mut partners = match affinity.with {
                Partner::Seeds => view.query.seeds.iter().take(MAX_PARTNERS).copied().collect(),
                Partner::User => user.to_vec(),
            };
            partners.sort_unstable();
            partners.dedup();
            for partner in partners {
                affinity.add(stores, view, partner, &rows, &mut sums).await?;
            }
            for (row, sum) in sums.iter().enumerate() {
                values[row * self.columns.len() + at] = *sum as f32;
            }
        }
        Ok(values.into())
    }
}
