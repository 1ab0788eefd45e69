//! The Slack app as a process: what is answered at once, what is done behind it, and how one process hands over to the next.
//!
//! | file | what for |
//! |---|---|
//! | `settings`, `arguments` | what can be set, and the `serve` subcommand |
//! | `app` | what handlers share, and the phases standby → active → moving |
//! | `inbound` | what Slack sends: verified, answered within three seconds |
//! | `tasks` | the bounded queue of calls that an answer does not wait for |
//! | `jobs`, `download`, `finish` | a digest on its way, step by step on disk |
//! | `signals` | what stops the process |
//! | `patience` | trying again, as long as Slack says |
//! | `clockwork` | daily digests, and forgetting what expired |
//! | `reports`, `install`, `routes` | pages, OAuth, health and metrics |
//! | `links` | signed addresses with an end |
//!
//! **Handing over.** The store is one file that one process holds. A second process starts in *standby*: it is ready, and
//! requests that reach it wait up to two seconds for the file. The first one gets SIGTERM, stops its jobs (every page is on
//! disk, so the next process goes on there), closes the file and keeps answering for a while that the person may try again.
//! So a rollout loses no request and a command is answered within Slack's three seconds.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use alert_digest::server::{Clock, Limits, Server, Settings};
//! use alert_digest::store::{Keyring, Secret};
//!
//! let data = tempfile::tempdir()?;
//! let server = Server::start(Settings {
//!     listen: "127.0.0.1:0".parse()?,
//!     metrics_listen: None,
//!     public_url: "https://digest.example.com".parse()?,
//!     data: data.path().to_owned(),
//!     signing_secret: Secret::new("from Slack"),
//!     client_id: "from Slack".into(),
//!     client_secret: Secret::new("from Slack"),
//!     keys: Keyring::parse(&"5a".repeat(32))?,
//! #   slack_api: "http://127.0.0.1:1/api".parse()?,
//! #   /*
//!     slack_api: Settings::SLACK_API.parse()?,
//! #   */
//!     authorize: Settings::AUTHORIZE.parse()?,
//!     summarizer: None,
//!     limits: Limits { drain: std::time::Duration::ZERO, ..Limits::default() },
//!     clock: Clock::default(),
//! })
//! .await?;
//! println!("listening on {}", server.address());
//! server.stop().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod app;
pub mod arguments;
mod clockwork;
mod download;
mod finish;
mod inbound;
mod install;
mod jobs;
mod links;
mod metrics;
mod patience;
mod reports;
mod routes;
mod run;
mod settings;
mod signals;
mod tasks;

pub use run::{Server, ServerError};
pub use settings::{Clock, Limits, Settings};
pub use signals::Signals;
