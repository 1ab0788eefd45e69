//! The seven recommenders of `workspace/recommend.toml`, judged by the tastes that only the simulator knows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use recommend_core::{Deadline, EntityId, IdCodec, Outcome, Query, RequestId, RunOptions, UserId, seconds};
use recommend_server::config::BuiltRecommender;
use recommend_server::{Config, default_registry};
use recommend_simulator::{Ask, Personas, Settings, Visit, Workspace};
use recommend_stores::Stores;
use tokio::sync::OnceCell;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/workspace/recommend.toml");
const SLATE: usize = 5;

struct World {
    workspace: Workspace,
    stores: Stores,
    recommenders: Vec<BuiltRecommender>,
}

/// How much people want what they get, what chance would give them, and the best that there is: means over many people.
struct Judged {
    wanted: f64,
    by_chance: f64,
    best: f64,
}

impl Judged {
    /// How much of the way from chance to the best there is was gone, 0 to 1.
    fn way(&self) -> f64 {
        (self.wanted - self.by_chance) / (self.best - self.by_chance)
    }
}

/// One workspace for all tests: 500 people and 200 channels.
async fn world() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    WORLD.get_or_init(make_world).await
}

async fn make_world() -> World {
    let settings = Settings { people: 500, channels: 200, days: 60, seed: 3, ..Settings::default() };
    let workspace = Workspace::generate(settings).unwrap();
    let stores = Stores::in_memory(IdCodec::new([5; 16]));
    let tenant = workspace.tenant(stores.codec).unwrap();
    for batch in workspace.batches(stores.codec, 5_000).unwrap() {
        stores.writer.write(tenant, batch).await.unwrap();
    }
    let config = Config::load(CONFIG.as_ref()).unwrap_or_else(|errors| panic!("{errors}"));
    let recommenders = config.build(&stores, &default_registry()).unwrap_or_else(|errors| panic!("{errors}"));
    World { workspace, stores, recommenders }
}

impl World {
    async fn ask(&self, source: &str, ask: &Ask) -> Outcome {
        let recommender =
            self.recommenders.iter().map(|built| &built.recommender).find(|r| *r.source() == source).unwrap();
        let query = Query {
            request: RequestId(1),
            tenant: self.workspace.tenant(self.stores.codec).unwrap(),
            user: UserId(self.workspace.people()[ask.person].entity.0),
            corpus: recommender.corpus().clone(),
            source: recommender.source().clone(),
            limit: SLATE,
            context: Vec::new(),
            seeds: ask.seeds.clone(),
            given: Vec::new(),
            now: self.workspace.settings().end,
            deadline: Deadline::after(seconds(60)),
            seed: 1,
        };
        let outcome = recommender.run(&query, RunOptions::default()).await.unwrap();
        assert_eq!(outcome.report.degraded, [], "{source}");
        outcome
    }

    async fn judge(&self, corpus: &str, source: &str) -> Judged {
        let personas = Personas::of(&self.workspace);
        let asks = personas.asks(source, 40);
        let (mut wanted, mut by_chance, mut best, mut n) = (0.0, 0.0, 0.0, 0.0);
        for ask in &asks {
            let (time, seeds) = (self.workspace.settings().end, &ask.seeds);
            let visit = Visit { person: ask.person, corpus, source, seeds, time, number: 0 };
            let outcome = self.ask(source, ask).await;
            for item in &outcome.items {
                wanted += self.workspace.want(&visit, item.entity) / outcome.items.len() as f64;
            }
            let ideal = personas.ideal(&visit, SLATE);
            best += ideal.iter().map(|entity| self.workspace.want(&visit, *entity)).sum::<f64>()
                / (ideal.len().max(1) * asks.len()) as f64;
            n += f64::from(!outcome.items.is_empty());
            by_chance += personas.chance(&visit) / asks.len() as f64;
        }
        assert!(n > 0.6 * asks.len() as f64, "{source} answers {n} of {} only", asks.len());
        let judged = Judged { wanted: wanted / n, by_chance, best };
        println!(
            "{source}: {:.3} of {best:.3}, {by_chance:.3} by chance, {:.2} of the way",
            judged.wanted,
            judged.way()
        );
        judged
    }
}

#[tokio::test]
async fn people_like_the_channels_that_the_browser_shows_them() {
    let Judged { wanted, by_chance, .. } = world().await.judge("channel", "channel-browser").await;
    assert!(wanted > 2.3 * by_chance, "{wanted} {by_chance}");
}

#[tokio::test]
async fn people_agree_with_what_they_are_told_to_leave() {
    let judged = world().await.judge("channel", "slackbot-leave").await;
    assert!(judged.way() > 0.8, "{} of the way", judged.way());
}

#[tokio::test]
async fn channels_to_archive_are_dead() {
    // Few have something to archive, and those little to choose from: the way to the best of it says nothing.
    let Judged { wanted, by_chance, .. } = world().await.judge("channel", "slackbot-archive").await;
    assert!((wanted - by_chance) / (1.0 - by_chance) > 0.8, "{wanted} {by_chance}");
}

#[tokio::test]
async fn the_composer_finds_those_who_belong_to_the_conversation() {
    let Judged { wanted, by_chance, .. } = world().await.judge("user", "composer-dms").await;
    assert!(wanted > 4.0 * by_chance, "{wanted} {by_chance}");
}

#[tokio::test]
async fn the_people_browser_shows_kindred_spirits() {
    let Judged { wanted, by_chance, .. } = world().await.judge("user", "people-browser").await;
    assert!(wanted > 2.0 * by_chance, "{wanted} {by_chance}");
}

#[tokio::test]
async fn invitations_go_to_those_whom_the_creator_looks_after() {
    let Judged { wanted, by_chance, .. } = world().await.judge("contact", "creator-invite").await;
    assert!(wanted > 5.0 * by_chance, "{wanted} {by_chance}");
}

#[tokio::test]
async fn reminders_arrive_when_the_team_is_ready_for_them() {
    let Judged { wanted, by_chance, .. } = world().await.judge("time-slot", "invite-reminder").await;
    assert!(wanted > 3.0 * by_chance, "{wanted} {by_chance}");
}

#[tokio::test]
async fn nothing_private_archived_or_known_is_shown_in_the_browser() {
    let world = world().await;
    let end = world.workspace.settings().end;
    for ask in Personas::of(&world.workspace).asks("channel-browser", 60) {
        for item in world.ask("channel-browser", &ask).await.items {
            let at = world.workspace.channel(item.entity).unwrap();
            let channel = &world.workspace.channels()[at];
            assert!(!channel.private && !channel.archived && !world.workspace.is_member(ask.person, at, end));
        }
    }
}

#[tokio::test]
async fn the_composer_never_repeats_who_is_there() {
    let world = world().await;
    for ask in Personas::of(&world.workspace).asks("composer-dms", 60) {
        let own: EntityId = world.workspace.people()[ask.person].entity;
        let outcome = world.ask("composer-dms", &ask).await;
        assert!(outcome.items.iter().all(|item| item.entity != own && !ask.seeds.contains(&item.entity)));
    }
}
