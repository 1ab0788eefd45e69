//! Proposes what its first fetcher gives, and asks the next one only when that is too little.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt;
use recommend_core::{
    BuildContext, BuildError, Component, ComponentError, Deadline, EntityId, Fetcher, Policy, Proposals,
    Query,
};
use rustc_hash::FxHashSet;
use serde::Deserialize;

/// Of the time of the query, the executor leaves about this share to a fetcher; the members divide it.
const FETCH_SHARE: f64 = 0.6;

/// The table of `fallback`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FallbackSettings {
    fetchers: Vec<toml::Value>,
    at_least: Option<usize>,
}

impl FallbackSettings {
    pub(crate) fn build(self, context: &BuildContext<'_>) -> Result<Fallback, BuildError> {
        let mut members = Vec::new();
        for (at, value) in self.fetchers.into_iter().enumerate() {
            let table = match value {
                toml::Value::Table(table) => table,
                toml::Value::String(kind) => toml::Table::from_iter([("kind".to_owned(), kind.into())]),
                other => {
                    let reason = format!("`fetchers` hold tables or kinds, not a {}", other.type_str());
                    return Err(BuildError::Invalid(reason));
                }
            };
            let member = context.registry.build_fetcher(table, context);
            members.push(
                member.map_err(|error| BuildError::Invalid(format!("in its fetcher {}: {error}", at + 1)))?,
            );
        }
        if members.is_empty() {
            return Err(BuildError::Invalid("`fetchers` is empty; list the fetchers to try in order".into()));
        }
        Ok(Fallback { members, at_least: self.at_least })
    }
}

/// A chain of fetchers: the next one is asked only while those before gave fewer than `at_least` entities, by default
/// the query's limit. What they gave is joined in that order, each entity once, and scores 1 / place: the members'
/// own scores are not on one scale.
///
/// A member that fails, panics or takes more than its part of the time is passed over, unless it is required. Only
/// when all that were asked failed does the chain fail.
///
/// ```
/// use recommend_core::{IdCodec, days};
/// use recommend_fetchers::{Fallback, Popular, Related};
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let chain = Fallback::first(Related::to_history(&stores)).then(Popular::in_tenant(&stores)).at_least(20);
/// ```
///
/// ```toml
/// { kind = "fallback", at_least = 20, fetchers = ["related", { kind = "popular", window = "30d" }] }
/// ```
pub struct Fallback {
    members: Vec<Component<dyn Fetcher>>,
    at_least: Option<usize>,
}

impl Fallback {
    /// The fetcher to ask first.
    pub fn first(fetcher: impl Into<Component<dyn Fetcher>>) -> Self {
        Fallback { members: vec![fetcher.into()], at_least: None }
    }

    /// The fetcher to ask when those before gave too few.
    #[must_use]
    pub fn then(mut self, fetcher: impl Into<Component<dyn Fetcher>>) -> Self {
        self.members.push(fetcher.into());
        self
    }

    /// How many are enough.
    #[must_use]
    pub fn at_least(mut self, at_least: usize) -> Self {
        self.at_least = Some(at_least);
        self
    }

    async fn ask(&self, at: usize, query: &Query) -> Result<Proposals, ComponentError> {
        let member = &self.members[at];
        let mut deadline = query.deadline;
        if at + 1 < self.members.len() {
            // The last one has what is left: nobody comes after it.
            deadline = deadline.share(FETCH_SHARE / self.members.len() as f64);
        }
        if let Some(timeout) = member.timeout {
            deadline = deadline.min(Deadline::after(timeout));
        }
        let fetching = AssertUnwindSafe(async { member.part().fetch(query).await }).catch_unwind();
        match tokio::time::timeout_at(deadline.instant(), fetching).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ComponentError::Panicked(format!("in {}", member.name))),
            Err(_) => Err(ComponentError::Timeout),
        }
    }
}

