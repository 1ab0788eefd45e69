//! `recommend demo`: a simulated workspace, served for real, asked, clicked, and looked into.

mod learning;
mod logged;
mod report;
mod rounds;
mod stage;
mod words;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use recommend_core::{Clock, SystemClock, Timestamp};
use recommend_server::proto::ListRecommendersRequest;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::{Deployment, Offline, RunningServer, StoresConfig, default_registry};
use recommend_simulator::{Personas, Settings, Workspace};

use crate::exit::Exit;
use crate::render::{Paint, count, print};
use crate::target::uri;
use learning::Size;
use logged::Logged;
use report::{Reporter, time};
use rounds::{Asker, Rounds};
use words::Words;

/// Recommendations must close this share of the way from chance to perfection, or the demo fails.
const LEAST_GAIN: f64 = 0.05;

/// Flags of `recommend demo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Seeds the simulated workspace: the same seed and --until give the same people and the same history
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many people
    #[arg(long, default_value_t = 2_000)]
    people: usize,
    /// How many channels
    #[arg(long, default_value_t = 600)]
    channels: usize,
    /// How many days of history
    #[arg(long, default_value_t = 90)]
    days: usize,
    /// When the history ends, such as 2026-05-29T15:00:00Z; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<jiff::Timestamp>,
    /// The folder for stores and log; one of an earlier demo is cleared
    #[arg(long, value_name = "DIR", default_value = "target/demo/data")]
    data: PathBuf,
    /// Keep the stores in this Redis, which must be empty, instead of the data folder
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// How many requests each recommender gets
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Where the table of experiments goes as JSON
    #[arg(long, value_name = "FILE", default_value = "target/demo/report.json")]
    report: PathBuf,
    /// Leave the server running, and say how to ask it
    #[arg(long)]
    serve: bool,
    /// Only ask; learn nothing and run no experiment
    #[arg(long, alias = "quick")]
    no_learning: bool,
    /// Only learn and run the experiments: the second half of the demo
    #[arg(long, conflicts_with_all = ["no_learning", "serve"])]
    only_learning: bool,
    /// How many workspaces are learned from, of --people each
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=50))]
    teachers: u8,
    /// How many other workspaces judge what was learned, of --people each
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=50))]
    judges: u8,
    /// How often everybody who is learned from asks each recommender before each training
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    lessons: u32,
    /// How often everybody who judges asks in each experiment
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    visits: u32,
}

/// Generates, serves, asks, records, and prints what came of it.
///
/// # Errors
/// When a flag is out of range, the server does not start or refuses a request, or a check fails: an answer that is
/// degraded or empty, recommendations that are no better than chance, or a log that does not hold what was answered.
pub(crate) async fn run(args: DemoArgs) -> Result<Exit> {
    let (started, paint) = (Instant::now(), Paint::auto());
    let settings = Settings {
        seed: args.seed,
        people: args.people,
        channels: args.channels,
        days: args.days,
        end: args.until.map_or_else(this_hour, |until| Timestamp(until.as_millisecond())),
        ..Settings::default()
    };
    stage::clear(&args.data)?;
    if !args.only_learning {
        let server = ask(&args, settings.clone(), paint).await?;
        if args.serve {
            print(&format!("{} in {}", paint.green("all checks passed"), time(started.elapsed())));
            server.until_stopped().await?;
            return Ok(Exit::Ok);
        }
        server.shutdown().await?;
    }
    if !args.no_learning {
        learn(&args, settings, paint).await?;
    }
    print(&format!("{} in {}", paint.green("all checks passed"), time(started.elapsed())));
    Ok(Exit::Ok)
}

/// The loop, its table, and what must hold of it.
async fn learn(args: &DemoArgs, settings: Settings, paint: Paint) -> Result<()> {
    let size = Size {
        settings,
        teachers: args.teachers.into(),
        judges: args.judges.into(),
        lessons: args.lessons.into(),
        visits: args.visits.into(),
    };
    print(&paint.bold("\nthe loop: serve, log, join, train, experiment"));
    let rows = learning::run(&size, &args.data.join("loop"), paint).await?;
    print(&format!("\n{}\n", learning::text(&rows, paint)));
    learning::save(&rows, &args.report)?;
    print(&paint.dim(&format!("  the same as JSON: {}\n", args.report.display())));
    learning::check(&rows)
}

