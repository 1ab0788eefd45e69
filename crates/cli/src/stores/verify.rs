//! Compares what two stores hold, through what a recommender would read.

use anyhow::Result;
use recommend_core::{Name, TenantId, Timestamp, UserId};
use recommend_stores::{Aggregate, AggregateSpec, Scope, Stores, Subject};

/// How many entities are compared at a time.
const PAGE: usize = 500;
/// How many users of a corpus have their relations and timelines compared.
const USERS: usize = 1_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) compared: u64,
    pub(super) differences: Vec<String>,
}

impl Checked {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: impl FnOnce() -> String, one: &T, other: &T) {
        self.compared += 1;
        if one != other {
            self.differences.push(format!("{}: {one:?} and {other:?}", what()));
        }
    }
}

/// Compares all entities, and the relations and interactions of up to 1,000 users of each corpus.
pub(super) async fn verify(from: &Stores, to: &Stores) -> Result<Checked> {
    let mut checked = Checked::default();
    let tenants = from.catalog.tenants().await?;
    checked.equal(|| "tenants".into(), &tenants, &to.catalog.tenants().await?);
    for (tenant, name) in tenants {
        let kinds = from.interactions.describe(tenant).await?;
        checked.equal(|| format!("{name}: interactions"), &kinds, &to.interactions.describe(tenant).await?);
        let corpora = from.catalog.describe(tenant).await?;
        for summary in corpora {
            let corpus = summary.corpus;
            let attributes: Vec<Name> = summary.attributes.into_iter().map(|(name, _)| name).collect();
            let relations: Vec<Name> = summary.relations.into_iter().map(|(name, _)| name).collect();
            let place = format!("{name} {corpus}");
            entities(from, to, (tenant, &corpus), &attributes, &place, &mut checked).await?;
            users(from, to, (tenant, &corpus), &relations, &place, &mut checked).await?;
        }
    }
    Ok(checked)
}

async fn entities(
    from: &Stores,
    to: &Stores,
    (tenant, corpus): (TenantId, &Name),
    attributes: &[Name],
    place: &str,
    checked: &mut Checked,
) -> Result<()> {
    let put = from.catalog.entities(tenant, corpus).await?;
    checked.equal(|| format!("{place}: entities"), &put, &to.catalog.entities(tenant, corpus).await?);
    for page in put.chunks(PAGE) {
        let one = from.catalog.attributes(tenant, corpus, page, attributes).await?;
        let other = to.catalog.attributes(tenant, corpus, page, attributes).await?;
        for (row, entity) in page.iter().enumerate() {
            for name in attributes {
                let what = || format!("{place} {entity:?}: {name}");
                checked.equal(what, &one.get(row, name.as_str()), &other.get(row, name.as_str()));
            }
        }
    }
    let acted = from.interactions.entities(tenant, corpus).await?;
    let spec = |aggregate| AggregateSpec {
        scope: Scope::Entity,
        corpus: None,
        kinds: Vec::new(),
        window: None,
        resolution: None,
        aggregate,
    };
    let specs = [Aggregate::Count, Aggregate::Recency].map(spec);
    let newest = from.interactions.describe(tenant).await?.iter().map(|kind| kind.last).max();
    let now = newest.unwrap_or(Timestamp(0));
    for page in acted.chunks(PAGE) {
        let subject = Subject { tenant, user: UserId(0), corpus, entities: page, now };
        let (mut one, mut other) = (vec![0.0; page.len() * 2], vec![0.0; page.len() * 2]);
        from.interactions.aggregate(&subject, &specs, &mut one).await?;
        to.interactions.aggregate(&subject, &specs, &mut other).await?;
        for (at, entity) in page.iter().enumerate() {
            let what = || format!("{place} {entity:?}: how many interactions, seconds since the last");
            checked.equal(what, &[one[2 * at], one[2 * at + 1]], &[other[2 * at], other[2 * at + 1]]);
        }
    }
    Ok(())
}

async fn users(
    from: &Stores,
    to: &Stores,
    (tenant, corpus): (TenantId, &Name),
    relations: &[Name],
    place: &str,
    checked: &mut Checked,
) -> Result<()> {
    let mut users = Vec::new();
    let (first, last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    from.interactions.scan_users(tenant, corpus, &[], first, last, &mut |user, _| {
        if users.len() < USERS {
            users.push(user);
        }
    })?;
    for user in users {
        let one = from.catalog.relations(tenant, user, corpus, relations).await?;
        let other = to.catalog.relations(tenant, user, corpus, relations).await?;
        checked.equal(|| format!("{place} {user:?}: relations"), &one, &other);
        let latest = async |stores: &Stores| {
            stores.interactions.user_timeline(tenant, user, corpus, &[], first, last, 100).await
        };
        let what = || format!("{place} {user:?}: the latest interactions");
        checked.equal(what, &latest(from).await?, &latest(to).await?);
    }
    Ok(())
}
