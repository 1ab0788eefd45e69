//! The server's side: a simulated workspace, a recommender of a dozen features, the real server around it.

use recommend_core::Timestamp;
use recommend_server::{Config, Deployment, Server, StoresConfig};
use recommend_simulator::{Settings, Workspace};
use serde::{Deserialize, Serialize};

use std::path::Path;

use crate::process::pin;
use crate::{floor, forest};

/// What is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    /// How many candidates are fetched.
    pub(crate) candidates: usize,
    /// How many channels and people the workspace has.
    channels: usize,
    /// How many people ask.
    pub(crate) users: usize,
    /// Whether requests are logged.
    log: bool,
    /// How many trees score; 0 is the linear model.
    trees: usize,
    /// Whether a shadow does it all once more.
    shadow: bool,
    /// The Redis that holds the stores.
    redis: Option<String>,
    /// Nothing is served but an answer made before.
    floor: bool,
}

/// What a server says at its end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Records that its log had to shed.
    pub(crate) shed: u64,
    /// Runs of shadows.
    pub(crate) shadows_run: u64,
    /// Those that were late or did not find a place in the queue.
    pub(crate) shadows_dropped: u64,
}

/// What the model reads, and the log holds.
const FEATURES: [&str; 10] = [
    "messages_7d",
    "posters_7d",
    "joins_30d",
    "reads_1d",
    "quiet_days",
    "my_reads_30d",
    "my_messages_30d",
    "age_days",
    "popular.score",
    "popular.rank",
];

const LINEAR: &str = r#"
[recommender.model]
kind = "linear"
[recommender.model.weights]
messages_7d = { transform = "log1p", weight = 0.4 }
posters_7d = { transform = "log1p", weight = 0.3 }
joins_30d = { transform = "log1p", weight = 0.2 }
reads_1d = { transform = "log1p", weight = 0.1 }
quiet_days = -0.05
my_reads_30d = { transform = "log1p", weight = 0.2 }
age_days = { transform = "log1p", weight = -0.1 }
"popular.score" = { transform = "log1p", weight = 0.5 }
"#;

const SHADOW: &str = r#"
[[experiment]]
name = "bench"
corpus = "channel"
source = "channel-browser"
variants = [ { name = "again", shadow = true } ]
"#;

impl Case {
    /// Holds the case for the child process.
    pub(crate) const VARIABLE: &str = "RECOMMEND_BENCH_CASE";

    pub(crate) fn from_environment() -> Option<Case> {
        serde_json::from_str(&std::env::var(Case::VARIABLE).ok()?).ok()
    }

    pub(crate) fn all() -> Vec<(&'static str, Case)> {
        let case = |candidates| Case {
            candidates,
            channels: candidates * 6,
            users: 500,
            log: true,
            trees: 0,
            shadow: false,
            redis: None,
            floor: false,
        };
        let mut all = vec![
            ("100 candidates", case(100)),
            ("1,000 candidates", Case { channels: 1500, ..case(1000) }),
            ("100 candidates, 500 trees", Case { trees: 500, ..case(100) }),
            ("1,000 candidates, 500 trees", Case { trees: 500, channels: 1500, ..case(1000) }),
        ];
        if let Ok(url) = std::env::var("REDIS_URL") {
            // It must be empty, and can be filled once.
            all = vec![("100 candidates, Redis on loopback", Case { redis: Some(url), ..case(100) })];
        }
        all
    }

    /// The server that answers at once.
    pub(crate) fn floor() -> Case {
        Case {
            candidates: 0,
            channels: 0,
            users: 1,
            log: false,
            trees: 0,
            shadow: false,
            redis: None,
            floor: true,
        }
    }

    /// The cases that shadows are measured on.
    pub(crate) fn is_logged_and_small(&self) -> bool {
        self.log && self.candidates == 100
    }

    /// The same without a log.
    pub(crate) fn without_log(self) -> Case {
        Case { log: false, ..self }
    }

    /// The same with a shadow.
    pub(crate) fn with_shadow(self) -> Case {
        Case { shadow: true, ..self }
    }

