//! What the data holds, and whether a recommender can work with it.

use anyhow::Result;
use recommend_core::error::closest;
use recommend_core::{Clock, EntityId, Name, Recommender, TenantId, Timestamp, minutes};
use recommend_server::Config;
use recommend_server::config::RecommenderConfig;
use recommend_stores::Stores;
use recommend_stores::catalog::CorpusSummary;
use recommend_stores::interactions::KindSummary;

use super::finding::Finding;
use crate::import::time::show;

/// Clocks of clients may be this far ahead.
const SKEW: std::time::Duration = minutes(5);

/// Attributes that are a yes where they are and a no where they are not: none having one is no mistake.
const OPTIONAL: &[&str] = &["private", "archived", "deactivated"];

/// What all tenants together hold.
pub(super) struct Data {
    pub(super) tenants: Vec<Tenant>,
    now: Timestamp,
}

/// What one tenant holds.
pub(super) struct Tenant {
    pub(super) id: TenantId,
    pub(super) name: String,
    pub(super) catalog: Vec<CorpusSummary>,
    pub(super) kinds: Vec<KindSummary>,
    /// For each corpus: entities that are private, archived or deactivated, and those with interactions that the
    /// catalog does not hold.
    flags: Vec<(Name, Flags)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Flags {
    private: usize,
    archived: usize,
    unlisted: usize,
}

impl Data {
    /// Reads the summaries, and the attributes that decide about visibility.
    pub(super) async fn read(stores: &Stores, clock: &dyn Clock) -> Result<Self> {
        let mut tenants = Vec::new();
        for (id, name) in stores.catalog.tenants().await? {
            let catalog = stores.catalog.describe(id).await?;
            let kinds = stores.interactions.describe(id).await?;
            let mut corpora: Vec<Name> = catalog.iter().map(|summary| summary.corpus.clone()).collect();
            corpora.extend(kinds.iter().map(|summary| summary.corpus.clone()));
            corpora.sort();
            corpora.dedup();
            let mut flags = Vec::new();
            for corpus in corpora {
                let found = Flags::read(stores, id, &corpus).await?;
                flags.push((corpus, found));
            }
            tenants.push(Tenant { id, name, catalog, kinds, flags });
        }
        Ok(Data { tenants, now: clock.now() })
    }

    /// Whether nothing was written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// All kinds of interaction.
    pub(super) fn kinds(&self) -> Vec<&str> {
        let kinds = self.tenants.iter().flat_map(|tenant| &tenant.kinds).map(|summary| summary.kind.as_str());
        sorted(kinds.collect())
    }

    /// All kinds of relation.
    pub(super) fn relations(&self) -> Vec<&str> {
        let summaries = self.tenants.iter().flat_map(|tenant| &tenant.catalog);
        sorted(summaries.flat_map(|summary| &summary.relations).map(|(kind, _)| kind.as_str()).collect())
    }

