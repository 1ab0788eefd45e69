//! `hour-of-week`: the share of somebody's activity that falls into an hour of the week.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use recommend_core::{EntityId, Name, Needs, Timestamp, Value, View};
use recommend_stores::{HourScope, StoreError, Stores};
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, What};
use crate::plan::{Group, Planner, Values, sorted};

const HOURS: usize = 168;
/// More seeds than this do not change a common rhythm, and each costs a look-up.
const MAX_SEEDS: usize = 32;

/// How much of the activity of a user, the tenant, the seeds (people) or the user's group falls into one of the 168 hours of
/// the week (UTC): `(count of the hour + smoothing) / (count + 168 · smoothing)`, between 0 and 1, where 1/168 is average.
///
/// The hour is that of the query's time; or, for a corpus of time slots, whose ids are the Unix seconds of their start, the
/// candidate's own. The group is the entity in an attribute of the user, and its activity the interactions with it.
///
/// ```
/// # use recommend_core::days;
/// # use recommend_features::HourOfWeek;
/// let when_the_team_writes = HourOfWeek::of_tenant().at_candidate().corpus("channel").window(days(60)).feature();
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourOfWeek {
    #[serde(default)]
    of: Whose,
    pub(crate) group: Option<Name>,
    #[serde(default)]
    at: At,
    pub(crate) corpus: Option<Name>,
    #[serde(default)]
    pub(crate) interactions: Vec<Name>,
    #[serde(default, with = "recommend_core::duration::option")]
    pub(crate) window: Option<Duration>,
    #[serde(default = "one")]
    smoothing: f32,
}

