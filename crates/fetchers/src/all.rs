//! Proposes everything in the corpus.

use std::sync::Arc;

use async_trait::async_trait;
use recommend_core::{BuildError, ComponentError, EntityId, Fetcher, IdCodec, Predicate, Proposals, Query};
use recommend_stores::{Catalog, InteractionStore, Stores};
use serde::Deserialize;

use crate::settings::at_least_one;

/// How many entities a predicate is tried on at once.
const BATCH: usize = 1_024;

/// Where the entities are known from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// What was put into the catalog.
    Catalog,
    /// What has any interaction.
    Interactions,
    /// Either.
    #[default]
    Both,
}

/// The settings of [`All`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AllSettings {
    /// Where the entities are known from.
    pub from: From,
    /// Only those that this [`recommend_core::predicate`] says yes to.
    #[serde(rename = "where")]
    pub predicate: Option<String>,
    /// How many to propose at most, those with the smallest ids; `None` is all.
    #[serde(deserialize_with = "limit")]
    pub limit: Option<usize>,
}

fn limit<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    at_least_one(deserializer).map(Some)
}

/// Proposes all entities of the tenant's corpus, by id; each scores 1.
///
/// For corpora of up to some thousands: what comes after the fetchers works on every one of them. A predicate is tried
/// on each entity at each request; as a filter it costs the same and says why something is missing.
///
/// ```
/// use recommend_core::IdCodec;
/// use recommend_fetchers::All;
/// use recommend_stores::Stores;
///
/// let codec = IdCodec::new([0; 16]);
/// let stores = Stores::in_memory(codec);
/// let large = All::in_tenant(&stores).matching("members >= 20", &codec)?;
/// # Ok::<(), recommend_core::predicate::PredicateError>(())
/// ```
pub struct All {
    catalog: Arc<dyn Catalog>,
    interactions: Arc<dyn InteractionStore>,
    from: From,
    predicate: Option<Predicate>,
    limit: Option<usize>,
}

impl All {
    /// From its settings.
    ///
    /// # Errors
    /// [`BuildError::Invalid`] when the predicate does not parse.
    pub fn new(stores: &Stores, settings: AllSettings, codec: &IdCodec) -> Result<Self, BuildError> {
        let parse = |text: String| Predicate::parse(&text, codec);
        let predicate = settings.predicate.map(parse).transpose();
        let predicate = predicate.map_err(|error| BuildError::Invalid(format!("`where`: {error}")))?;
        let (from, limit) = (settings.from, settings.limit);
        Ok(All { predicate, limit, ..All::in_tenant(stores).from(from) })
    }

    /// Everything in the tenant of the query.
    pub fn in_tenant(stores: &Stores) -> Self {
        let (catalog, interactions) = (stores.catalog.clone(), stores.interactions.clone());
        All { catalog, interactions, from: From::Both, predicate: None, limit: None }
    }

    /// Only what is known from there.
    #[must_use]
    pub fn from(mut self, from: From) -> Self {
        self.from = from;
        self
    }

    /// Only what the predicate says yes to.
    ///
    /// # Errors
    /// When the predicate does not parse.
    pub fn matching(
        mut self,
        predicate: &str,
        codec: &IdCodec,
    ) -> Result<Self, recommend_core::predicate::PredicateError> {
        self.predicate = Some(Predicate::parse(predicate, codec)?);
        Ok(self)
    }

