//! Backfill: the interactions of the event log, written into stores again.
//!
//! The stores compute features from the interactions that they hold, by the same code whether those came live or from here,
//! and a row does not depend on the order in which they came: so a backfill and a live store agree. What a store
//! recognises by its id is not counted again.
//!
//! The log holds pseudonyms. Whose they are follows from the deployment's key and the ids of the people: those that the
//! stores know, and those that the caller names.

use recommend_core::{EntityId, Interaction, Name, TenantId, Timestamp, UserId};
use recommend_events::{LogError, LogReader, Pseudonymizer};
use recommend_stores::{IdBatch, StoreError, Stores, WriteBatch};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::deployment::Deployment;

/// How many interactions are written together.
const BATCH: usize = 5_000;

/// What is to be written again.
#[derive(Debug, Clone, Default)]
pub struct Backfill {
    /// Tenants by their strings, beside those that the stores know.
    pub tenants: Vec<String>,
    /// People by their strings, beside those that the stores know.
    pub people: Vec<String>,
    /// Nothing before this.
    pub since: Option<Timestamp>,
}

/// What a backfill did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backfilled {
    /// Interactions of the log in the time that was asked for.
    pub read: usize,
    /// Written now.
    pub written: usize,
    /// There already.
    pub known: usize,
    /// Of tenants whose string nobody knows.
    pub of_other_tenants: usize,
    /// Of people whose string nobody knows.
    pub of_strangers: usize,
}

/// Why a backfill stopped. What was written by then is; a second run goes on.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The stores.
    #[error(transparent)]
    Stores(#[from] StoreError),
    /// A string that is no id.
    #[error("{text:?} is no id: {reason}")]
    Id {
        /// The string.
        text: String,
        /// What is wrong.
        reason: String,
    },
}

/// Writes the interactions of a deployment's log into stores: its own, or others with the same keys.
///
/// # Errors
/// [`BackfillError`].
pub async fn backfill(
    deployment: &Deployment,
    into: &Stores,
    wish: &Backfill,
    mut progress: impl FnMut(usize, usize),
) -> Result<Backfilled, BackfillError> {
    deployment.log.flush().await?;
    let reader = LogReader::open(deployment.log.path())?;
    let since = wish.since.unwrap_or(Timestamp(i64::MIN));
    let mut rows = reader.interactions()?;
    rows.retain(|row| row.time >= since);
    // As they happened: those of a moment in an order of their own.
    rows.sort_unstable_by_key(|row| (row.time, row.id.0));
    let mut done = Backfilled { read: rows.len(), ..Backfilled::default() };
    let people = People::gather(deployment, into, wish).await?;
    let pseudonyms = deployment.pseudonyms();
    let mut batches: FxHashMap<TenantId, WriteBatch> = FxHashMap::default();
    let total = rows.len();
    for (at, row) in rows.into_iter().enumerate() {
        let Some((tenant, names)) = people.tenants.get(&row.tenant) else {
            done.of_other_tenants += 1;
            continue;
        };
        let entity = match pseudonyms.is_people(&row.corpus) {
            true => names.users.get(&row.entity).copied(),
            false => Some(row.entity),
        };
        let (Some(user), Some(entity)) = (names.users.get(&row.user).copied(), entity) else {
            done.of_strangers += 1;
            continue;
        };
        let batch = batches.entry(*tenant).or_insert_with(|| names.introduction.clone());
        batch.interactions.push(Interaction {
            id: row.id,
            request: row.request,
            tenant: *tenant,
            user: UserId(user),
            corpus: row.corpus,
            entity: EntityId(entity),
            kind: row.kind,
            time: row.time,
            value: row.value,
        });
        if batch.interactions.len() >= BATCH {
            let full = WriteBatch { interactions: std::mem::take(&mut batch.interactions), ..batch.clone() };
            batch.names.clear();
            write(into, *tenant, full, &mut done).await?;
            progress(at + 1, total);
        }
    }
    for (tenant, batch) in batches {
        write(into, tenant, batch, &mut done).await?;
    }
    progress(total, total);
    Ok(done)
}

async fn write(
    into: &Stores,
    tenant: TenantId,
    batch: WriteBatch,
    done: &mut Backfilled,
) -> Result<(), BackfillError> {
    let outcome = into.writer.write(tenant, batch).await?;
    done.written += outcome.accepted;
    done.known += outcome.duplicates;
    Ok(())
}

/// Whose a pseudonym is.
struct People {
    tenants: FxHashMap<u64, (TenantId, OfTenant)>,
}

/// The people of one tenant by pseudonym, and the strings that make their numbers readable.
#[derive(Default)]
struct OfTenant {
    users: FxHashMap<u64, u64>,
    introduction: WriteBatch,
}

impl People {
    async fn gather(deployment: &Deployment, into: &Stores, wish: &Backfill) -> Result<Self, BackfillError> {
        let (codec, pseudonyms) = (into.codec, deployment.pseudonyms());
        let bad = |text: &str, error: recommend_core::ids::IdError| BackfillError::Id {
            text: text.to_owned(),
            reason: error.to_string(),
        };
        let mut found: FxHashMap<TenantId, OfTenant> = FxHashMap::default();
        for text in &wish.tenants {
            let (tenant, name) = IdBatch::new(codec).tenant(text).map_err(|error| bad(text, error))?;
            found.entry(tenant).or_default().introduction.tenant_name = name;
        }
        for stores in [&deployment.stores, into] {
            for (tenant, _) in stores.catalog.tenants().await? {
                found.entry(tenant).or_default();
            }
        }
        let mut named = IdBatch::new(codec);
        let mut given = Vec::with_capacity(wish.people.len());
        for text in &wish.people {
            given.push(named.user(text).map_err(|error| bad(text, error))?.0);
        }
        let names = named.into_names();
        let mut tenants = FxHashMap::default();
        for (tenant, mut of) in found {
            let mut users: FxHashSet<u64> = given.iter().copied().collect();
            of.introduction.names.clone_from(&names);
            for stores in [&deployment.stores, into] {
                known_people(stores, tenant, &pseudonyms, &mut users).await?;
            }
            of.users = users.into_iter().map(|user| (pseudonyms.user(tenant, UserId(user)), user)).collect();
            tenants.insert(pseudonyms.tenant(tenant), (tenant, of));
        }
        Ok(People { tenants })
    }
}

/// The people that stores know: entities of corpora of people, and whoever did something.
async fn known_people(
    stores: &Stores,
    tenant: TenantId,
    pseudonyms: &Pseudonymizer,
    users: &mut FxHashSet<u64>,
) -> Result<(), StoreError> {
    let corpora: Vec<Name> =
        stores.catalog.describe(tenant).await?.into_iter().map(|summary| summary.corpus).collect();
    for corpus in corpora {
        if pseudonyms.is_people(&corpus) {
            users.extend(stores.catalog.entities(tenant, &corpus).await?.iter().map(|entity| entity.0));
            users.extend(stores.interactions.entities(tenant, &corpus).await?.iter().map(|entity| entity.0));
        }
        let (first, last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        stores.interactions.scan_users(tenant, &corpus, &[], first, last, &mut |user, _| {
            users.insert(user.0);
        })?;
    }
    Ok(())
}
