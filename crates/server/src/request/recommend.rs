//! `Recommend`: from the request to a query.

use recommend_core::{Deadline, EntityId, IdCodec, Name, Query, RequestId, Timestamp};

use super::fields::{Invalid, at_most, finite, id, time};
use crate::limits::{MAX_CANDIDATES, MAX_CONTEXT, MAX_LIMIT, MAX_SEEDS};
use crate::proto::RecommendRequest;

/// What the server brings to a query.
pub(crate) struct Asked<'a> {
    /// The corpus of the recommender that answers.
    pub(crate) corpus: &'a Name,
    /// Its source.
    pub(crate) source: &'a Name,
    /// Names the request.
    pub(crate) request: RequestId,
    /// The server's time, when the client brings none.
    pub(crate) now: Timestamp,
    /// By when to answer.
    pub(crate) deadline: Deadline,
    /// The seed, when the client brings none.
    pub(crate) seed: u64,
}

/// Checks a request. The corpus and source are known to exist already.
pub(crate) fn query(codec: IdCodec, request: &RecommendRequest, asked: Asked<'_>) -> Result<Query, Invalid> {
    if !(1..=MAX_LIMIT).contains(&request.limit) {
        return Err(Invalid::new("limit", format_args!("must be 1 to {MAX_LIMIT}, not {}", request.limit)));
    }
    at_most("context", request.context.len(), MAX_CONTEXT)?;
    let mut context = Vec::with_capacity(request.context.len());
    for (key, value) in &request.context {
        let name = Name::new(key).map_err(|error| Invalid::new("context", error))?;
        finite(format_args!("context.{key}"), f64::from(*value))?;
        context.push((name, *value));
    }
    // A map has no order; a replay must see one.
    context.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(Query {
        request: asked.request,
        tenant: recommend_core::TenantId(id("tenant", codec.encode(&request.tenant))?),
        user: recommend_core::UserId(id("user", codec.encode(&request.user))?),
        corpus: asked.corpus.clone(),
        source: asked.source.clone(),
        limit: request.limit as usize,
        context,
        seeds: entities(codec, "seeds", &request.seeds, MAX_SEEDS)?,
        given: entities(codec, "candidates", &request.candidates, MAX_CANDIDATES)?,
        now: request.time.as_ref().map_or(Ok(asked.now), |at| time(format_args!("time"), at))?,
        deadline: asked.deadline,
        seed: request.seed.unwrap_or(asked.seed),
    })
}

fn entities(codec: IdCodec, field: &str, texts: &[String], max: usize) -> Result<Vec<EntityId>, Invalid> {
    at_most(field, texts.len(), max)?;
    texts
        .iter()
        .enumerate()
        .map(|(at, text)| match codec.encode(text) {
            Ok(number) => Ok(EntityId(number)),
            Err(error) => Err(Invalid::new(format_args!("{field}[{at}]"), error)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn check(request: &RecommendRequest) -> Result<Query, String> {
        let (corpus, source) = (Name::literal("channel"), Name::literal("browser"));
        let asked = Asked {
            corpus: &corpus,
            source: &source,
            request: RequestId(1),
            now: Timestamp(7),
            deadline: Deadline::after(Duration::from_secs(1)),
            seed: 9,
        };
        query(IdCodec::new([0; 16]), request, asked).map_err(|error| error.to_string())
    }

    fn good() -> RecommendRequest {
        RecommendRequest { tenant: "T1".into(), user: "U1".into(), limit: 5, ..RecommendRequest::default() }
    }

    #[test]
    fn what_the_client_leaves_out_comes_from_the_server() {
        let query = check(&good()).unwrap();
        assert_eq!((query.now, query.seed, query.limit), (Timestamp(7), 9, 5));
        let query = check(&RecommendRequest { seed: Some(0), ..good() }).unwrap();
        assert_eq!(query.seed, 0, "a seed of zero is a seed");
    }

    #[test]
    fn every_bad_field_is_named() {
        let long = "x".repeat(65);
        for (bad, message) in [
            (RecommendRequest { limit: 0, ..good() }, "`limit`: must be 1 to 1000, not 0"),
            (RecommendRequest { limit: u32::MAX, ..good() }, "`limit`: must be 1 to 1000"),
            (RecommendRequest { tenant: String::new(), ..good() }, "`tenant`: an id must not be empty"),
            (RecommendRequest { user: long.clone(), ..good() }, "`user`: an id has at most 64 bytes"),
            (
                RecommendRequest { seeds: vec!["a".into(), String::new()], ..good() },
                "`seeds[1]`: an id must not",
            ),
            (RecommendRequest { seeds: vec!["a".into(); 1001], ..good() }, "`seeds`: has 1001 items"),
            (RecommendRequest { candidates: vec!["a".into(); 10_001], ..good() }, "`candidates`: has 10001"),
            (
                RecommendRequest { context: [("hour".into(), f32::NAN)].into(), ..good() },
                "`context.hour`: must be",
            ),
            (
                RecommendRequest { context: [("Hour".into(), 1.0)].into(), ..good() },
                "`context`: \"Hour\" is not",
            ),
        ] {
            let error = check(&bad).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_request_makes_it_panic(
            tenant in ".{0,70}", user in ".{0,70}", limit: u32, seconds: i64, nanos: i32,
            context in prop::collection::hash_map(".{0,70}", any::<f32>(), 0..4),
            seeds in prop::collection::vec(".{0,70}", 0..4),
        ) {
            let time = Some(prost_types::Timestamp { seconds, nanos });
            let request = RecommendRequest { tenant, user, limit, context, seeds, time, ..Default::default() };
            if let Ok(query) = check(&request) {
                prop_assert!(query.context.iter().all(|(_, value)| value.is_finite()));
                prop_assert!(query.limit >= 1 && query.limit <= 1000);
            }
        }
    }
}
