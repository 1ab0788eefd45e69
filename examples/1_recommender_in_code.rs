//! 1. A recommender in code: which channel to join.
//!
//! Popular channels and those that people with the same habits use; nothing private, nothing that the user is in; by a
//! hand-tuned model, with at most three channels of one topic.

use anyhow::Result;
use recommend_core::{Recommender, RunOptions, days};
use recommend_features::{Declarations, FeatureSet, Interactions};
use recommend_fetchers::{Popular, Related};
use recommend_filters::{NotArchived, NotMember, NotPrivate};
use recommend_models::{Linear, Transform};
use recommend_rerankers::CapPer;
use recommend_stores::Stores;

fn channel_browser(stores: &Stores) -> Result<Recommender> {
    let features =
        Declarations::new().with("messages_14d", Interactions::of(["message"]).window(days(14)).count());
    let model = Linear::new("channel")
        .weight("related.score", 3.0)
        .weight_with("popular.score", Transform::Log1p, 0.05)
        .weight_with("messages_14d", Transform::Log1p, 0.05);
    let builder = Recommender::builder("channel", "channel-browser")
        .catalog(stores.catalog.clone())
        .fetcher(Popular::in_tenant(stores).window(days(30)))
        .fetcher(Related::to_history(stores))
        .filter(NotPrivate)
        .filter(NotMember)
        .filter(NotArchived)
        .reranker(CapPer::group("topic", 3));
    let features = FeatureSet::new(stores, &features, model_features(&model), &builder.fetcher_names())?;
    Ok(builder.features(features).model(model).build()?)
}

fn model_features(model: &Linear) -> Vec<String> {
    recommend_core::Model::features(model).iter().map(ToString::to_string).collect()
}

async fn recommend() -> Result<usize> {
    let (workspace, stores) = recommend_examples::workspace_in_memory().await?;
    let recommender = channel_browser(&stores)?;
    let person = &workspace.people()[3];
    println!("channels for {}:", workspace.label("user", person.entity));
    let query = recommend_examples::query(&workspace, &stores, person.entity, "channel", "channel-browser")?;
    let outcome = recommender.run(&query, RunOptions::default()).await?;
    for (at, item) in outcome.items.iter().enumerate() {
        println!("{}. {:<28} {:.3}", at + 1, workspace.label("channel", item.entity), item.score);
    }
    for stage in &outcome.report.stages {
        println!(
            "   {:<9} {:>4} → {:<4} {:?}",
            stage.stage.to_string(),
            stage.candidates_in,
            stage.candidates_out,
            stage.time
        );
    }
    Ok(outcome.items.len())
}

#[tokio::main]
async fn main() -> Result<()> {
    recommend().await.map(|_| ())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_recommender_in_code_recommends() {
        assert_eq!(super::recommend().await.unwrap(), 5);
    }
}