    /// What is odd about the data itself.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.is_empty() {
            findings.push(Finding::warning(None, "the data folder is empty; `recommend import` fills it"));
        }
        for tenant in &self.tenants {
            for kind in tenant.kinds.iter().filter(|kind| kind.last > self.now.after(SKEW)) {
                findings.push(tenant.warning(format!(
                    "interactions {}/{} reach into the future, to {} UTC: a wrong time zone, or a clock that is ahead; \
                     windows do not count them yet",
                    kind.corpus,
                    kind.kind,
                    show(kind.last)
                )));
            }
            for summary in &tenant.catalog {
                let created = summary.attributes.iter().find(|(name, _)| *name == "created");
                let missing = summary.entities - created.map_or(0, |(_, n)| *n);
                if missing > 0 && created.is_some() {
                    let (n, corpus) = (summary.entities, &summary.corpus);
                    findings.push(tenant.warning(format!(
                        "{missing} of {n} entities of {corpus} have no `created`: they never count as new"
                    )));
                }
            }
            let interactions: usize = tenant.kinds.iter().map(|kind| kind.count).sum();
            let entities: usize = tenant.catalog.iter().map(|summary| summary.entities).sum();
            let text = format!("{entities} entities, {interactions} interactions");
            findings.push(Finding::note(Some(format!("tenant {}", tenant.name)), text));
        }
        findings
    }

    /// Whether a recommender finds what its components read.
    pub(super) fn check(
        &self,
        config: &Config,
        settings: &RecommenderConfig,
        recommender: &Recommender,
        findings: &mut Vec<Finding>,
    ) {
        let place = || Some(format!("{}:{}", config.file(), settings.line));
        let name = settings.place();
        let filters: Vec<String> = settings.filters.iter().map(|filter| filter.table.to_string()).collect();
        let guards = |words: &[&str]| filters.iter().any(|text| words.iter().any(|word| text.contains(word)));
        for tenant in &self.tenants {
            let corpus = recommender.corpus();
            let summary = tenant.catalog.iter().find(|summary| summary.corpus == *corpus);
            let acted = tenant.kinds.iter().any(|kind| kind.corpus == *corpus);
            let needs = recommender.needs();
            let who = &tenant.name;
            if summary.is_none() && !acted {
                // Time slots and the like are made by the fetcher, not put.
                if !settings.fetchers.iter().all(|part| kind_of(&part.table) == "time-slots") {
                    let text = format!("{name}: tenant {who} has nothing of the corpus {corpus}");
                    findings.push(Finding::warning(place(), text));
                }
                continue;
            }
            let known: Vec<&str> = summary
                .map(|s| s.attributes.iter().map(|(name, _)| name.as_str()).collect())
                .unwrap_or_default();
            for wanted in needs.attributes.iter().filter(|name| !OPTIONAL.contains(&name.as_str())) {
                if !known.contains(&wanted.as_str()) {
                    let hint = closest(known.iter().copied(), wanted.as_str());
                    let hint = hint.map(|close| format!("; did you mean {close:?}?")).unwrap_or_default();
                    let text = format!(
                        "{name} reads the attribute {:?}, which no {corpus} of tenant {who} has{hint}",
                        wanted.as_str()
                    );
                    findings.push(Finding::warning(place(), text));
                }
            }
            let flags = tenant.flags.iter().find(|(name, _)| name == corpus).map(|(_, flags)| *flags);
            let flags = flags.unwrap_or_default();
            if flags.private > 0 && !guards(&["not-private", "private"]) {
                findings.push(Finding::error(
                    place(),
                    format!(
                        "{name}: {} of the {corpus} entities of tenant {who} are private, and no filter keeps them \
                         from people who may not see them; add \"not-private\" to its filters",
                        flags.private
                    ),
                ));
            }
            if flags.archived > 0 && !guards(&["not-archived", "archived", "deactivated"]) {
                findings.push(Finding::warning(
                    place(),
                    format!(
                        "{name}: {} of the {corpus} entities of tenant {who} are archived or deactivated and may be \
                         recommended; add \"not-archived\" to its filters",
                        flags.archived
                    ),
                ));
            }
            if flags.unlisted > 0 && guards(&["not-private", "\"known\""]) {
                findings.push(Finding::warning(
                    place(),
                    format!(
                        "{name}: {} of the {corpus} entities of tenant {who} have interactions but were never put, so \
                         its filters drop them; put them with `recommend import entities`",
                        flags.unlisted
                    ),
                ));
            }
        }
    }
}

impl Tenant {
    fn warning(&self, text: String) -> Finding {
        Finding::warning(Some(format!("tenant {}", self.name)), text)
    }
}

impl Flags {
    async fn read(stores: &Stores, tenant: TenantId, corpus: &Name) -> Result<Self> {
        let names = ["private", "archived", "deactivated"].map(Name::literal);
        let listed = stores.catalog.entities(tenant, corpus).await?;
        let acted = stores.interactions.entities(tenant, corpus).await?;
        let mut flags = Flags {
            unlisted: acted.iter().filter(|id| listed.binary_search(id).is_err()).count(),
            ..Flags::default()
        };
        let ids: &[EntityId] = &listed;
        for chunk in ids.chunks(10_000) {
            let table = stores.catalog.attributes(tenant, corpus, chunk, &names).await?;
            let set = |row: usize, name: &Name| {
                table.get(row, name.as_str()).and_then(recommend_core::Value::as_bool) == Some(true)
            };
            for row in 0..chunk.len() {
                flags.private += usize::from(set(row, &names[0]));
                flags.archived += usize::from(set(row, &names[1]) || set(row, &names[2]));
            }
        }
        Ok(flags)
    }
}

/// The kind of a component.
pub(super) fn kind_of(table: &toml::Table) -> &str {
    table.get("kind").and_then(toml::Value::as_str).unwrap_or_default()
}

fn sorted(mut words: Vec<&str>) -> Vec<&str> {
    words.sort_unstable();
    words.dedup();
    words
}
