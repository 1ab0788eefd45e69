//! Interactions: what users did, as timelines of entities and of users.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};

use crate::error::StoreError;

/// One interaction as a timeline holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// With what (in a user's timeline).
    pub entity: EntityId,
    /// Who (in an entity's timeline).
    pub user: UserId,
    /// When.
    pub time: Timestamp,
    /// How much.
    pub value: f32,
    /// Which kind: its position in the `kinds` asked for, or 0 when all were.
    pub kind: u16,
}

/// Over which interactions an aggregate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All interactions with the candidate.
    Entity,
    /// All interactions of the user who asks, with any entity of the corpus.
    User,
    /// The interactions of the user who asks with the candidate.
    Pair,
    /// All interactions of the tenant in the corpus.
    Tenant,
}

/// What is computed of the interactions in the window `(now - window, now]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many; 0 without any.
    Count,
    /// The sum of their values; 0 without any.
    Sum,
    /// Seconds since the last one, NaN without any.
    Recency,
    /// How many different users (scopes entity and tenant) or entities (scope user); 0 without any.
    Distinct,
}

/// One aggregate, declared once and computed for all candidates of a request together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AggregateSpec {
    /// Over whose interactions.
    pub scope: Scope,
    /// In which corpus; `None` is that of the request.
    pub corpus: Option<Name>,
    /// Of which kinds; none means all.
    pub kinds: Vec<Name>,
    /// How far back; `None` is everything that is held.
    pub window: Option<Duration>,
    /// The window begins at a whole multiple of this since 1970, at or before where it would: two stores that hold buckets
    /// of that length or shorter agree then. `None` is as fine as the store can tell.
    pub resolution: Option<Duration>,
    /// What.
    pub aggregate: Aggregate,
}

impl AggregateSpec {
    /// The window's open beginning as of `now`; `None` is everything that is held.
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        after(now, self.window, self.resolution)
    }
}

fn after(now: Timestamp, window: Option<Duration>, resolution: Option<Duration>) -> Option<Timestamp> {
    let after = now.before(window?);
    let step = |resolution: Duration| i64::try_from(resolution.as_millis()).unwrap_or(i64::MAX).max(1);
    Some(match resolution {
        None => after,
        Some(resolution) => {
            let step = step(resolution);
            Timestamp((after.0.saturating_add(1).div_euclid(step) * step).saturating_sub(1))
        }
    })
}

/// Which interactions make entities go together: those of one user, both in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CoInteraction {
    /// In which corpus; `None` is that of the request.
    pub corpus: Option<Name>,
    /// Of which kinds; none means all. The two need not be of the same.
    pub kinds: Vec<Name>,
    /// As [`AggregateSpec::window`].
    pub window: Option<Duration>,
    /// As [`AggregateSpec::resolution`].
    pub resolution: Option<Duration>,
}

impl CoInteraction {
    /// As [`AggregateSpec::after`].
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        after(now, self.window, self.resolution)
    }
}

/// For whom and for which candidates aggregates are computed.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whose data.
    pub tenant: TenantId,
    /// Who asks.
    pub user: UserId,
    /// The corpus of the candidates.
    pub corpus: &'a Name,
    /// The candidates.
    pub entities: &'a [EntityId],
    /// Interactions after this do not exist yet.
    pub now: Timestamp,
}

/// Whose activity a histogram of the week shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HourScope {
    /// One user's interactions.
    User(UserId),
    /// The interactions with one entity.
    Entity(EntityId),
    /// Everybody's in the corpus.
    Tenant,
}

/// Batched reads over what users did. Kinds: an empty slice means all of them. Times: nothing after `now`/`until`
/// is seen, so that a replay in the past reads only what had happened.
#[async_trait]
pub trait InteractionStore: Send + Sync {
    /// Computes all `specs` for all candidates in one go: `out[i * specs.len() + j]` is spec `j` for entity `i`.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn aggregate(
        &self,
        subject: &Subject<'_>,
        specs: &[AggregateSpec],
        out: &mut [f32],
    ) -> Result<(), StoreError>;

    /// For each of the subject's entities, how many different users did something with it and with any of `partners`, the
    /// user who asks among them: `out[i]` is for entity `i`. Kept from the interactions as they are recorded, as aggregates
    /// are; a store that only estimates distinct users of popular entities estimates these too.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn co_interactions(
        &self,
        subject: &Subject<'_>,
        partners: &[EntityId],
        wanted: &CoInteraction,
        out: &mut [f32],
    ) -> Result<(), StoreError>;

    /// What a user did in a corpus in `(since, until]`, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    #[expect(clippy::too_many_arguments, reason = "a range query; a struct would only rename them")]
    async fn user_timeline(
        &self,
        tenant: TenantId,
        user: UserId,
        corpus: &Name,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// What was done with an entity in `(since, until]`, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    #[expect(clippy::too_many_arguments, reason = "a range query; a struct would only rename them")]
    async fn entity_timeline(
        &self,
        tenant: TenantId,
        corpus: &Name,
        entity: EntityId,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// For every entity with interactions in `(until - window, until]`: the sum over them of
    /// `0.5^((until - time) / half_life)`, or their number without a half-life. In no particular order.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn popularity(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        window: Option<Duration>,
        half_life: Option<Duration>,
        until: Timestamp,
    ) -> Result<Vec<(EntityId, f32)>, StoreError>;

    /// Interactions in `(until - window, until]` by hour of the week in UTC, Monday 00:00 first.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn hours(
        &self,
        tenant: TenantId,
        corpus: &Name,
        whose: HourScope,
        kinds: &[Name],
        window: Option<Duration>,
        until: Timestamp,
    ) -> Result<Arc<[f32; 168]>, StoreError>;

    /// Calls `each` with every user's events in the corpus in `(since, until]`, oldest first; users by id. For
    /// building indexes: it may take long and runs outside the request path.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    fn scan_users(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        each: &mut dyn FnMut(UserId, &[Event]),
    ) -> Result<(), StoreError>;

    /// All entities of a corpus with any interaction, by id.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError>;

    /// A number that grows with every interaction recorded in the corpus: what was derived from an older version is
    /// stale.
    fn version(&self, tenant: TenantId, corpus: &Name) -> u64;

    /// For each kind of a corpus: how many interactions, the first and the last time.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn describe(&self, tenant: TenantId) -> Result<Vec<KindSummary>, StoreError>;
}

/// What is held of one kind of interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindSummary {
    /// The corpus.
    pub corpus: Name,
    /// The kind.
    pub kind: Name,
    /// How many.
    pub count: usize,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
}
