//! 4. Replay: the clock and the randomness come in with the query, so a logged request can be answered again as it was.
//!
//! The recommender explores: now and then it gives a place to a candidate drawn by chance. The same query with the same
//! seed draws the same, later or on another machine; and what happened after the query's time does not exist for it.

use anyhow::Result;
use recommend_core::{EntityId, Interaction, Name, Outcome, Query, Recommender, RunOptions, days, hours};
use recommend_features::{Declarations, FeatureSet};
use recommend_fetchers::Popular;
use recommend_filters::{NotMember, NotPrivate};
use recommend_models::{Linear, Transform};
use recommend_rerankers::Explore;
use recommend_stores::{Stores, WriteBatch};

struct Replayed {
    first: Vec<EntityId>,
    again: Vec<EntityId>,
    with_another_seed: Vec<EntityId>,
    after_more_happened: Vec<EntityId>,
}

async fn replay() -> Result<Replayed> {
    let (workspace, stores) = recommend_examples::workspace_in_memory().await?;
    let recommender = Recommender::builder("channel", "explorer")
        .catalog(stores.catalog.clone())
        .fetcher(Popular::in_tenant(&stores).window(days(30)))
        .filter(NotPrivate)
        .filter(NotMember)
        .features(FeatureSet::new(
            &stores,
            &Declarations::new(),
            ["popular.score"],
            &[Name::literal("popular")],
        )?)
        .model(Linear::new("explorer").weight_with("popular.score", Transform::Log1p, 1.0))
        .reranker(Explore::new(0.3))
        .build()?;
    let person = workspace.people()[3].entity;
    let query = recommend_examples::query(&workspace, &stores, person, "channel", "explorer")?;
    let ask =
        async |query: &Query| -> Result<Outcome> { Ok(recommender.run(query, RunOptions::default()).await?) };

    let first = ask(&query).await?;
    for item in &first.items {
        let how = if item.propensity < 0.5 { "drawn by chance" } else { "the best one left" };
        println!(
            "{:<28} {:>6.3}  {how}, propensity {:.4}",
            workspace.label("channel", item.entity),
            item.score,
            item.propensity
        );
    }
    let again = ask(&query).await?;
    let with_another_seed = ask(&Query { seed: 2, ..query.clone() }).await?;
    // An hour later somebody storms into the least popular channel.
    storm(&stores, &query, first.items[first.items.len() - 1].entity).await?;
    let after_more_happened = ask(&query).await?;

    let ids = |outcome: &Outcome| outcome.items.iter().map(|item| item.entity).collect();
    let replayed = Replayed {
        first: ids(&first),
        again: ids(&again),
        with_another_seed: ids(&with_another_seed),
        after_more_happened: ids(&after_more_happened),
    };
    println!("the same again:            {}", replayed.first == replayed.again);
    println!("with another seed:         {}", replayed.first == replayed.with_another_seed);
    println!("after more had happened:   {}", replayed.first == replayed.after_more_happened);
    Ok(replayed)
}

async fn storm(stores: &Stores, query: &Query, entity: EntityId) -> Result<()> {
    let message = |n: u32| Interaction {
        id: stores.codec.interaction(query.tenant, &format!("storm-{n}")),
        request: None,
        tenant: query.tenant,
        user: query.user,
        corpus: Name::literal("channel"),
        entity,
        kind: Name::literal("message"),
        time: query.now.after(hours(1)),
        value: 1.0,
    };
    let batch = WriteBatch { interactions: (0..1000).map(message).collect(), ..WriteBatch::default() };
    stores.writer.write(query.tenant, batch).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    replay().await.map(|_| ())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_logged_request_is_answered_again_as_it_was() {
        let replayed = super::replay().await.unwrap();
        assert!(!replayed.first.is_empty());
        assert_eq!(replayed.first, replayed.again);
        assert_ne!(replayed.first, replayed.with_another_seed);
        assert_eq!(replayed.first, replayed.after_more_happened);
    }
}