    /// The configuration; a forest is written into the folder first.
    fn config(&self, folder: &Path) -> std::io::Result<String> {
        let model = match self.trees {
            0 => LINEAR.to_owned(),
            trees => {
                let path = folder.join("forest.json");
                std::fs::write(&path, forest::model(trees, &FEATURES))?;
                format!("[recommender.model]\nkind = \"xgboost\"\npath = {path:?}\n")
            }
        };
        Ok(format!(
            r#"
            [server]
            grpc = "127.0.0.1:0"
            http = "127.0.0.1:0"
            max_in_flight = 10000
            timeout = "5s"

            [log]
            sample = {log}
            # So often that each measurement pays for its own conversions to Parquet.
            roll_after = "2s"

            [features.messages_7d]
            kind = "count"
            scope = "entity"
            interactions = ["message"]
            window = "7d"
            [features.posters_7d]
            kind = "distinct"
            scope = "entity"
            interactions = ["message"]
            window = "7d"
            [features.joins_30d]
            kind = "count"
            scope = "entity"
            interactions = ["channel_join"]
            window = "30d"
            [features.reads_1d]
            kind = "count"
            scope = "entity"
            interactions = ["read"]
            window = "1d"
            [features.quiet_days]
            kind = "recency"
            scope = "entity"
            interactions = ["message"]
            [features.my_reads_30d]
            kind = "count"
            scope = "pair"
            interactions = ["read"]
            window = "30d"
            [features.my_messages_30d]
            kind = "count"
            scope = "user"
            interactions = ["message"]
            window = "30d"
            [features.age_days]
            kind = "attribute"
            scope = "entity"
            attribute = "created"
            as = "age"

            [[recommender]]
            corpus = "channel"
            source = "channel-browser"
            fetchers = [ {{ kind = "popular", interactions = ["message"], window = "30d", half_life = "7d", limit = {candidates} }} ]
            filters = ["not-archived", "not-private"]
            features = {FEATURES:?}
            rerankers = [ {{ kind = "cap-per-group", by = "topic", max = 3 }} ]
            {model}
            {experiment}
            "#,
            log = if self.log { "1.0" } else { "0.0" },
            candidates = self.candidates,
            experiment = if self.shadow { SHADOW } else { "" },
        ))
    }
}

/// Serves until a line comes on standard input, then prints how many records the log shed.
pub(crate) fn run(case: &Case) -> Result<(), Box<dyn std::error::Error>> {
    pin(0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        if case.floor {
            return floor::run().await;
        }
        let folder = tempfile::tempdir()?;
        let config =
            Config::parse("bench.toml", &case.config(folder.path())?).map_err(|errors| errors.to_string())?;
        let mut config = config;
        if let Some(url) = &case.redis {
            config.stores = StoresConfig::at(url);
        }
        let deployment = Deployment::open_for(folder.path(), &config).await?;
        let settings =
            Settings { people: 2000, channels: case.channels, days: 30, end: now(), ..Settings::default() };
        let workspace = Workspace::generate(settings)?;
        let stores = &deployment.stores;
        let tenant = workspace.tenant(stores.codec)?;
        for batch in workspace.batches(stores.codec, 5000)? {
            stores.writer.write(tenant, batch).await?;
        }
        let server = Server::start(config, deployment).await?;
        let users: Vec<_> = workspace.people().iter().take(case.users).map(|person| &person.id).collect();
        println!("http://{}", server.grpc_addr());
        println!("{}", serde_json::to_string(&(&workspace.settings().tenant, users))?);
        let log = server.deployment().log.clone();
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        let metrics = server.metrics().encode()?;
        let runs = |result: &str| {
            let of = format!("result=\"{result}\"");
            let lines = metrics
                .lines()
                .filter(|line| line.starts_with("recommend_shadow_runs_total") && line.contains(&of));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>()
        };
        let ended = Ended {
            shed: log.stats().shed,
            shadows_run: runs("ok"),
            shadows_dropped: runs("late") + runs("busy"),
        };
        server.shutdown().await?;
        println!("{}", serde_json::to_string(&ended)?);
        Ok(())
    })
}

fn now() -> Timestamp {
    recommend_core::Clock::now(&recommend_core::SystemClock)
}
