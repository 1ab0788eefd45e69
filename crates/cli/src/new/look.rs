//! What the data holds of a corpus, as far as a first recommender needs to know.

use anyhow::Result;
use recommend_core::{Name, Timestamp, UserId};
use recommend_stores::Stores;

/// Words in kinds that speak against an entity: they are no reason to recommend it.
const AGAINST: &[&str] =
    &["leave", "dismiss", "hide", "block", "unsub", "unfollow", "mute", "report", "delete", "remove"];

/// As many kinds as a hand can tune.
const KINDS: usize = 3;

/// What was found, over all tenants.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Entities that were put.
    pub(super) entities: usize,
    /// Attributes that any of them has.
    pub(super) attributes: Vec<Name>,
    /// Kinds of relation of users to them.
    pub(super) relations: Vec<Name>,
    /// The kinds of interaction that speak for an entity, most frequent first.
    pub(super) kinds: Vec<Name>,
    /// How many interactions of any kind.
    pub(super) interactions: usize,
    /// The last one.
    pub(super) last: Option<Timestamp>,
    /// A tenant and a user to try it with.
    pub(super) tenant: Option<String>,
    pub(super) user: Option<String>,
}

impl Look {
    /// Looks at the stores.
    pub(super) async fn at(stores: &Stores, corpus: &Name) -> Result<Self> {
        let mut look = Look::default();
        let mut kinds: Vec<(Name, usize)> = Vec::new();
        for (tenant, name) in stores.catalog.tenants().await? {
            for summary in stores.catalog.describe(tenant).await? {
                if summary.corpus == *corpus {
                    look.entities += summary.entities;
                    look.attributes.extend(summary.attributes.into_iter().map(|(name, _)| name));
                    let ties = summary.relations.into_iter().filter(|(_, ties)| *ties > 0);
                    look.relations.extend(ties.map(|(name, _)| name));
                }
            }
            for summary in stores.interactions.describe(tenant).await? {
                if summary.corpus == *corpus {
                    look.interactions += summary.count;
                    look.last = look.last.max(Some(summary.last));
                    match kinds.iter_mut().find(|(kind, _)| *kind == summary.kind) {
                        Some((_, count)) => *count += summary.count,
                        None => kinds.push((summary.kind, summary.count)),
                    }
                }
            }
            if look.user.is_none() {
                look.user = busiest(stores, tenant, corpus).await?;
                look.tenant = Some(name);
            }
        }
        look.attributes.sort();
        look.attributes.dedup();
        look.relations.sort();
        look.relations.dedup();
        kinds.retain(|(kind, _)| !AGAINST.iter().any(|word| kind.as_str().contains(word)));
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        look.kinds = kinds.into_iter().take(KINDS).map(|(kind, _)| kind).collect();
        Ok(look)
    }

    /// Whether there is anything of the corpus.
    pub(super) fn has_data(&self) -> bool {
        self.entities + self.interactions > 0
    }

    /// Whether an attribute is there; unknown counts as yes, because the first entity may bring it.
    pub(super) fn attribute(&self, name: &str) -> bool {
        self.entities == 0 || self.attributes.iter().any(|known| known == name)
    }

    /// Whether users have this relation to entities of the corpus.
    pub(super) fn relation(&self, name: &str) -> bool {
        self.relations.iter().any(|known| known == name)
    }
}

/// The user who did most in the corpus.
async fn busiest(stores: &Stores, tenant: recommend_core::TenantId, corpus: &Name) -> Result<Option<String>> {
    let mut most: Option<(usize, UserId)> = None;
    let mut each = |user: UserId, events: &[recommend_stores::Event]| {
        if most.is_none_or(|(n, _)| events.len() > n) {
            most = Some((events.len(), user));
        }
    };
    stores.interactions.scan_users(
        tenant,
        corpus,
        &[],
        Timestamp(i64::MIN),
        Timestamp(i64::MAX),
        &mut each,
    )?;
    let Some((_, user)) = most else { return Ok(None) };
    Ok(stores.catalog.names(tenant, &[user.0]).await?.into_iter().next().flatten())
}