#[async_trait]
impl Fetcher for Fallback {
    fn kind(&self) -> &'static str {
        "fallback"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let enough = self.at_least.unwrap_or(query.limit);
        let (mut found, mut seen) = (Vec::<EntityId>::new(), FxHashSet::default());
        let (mut answered, mut first_error) = (false, None);
        for (at, member) in self.members.iter().enumerate() {
            match self.ask(at, query).await {
                Ok(proposals) => {
                    answered = true;
                    found.extend(proposals.ids().iter().filter(|id| seen.insert(**id)));
                }
                Err(error) if member.policy == Some(Policy::Required) => return Err(error),
                Err(error) => {
                    tracing::warn!(member = %member.name, %error, "a fallback chain passes over a fetcher");
                    first_error.get_or_insert(error);
                }
            }
            if found.len() >= enough {
                break;
            }
        }
        match first_error {
            Some(error) if !answered => Err(error),
            _ => Ok(found.into_iter().zip(1_u32..).map(|(id, place)| (id, 1.0 / place as f32)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use recommend_core::{IdCodec, Name, Registry, Resources, seconds};
    use recommend_stores::Stores;

    use super::*;
    use crate::testing::{ids, query};

    /// Proposes `n` entities from `from` on, or fails in one way or another; counts how often it was asked.
    #[derive(Clone)]
    struct Probe {
        from: u64,
        how: Result<u64, &'static str>,
        asked: Arc<AtomicUsize>,
    }

    fn probe(from: u64, how: Result<u64, &'static str>) -> Probe {
        Probe { from, how, asked: Arc::default() }
    }

    #[async_trait]
    impl Fetcher for Probe {
        fn kind(&self) -> &'static str {
            "probe"
        }

        async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match self.how {
                Ok(n) => Ok(Proposals::unscored((self.from..self.from + n).map(EntityId).collect())),
                Err("slow") => std::future::pending().await,
                Err("panic") => panic!("as told"),
                Err(other) => Err(ComponentError::Failed(other.into())),
            }
        }
    }

    #[tokio::test]
    async fn the_next_is_asked_only_when_there_are_too_few() {
        let (first, second, third) = (probe(1, Ok(3)), probe(3, Ok(2)), probe(50, Ok(9)));
        let chain = Fallback::first(first.clone()).then(second.clone()).then(third.clone()).at_least(4);
        let proposals = chain.fetch(&query()).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[1, 2, 3, 4]), "3 came twice");
        assert_eq!(proposals.iter().nth(3).unwrap().1, 0.25);
        assert_eq!(third.asked.load(Ordering::SeqCst), 0);
        let by_limit = Fallback::first(first).then(third.clone());
        assert_eq!(by_limit.fetch(&query()).await.unwrap().len(), 12, "the query wants 10");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_member_is_passed_over() {
        for how in ["error", "panic", "slow"] {
            let chain = Fallback::first(probe(1, Err(how))).then(probe(5, Ok(2)));
            let query = Query { deadline: Deadline::after(seconds(1)), ..query() };
            assert_eq!(chain.fetch(&query).await.unwrap().ids(), ids(&[5, 6]), "{how}");
            assert!(query.deadline.remaining() > Duration::from_millis(600), "and left time for the rest");
        }
    }

    #[tokio::test]
    async fn a_chain_fails_when_all_fail_or_a_required_one_does() {
        let all = Fallback::first(probe(1, Err("first"))).then(probe(1, Err("second")));
        assert_eq!(all.fetch(&query()).await, Err(ComponentError::Failed("first".into())));
        let required = Component::<dyn Fetcher>::from(probe(1, Err("first"))).required();
        let chain = Fallback::first(required).then(probe(5, Ok(2)));
        assert!(chain.fetch(&query()).await.is_err());
        let empty = Fallback::first(probe(1, Err("first"))).then(probe(1, Ok(0)));
        assert!(empty.fetch(&query()).await.unwrap().is_empty());
    }

    fn build(text: &str) -> Result<Component<dyn Fetcher>, String> {
        let mut registry = Registry::new();
        crate::register(&mut registry);
        let codec = IdCodec::new([0; 16]);
        let resources = Resources::new().with(Stores::in_memory(codec));
        let (corpus, source) = (Name::literal("channel"), Name::literal("test"));
        let (corpus, source) = (&corpus, &source);
        let context =
            BuildContext { registry: &registry, resources: &resources, codec, corpus, source, fetchers: &[] };
        registry.build_fetcher(toml::from_str(text).unwrap(), &context).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_written_as_a_list_of_fetchers() {
        let chain =
            "kind = 'fallback'\nat_least = 20\nfetchers = ['related', { kind = 'popular', window = '30d' }]";
        assert!(build(chain).is_ok());
        let nested = "kind = 'fallback'\nfetchers = [{ kind = 'fallback', fetchers = ['given'] }, 'all']";
        assert!(build(nested).is_ok());
        let error = build("kind = 'fallback'\nfetchers = ['given', { kind = 'popular', windw = '30d' }]")
            .unwrap_err();
        assert!(error.contains("fetcher 2") && error.contains("did you mean `window`?"), "{error}");
        assert!(build("kind = 'fallback'\nfetchers = []").unwrap_err().contains("is empty"));
        assert!(build("kind = 'fallback'\nfetchers = [3]").unwrap_err().contains("tables or kinds"));
    }
}