/// Generates a workspace, serves it, asks every recommender, and prints what came of it; the server is left running.
async fn ask(args: &DemoArgs, settings: Settings, paint: Paint) -> Result<RunningServer> {
    let started = Instant::now();
    let workspace = Workspace::generate(settings)?;
    print(&format!(
        "{}  {} people, {} channels, {} days, seed {}",
        paint.bold("a simulated workspace"),
        count(args.people as u64),
        count(args.channels as u64),
        args.days,
        args.seed
    ));
    print(&paint.dim(&format!(
        "  generated {} interactions in {}",
        count(workspace.events().len() as u64),
        time(started.elapsed())
    )));
    // What is left running is easier to find at the usual ports.
    let port = |usual| if args.serve { stage::free_or_any(usual) } else { 0 };
    let (grpc, http) = (port(50_051), port(8_080));
    let mut config = stage::config(&args.data, grpc, http)?;
    if let Some(url) = &args.redis {
        config.stores = StoresConfig::at(url);
    }
    let words = Words::new(config.features.describe());
    let deployment = Deployment::open_for(&args.data, &config).await?;
    let written = stage::write(&workspace, &deployment).await?;
    print(&paint.dim(&format!("  written   {} into {}", stage::speed(&written), args.data.display())));
    let offline = Offline::new(config.clone(), &deployment.stores, &default_registry())?;
    let server = stage::serve(config, deployment).await?;
    print(&paint.dim(&format!(
        "  serving   gRPC on {}, HTTP on {}\n",
        server.grpc_addr(),
        server.http_addr()
    )));
    match perform(args, &workspace, &words, &server, &offline, paint).await {
        Ok(()) if args.serve => {
            print(&commands(&workspace, &server));
            Ok(server)
        }
        Ok(()) => Ok(server),
        Err(error) => {
            // What went wrong first is what matters.
            drop(server.shutdown().await);
            Err(error)
        }
    }
}

/// Asks every recommender, prints, and checks.
async fn perform(
    args: &DemoArgs,
    workspace: &Workspace,
    words: &Words,
    server: &RunningServer,
    offline: &Offline,
    paint: Paint,
) -> Result<()> {
    let personas = Personas::of(workspace);
    let codec = server.deployment().stores.codec;
    let address = uri(&server.grpc_addr().to_string());
    let client = RecommendServiceClient::connect(address).await.context("connecting to the server")?;
    let reporter = Reporter { workspace, words, codec, paint };
    let now = workspace.settings().end;
    let mut asker =
        Asker { client, workspace, personas: &personas, offline, codec, now, rounds: args.rounds as usize };
    let recommenders =
        asker.client.list_recommenders(ListRecommendersRequest {}).await?.into_inner().recommenders;
    let mut all: Vec<Rounds> = Vec::with_capacity(recommenders.len());
    for recommender in recommenders {
        let rounds = asker.run(&recommender.corpus, &recommender.source).await?;
        print(&format!("{}\n", reporter.section(&rounds)));
        all.push(rounds);
    }
    let logged = Logged::read(server.deployment()).await?;
    print(&reporter.summary(&all, &logged));
    print(&paint.dim(&format!(
        "\n  wanted: how much the people want what they got, 0 to 1, by tastes that only the simulator knows\n  \
         by chance: the same of all candidates that the filters left\n  \
         logged: {} Parquet files, {} KiB, under {}/{{requests,impressions,interactions}}\n",
        logged.files.len(),
        count(logged.bytes / 1024),
        server.deployment().log.path().display()
    )));
    for rounds in &all {
        check(rounds)?;
        logged.check(rounds)?;
    }
    Ok(())
}

/// What must hold for every recommender.
fn check(rounds: &Rounds) -> Result<()> {
    let name = format!("{}/{}", rounds.corpus, rounds.source);
    ensure!(rounds.degraded == 0, "{} answers of {name} were degraded", rounds.degraded);
    ensure!(!rounds.answer.recommendations.is_empty(), "{name} recommended nothing");
    ensure!(
        rounds.empty * 4 <= rounds.trips.len(),
        "{name} recommended nothing in {} of {} answers",
        rounds.empty,
        rounds.trips.len()
    );
    ensure!(
        rounds.lift().is_none() || rounds.wanted >= rounds.by_chance + LEAST_GAIN * (1.0 - rounds.by_chance),
        "{name} is hardly better than chance: people want {:.2} of it, and {:.2} of what chance gives",
        rounds.wanted,
        rounds.by_chance
    );
    Ok(())
}

/// The full hour before now: the demo of one seed is the same for that long.
fn this_hour() -> Timestamp {
    const HOUR: i64 = 3_600_000;
    Timestamp(SystemClock.now().millis().div_euclid(HOUR) * HOUR)
}

/// What to paste into another terminal.
fn commands(workspace: &Workspace, server: &RunningServer) -> String {
    let (tenant, user) = (&workspace.settings().tenant, &workspace.people()[0].id);
    let (grpc, http) = (server.grpc_addr(), server.http_addr());
    format!(
        "\nserving until Ctrl-C; ask from another terminal:\n\n  \
         recommend query --to {grpc} --tenant {tenant} --user {user} --corpus channel --source channel-browser --explain\n\n  \
         grpcurl -plaintext -d '{{\"tenant\":\"{tenant}\",\"user\":\"{user}\",\"corpus\":\"channel\",\
         \"source\":\"channel-browser\",\"limit\":5}}' {grpc} recommend.v1.RecommendService/Recommend\n\n  \
         curl -s http://{http}/v1/recommend -H 'content-type: application/json' -d '{{\"tenant\":\"{tenant}\",\
         \"user\":\"{user}\",\"corpus\":\"channel\",\"source\":\"channel-browser\",\"limit\":5}}'\n\n  \
         curl -s http://{http}/metrics | grep recommend_request\n"
    )
}