    /// How many to propose at most.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    async fn matches(
        &self,
        predicate: &Predicate,
        query: &Query,
        entities: impl Iterator<Item = EntityId> + Send,
        limit: usize,
    ) -> Result<Vec<EntityId>, ComponentError> {
        let mut entities = entities.peekable();
        let mut found = Vec::new();
        while entities.peek().is_some() && found.len() < limit {
            let batch: Vec<_> = entities.by_ref().take(BATCH).collect();
            let names = predicate.attributes();
            let table = self.catalog.attributes(query.tenant, &query.corpus, &batch, names).await?;
            if let Some(matcher) = predicate.on(query, &table) {
                let matching = batch.iter().enumerate().filter(|(row, _)| matcher.test(*row) == Some(true));
                found.extend(matching.map(|(_, id)| *id));
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

#[async_trait]
impl Fetcher for All {
    fn kind(&self) -> &'static str {
        "all"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let (tenant, corpus) = (query.tenant, &query.corpus);
        let put = async {
            match self.from {
                From::Interactions => Ok(Arc::default()),
                _ => self.catalog.entities(tenant, corpus).await,
            }
        };
        let touched = async {
            match self.from {
                From::Catalog => Ok(Arc::default()),
                _ => self.interactions.entities(tenant, corpus).await,
            }
        };
        let (put, touched): (Arc<[EntityId]>, Arc<[EntityId]>) = futures::try_join!(put, touched)?;
        let entities = union(&put, &touched);
        let limit = self.limit.unwrap_or(usize::MAX);
        let found = match &self.predicate {
            Some(predicate) => self.matches(predicate, query, entities, limit).await?,
            None => entities.take(limit).collect(),
        };
        Ok(Proposals::unscored(found))
    }
}

/// Both sorted lists as one, each id once.
fn union<'a>(mut a: &'a [EntityId], mut b: &'a [EntityId]) -> impl Iterator<Item = EntityId> + Send {
    std::iter::from_fn(move || {
        let next = match (a.first(), b.first()) {
            (Some(x), Some(y)) => *x.min(y),
            (Some(x), None) | (None, Some(x)) => *x,
            (None, None) => return None,
        };
        for list in [&mut a, &mut b] {
            if let Some((first, rest)) = list.split_first()
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use recommend_core::{TenantId, Value};

    use super::*;
    use crate::testing::{NOW, TENANT, World, ids, query, query_of};

    async fn world() -> World {
        let size = |n: f64| [("members", Value::Number(n))];
        let world =
            World::new().entity(3, &size(30.0)).await.entity(1, &size(10.0)).await.entity(2, &[]).await;
        world.events([(9, 4, "join", NOW), (9, 1, "join", NOW)]).await
    }

    #[tokio::test]
    async fn everything_known_from_anywhere_is_proposed_once() {
        let world = world().await;
        for (from, expected) in [
            (From::Both, ids(&[1, 2, 3, 4])),
            (From::Catalog, ids(&[1, 2, 3])),
            (From::Interactions, ids(&[1, 4])),
        ] {
            let all = All::in_tenant(&world.stores).from(from);
            assert_eq!(all.fetch(&query()).await.unwrap().ids(), expected);
        }
        let some = All::in_tenant(&world.stores).limit(2);
        assert_eq!(some.fetch(&query()).await.unwrap().ids(), ids(&[1, 2]));
    }

    #[tokio::test]
    async fn a_predicate_proposes_only_what_surely_matches() {
        let world = world().await;
        let build =
            |text: &str| All::new(&world.stores, toml::from_str(text).unwrap(), &IdCodec::new([0; 16]));
        let large = build("where = 'members >= 20'\nfrom = 'both'\nlimit = 5").unwrap();
        assert_eq!(large.fetch(&query()).await.unwrap().ids(), ids(&[3]));
        let small = build("where = 'members < 20'").unwrap();
        assert_eq!(small.fetch(&query()).await.unwrap().ids(), ids(&[1]));
        let error = build("where = 'members => 20'").err().unwrap().to_string();
        assert!(error.contains("`where`") && error.contains("column 9"), "{error}");
    }

    #[tokio::test]
    async fn another_tenant_has_nothing_of_it() {
        let world = world().await;
        let all = All::in_tenant(&world.stores);
        assert!(all.fetch(&query_of(TenantId(TENANT.0 + 1))).await.unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn a_union_is_sorted_and_whole(a: BTreeSet<u8>, b: BTreeSet<u8>) {
            let ids = |set: &BTreeSet<u8>| set.iter().map(|n| EntityId(u64::from(*n))).collect::<Vec<_>>();
            let expected: BTreeSet<u8> = a.union(&b).copied().collect();
            prop_assert_eq!(union(&ids(&a), &ids(&b)).collect::<Vec<_>>(), ids(&expected));
        }
    }
}
