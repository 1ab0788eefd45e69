//! Real joins of a public Slack community, replayed: which channel does this user join next?

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use recommend_core::{
    Deadline, EntityId, Fetcher, IdCodec, Interaction, InteractionId, Name, Query, RequestId, TenantId,
    Timestamp, UserId, days, hours,
};
use recommend_fetchers::{Fallback, Popular, Related};
use recommend_stores::{Stores, WriteBatch};

const TENANT: TenantId = TenantId(1);
const TOP: usize = 10;

fn events(codec: &IdCodec) -> Option<Vec<Interaction>> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/clojurians-events/events.csv");
    let text = std::fs::read_to_string(file).ok()?;
    let interaction = |(line, text): (usize, &str)| {
        let fields: Vec<&str> = text.split(',').collect();
        Interaction {
            id: InteractionId(line as u128),
            request: None,
            tenant: TENANT,
            user: UserId(codec.encode(fields[1]).unwrap()),
            corpus: Name::literal("channel"),
            entity: EntityId(codec.encode(fields[2]).unwrap()),
            kind: Name::new(fields[3]).unwrap(),
            time: Timestamp::from_seconds(fields[0].parse().unwrap()),
            value: 1.0,
        }
    };
    Some(text.lines().enumerate().skip(1).map(interaction).collect())
}

fn query(user: UserId, now: Timestamp) -> Query {
    Query {
        request: RequestId(1),
        tenant: TENANT,
        user,
        corpus: Name::literal("channel"),
        source: Name::literal("test"),
        limit: 100,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now,
        deadline: Deadline::after(days(1)),
        seed: 0,
    }
}

/// The share of joins, of every third one, that were among the first ten proposals just before, of channels new to the user.
async fn recall(what: &str, fetcher: &dyn Fetcher, events: &[Interaction]) -> f64 {
    let (mut hits, mut joins) = (0_u32, 0_u32);
    for (at, join) in events.iter().enumerate().filter(|(_, e)| e.kind == "channel_join").step_by(3) {
        let known: Vec<EntityId> =
            events[..at].iter().filter(|e| e.user == join.user).map(|e| e.entity).collect();
        if known.is_empty() || known.contains(&join.entity) {
            continue;
        }
        let proposals = fetcher.fetch(&query(join.user, Timestamp(join.time.0 - 1))).await.unwrap();
        let new = proposals.ids().iter().filter(|id| !known.contains(id));
        hits += u32::from(new.take(TOP).any(|id| *id == join.entity));
        joins += 1;
    }
    let recall = f64::from(hits) / f64::from(joins.max(1));
    println!("{what}: recall@{TOP} {recall:.3} over {joins} joins");
    recall
}

#[tokio::test]
async fn what_people_join_these_days_and_what_goes_with_it_beats_popularity() {
    let codec = IdCodec::new([0; 16]);
    let Some(events) = events(&codec) else {
        println!("skipped: ../shared/data/clojurians-events is not here");
        return;
    };
    let stores = Stores::in_memory(codec);
    let batch = WriteBatch { interactions: events.clone(), ..WriteBatch::default() };
    stores.writer.write(TENANT, batch).await.unwrap();
    let trending =
        || Popular::in_tenant(&stores).interactions([Name::literal("channel_join")]).half_life(hours(12));
    let related = Related::to_history(&stores).interactions(["message", "channel_join"].map(Name::literal));

    let popular = recall("popular", &Popular::in_tenant(&stores), &events).await;
    let joined = recall("trending", &trending(), &events).await;
    let chain = recall("related, then trending", &Fallback::first(related).then(trending()), &events).await;
    assert!(joined > popular + 0.1 && chain > popular + 0.1, "{popular:.3} {joined:.3} {chain:.3}");
}