fn one() -> f32 {
    1.0
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Whose {
    #[default]
    User,
    Tenant,
    Seeds,
    Group,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum At {
    #[default]
    Now,
    Candidate,
}

impl HourOfWeek {
    fn of(of: Whose) -> Self {
        let (group, corpus, interactions) = (None, None, Vec::new());
        HourOfWeek { of, group, at: At::Now, corpus, interactions, window: None, smoothing: 1.0 }
    }

    /// Of the user who asks.
    pub fn of_user() -> Self {
        Self::of(Whose::User)
    }

    /// Of everybody in the corpus.
    pub fn of_tenant() -> Self {
        Self::of(Whose::Tenant)
    }

    /// Of the query's seeds, which are people, together.
    pub fn of_seeds() -> Self {
        Self::of(Whose::Seeds)
    }

    /// Of the entity in this attribute of the user.
    ///
    /// # Panics
    /// When the attribute is not a [`Name`]; for literals.
    #[track_caller]
    pub fn of_group(attribute: &'static str) -> Self {
        HourOfWeek { group: Some(Name::literal(attribute)), ..Self::of(Whose::Group) }
    }

    /// At the candidate's own hour, for corpora of time slots.
    #[must_use]
    pub fn at_candidate(mut self) -> Self {
        self.at = At::Candidate;
        self
    }

    /// In another corpus than the query's.
    ///
    /// # Panics
    /// When the corpus is not a [`Name`]; for literals.
    #[must_use]
    #[track_caller]
    pub fn corpus(mut self, corpus: &'static str) -> Self {
        self.corpus = Some(Name::literal(corpus));
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

    /// In the window of this length that ends at the query's time.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// As if each hour had seen this many more interactions, 0 or more.
    #[must_use]
    pub fn smoothing(mut self, smoothing: f32) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// The feature.
    pub fn feature(self) -> Feature {
        What::HourOfWeek(self).into()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if !(self.smoothing >= 0.0 && self.smoothing.is_finite()) {
            return Err(format!("`smoothing` is {}; write 0 or more", self.smoothing));
        }
        if self.window.is_some_and(|window| window.is_zero()) {
            return Err(
                "`window` is 0; write for example \"60d\", or leave it out for all that is held".into()
            );
        }
        match (self.of, &self.group) {
            (Whose::Group, None) => {
                Err("of = \"group\" needs `group`: the user attribute that holds the group".into())
            }
            (of, Some(_)) if of != Whose::Group => Err("`group` goes with of = \"group\" only".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn scope(&self) -> FeatureScope {
        match (self.at, self.of) {
            (At::Candidate, Whose::Tenant) => FeatureScope::Entity,
            (At::Candidate, _) => FeatureScope::Pair,
            (At::Now, Whose::Tenant) => FeatureScope::Tenant,
            (At::Now, Whose::Seeds) => FeatureScope::Query,
            (At::Now, _) => FeatureScope::User,
        }
    }

    pub(crate) fn plan(&self, planner: &mut Planner, column: usize) {
        if let Some(group) = &self.group {
            planner.need(Needs { user_attributes: vec![group.clone()], ..Needs::default() });
        }
        let wanted = Histogram {
            of: self.of,
            group: self.group.clone(),
            corpus: self.corpus.clone(),
            kinds: sorted(&self.interactions),
            window: self.window,
        };
        let group = &mut planner.hours;
        let histogram = group.histograms.iter().position(|h| *h == wanted).unwrap_or_else(|| {
            group.histograms.push(wanted);
            group.histograms.len() - 1
        });
        group.columns.push(column);
        group.reads.push(Read { histogram, at: self.at, smoothing: self.smoothing });
    }
}

/// Whose week, over which interactions.
#[derive(Debug, Clone, PartialEq)]
struct Histogram {
    of: Whose,
    group: Option<Name>,
    corpus: Option<Name>,
    kinds: Vec<Name>,
    window: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Read {
    histogram: usize,
    at: At,
    smoothing: f32,
}

/// All weeks of a request: each is looked up once, whatever the number of candidates.
#[derive(Default)]
pub(crate) struct HourGroup {
    histograms: Vec<Histogram>,
    columns: Vec<usize>,
    reads: Vec<Read>,
}

/// Counts by hour, and their sum.
struct Week {
    hours: Arc<[f32; HOURS]>,
    total: f32,
}

impl Week {
    fn new(hours: Arc<[f32; HOURS]>) -> Self {
        let total = hours.iter().sum();
        Week { hours, total }
    }

    fn share(&self, hour: usize, smoothing: f32) -> f32 {
        (self.hours[hour] + smoothing) / (self.total + HOURS as f32 * smoothing)
    }
}

impl Histogram {
    /// The week, or none when the user has no group.
    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Option<Week>, StoreError> {
        let query = view.query;
        let corpus = self.corpus.as_ref().unwrap_or(&query.corpus);
        let hours = async |whose| {
            stores.interactions.hours(query.tenant, corpus, whose, &self.kinds, self.window, query.now).await
        };
        let whose = match self.of {
            Whose::User => HourScope::User(query.user),
            Whose::Tenant => HourScope::Tenant,
            Whose::Group => {
                let group = self.group.as_ref().and_then(|name| view.user_attribute(name.as_str()));
                let Some(group) = group.and_then(Value::as_id) else { return Ok(None) };
                HourScope::Entity(group)
            }
            Whose::Seeds => {
                let seeds = query.seeds.iter().take(MAX_SEEDS);
                let weeks = join_all(seeds.map(|seed| hours(HourScope::User(seed.as_user())))).await;
                let mut sum = [0.0; HOURS];
                for week in weeks {
                    sum.iter_mut().zip(week?.iter()).for_each(|(sum, count)| *sum += count);
                }
                return Ok(Some(Week::new(Arc::new(sum))));
            }
        };
        Ok(Some(Week::new(hours(whose).await?)))
    }
}

/// The hour of the week at which a time slot starts.
fn hour_of_slot(slot: EntityId) -> usize {
    Timestamp::from_seconds(i64::try_from(slot.0).unwrap_or(i64::MAX)).hour_of_week()
}

#[async_trait]
impl Group for HourGroup {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError> {
        let weeks = join_all(self.histograms.iter().map(|histogram| histogram.load(stores, view))).await;
        let weeks = weeks.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (ids, now) = (view.candidates.ids(), view.query.now.hour_of_week());
        let mut values = Vec::with_capacity(ids.len() * self.reads.len());
        for id in ids {
            values.extend(self.reads.iter().map(|read| {
                let hour = if read.at == At::Now { now } else { hour_of_slot(*id) };
                weeks[read.histogram].as_ref().map_or(f32::NAN, |week| week.share(hour, read.smoothing))
            }));
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_and_smoothing_leaves_no_hour_at_zero() {
        let mut hours = [0.0; HOURS];
        hours[9] = 30.0;
        hours[10] = 10.0;
        let week = Week::new(Arc::new(hours));
        let sum: f32 = (0..HOURS).map(|hour| week.share(hour, 1.0)).sum();
        assert!((sum - 1.0).abs() < 1e-5);
        assert!(week.share(3, 1.0) > 0.0);
        assert_eq!(week.share(9, 0.0), 0.75);
        let empty = Week::new(Arc::new([0.0; HOURS]));
        assert_eq!(empty.share(5, 1.0), 1.0 / 168.0);
        assert!(empty.share(5, 0.0).is_nan());
    }
}
