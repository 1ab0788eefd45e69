//! The configuration: one TOML file with the server, the stores, the log, the features and the recommenders.
//!
//! ```toml
//! [server]
//! grpc = "127.0.0.1:50051"
//!
//! [features.messages_7d]
//! kind = "count"
//! scope = "entity"
//! interactions = ["message"]
//! window = "7d"
//!
//! [[recommender]]
//! corpus = "channel"
//! source = "channel-browser"
//! fetchers = [ { kind = "popular", window = "30d" } ]
//! filters = [ "not-private" ]                          # a bare string is { kind = "…" }
//! features = [ "messages_7d" ]                         # logged, beside those that the model reads
//! model = { kind = "linear", weights = { "popular.score" = 1.0 } }
//!
//! [[experiment]]                                       # [`ExperimentConfig`] says more
//! name = "browser-learned"
//! corpus = "channel"
//! source = "channel-browser"
//! ramp = 0.2
//! variants = [
//!     { name = "control" },
//!     { name = "learned", model = { kind = "artifact", artifact = "channel_browser" } },
//! ]
//! ```
//!
//! Reading ([`Config::load`]) finds what is wrong with the text; building ([`Config::build`]) finds what is wrong with
//! the components. Both report everything that they find, each with its line.

mod build;
mod error;
mod experiment;
mod features;
mod reading;
mod recommender;
mod server;
mod stores;
mod vectors;

use std::path::Path;

use recommend_events::LogOptions;
use recommend_features::Declarations;

pub use build::BuiltRecommender;
pub(crate) use build::Donor;
pub use error::{ConfigError, ConfigErrors};
pub(crate) use experiment::Pipelines;
pub use experiment::{ExperimentConfig, Method, VariantConfig};
pub use recommender::{ComponentConfig, RecommenderConfig};
pub(crate) use server::MAX_TIMEOUT;
pub use server::ServerConfig;
pub use stores::{StoresConfig, StoresKind, Urls};
pub use vectors::{VectorsConfig, VectorsKind};

use features::DeclaredFeature;
use reading::{Lines, Node};

/// A configuration that was read, but whose components are not built yet.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Addresses, folders and bounds.
    pub server: ServerConfig,
    /// Where catalog, features and interactions are kept.
    pub stores: StoresConfig,
    /// The event log.
    pub log: LogOptions,
    /// The declared features.
    pub features: Declarations,
    /// The recommenders, in the order of the file.
    pub recommenders: Vec<RecommenderConfig>,
    /// The experiments on them, in the order of the file.
    pub experiments: Vec<ExperimentConfig>,
    /// The declared features as they are written, in the order of the file.
    declared: Vec<DeclaredFeature>,
    /// Where it was read, for messages.
    file: String,
}

/// The sections that there are.
const SECTIONS: [&str; 6] = ["server", "stores", "log", "features", "recommender", "experiment"];

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, line by line.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse(&file, &text),
            Err(error) => Err(ConfigErrors(vec![ConfigError {
                file,
                line: None,
                place: None,
                reason: format!("cannot be read: {error}; give the path of a TOML file with --config"),
            }])),
        }
    }

    /// Reads a text; `file` is what messages call it.
    ///
    /// ```
    /// # use recommend_server::Config;
    /// let errors = Config::parse("my.toml", "[sever]\ngrpc = \"127.0.0.1:1\"").unwrap_err();
    /// assert_eq!(errors.to_string(), "my.toml:1: there is no section `sever`; did you mean `server`?");
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it, line by line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigErrors> {
        let lines = Lines::new(file, text);
        let mut errors = Vec::new();
        let mut config = Config { file: file.to_owned(), ..Config::default() };
        let (table, broken) = toml::de::DeTable::parse_recoverable(text);
        for error in &broken {
            errors.push(lines.toml(error, None));
        }
        if !errors.is_empty() {
            // What follows a syntax error is guesswork.
            return Err(ConfigErrors(errors));
        }
        let mut experiments = Vec::new();
        for (key, value) in table.into_inner() {
            let node = Node::new(&lines, key.get_ref(), value);
            match key.get_ref().as_ref() {
                "server" => config.server = node.read(&mut errors).unwrap_or_default(),
                "stores" => config.stores = node.read(&mut errors).unwrap_or_default(),
                "log" => config.log = node.read(&mut errors).unwrap_or_default(),
                "features" => (config.features, config.declared) = node.features(&mut errors),
                "recommender" => config.recommenders = node.recommenders(&mut errors),
                "experiment" => experiments = node.experiments(&mut errors),
                other => errors.push(lines.at(
                    key.span().start,
                    None,
                    reading::unknown("there is no section", other, &SECTIONS),
                )),
            }
        }
        for (at, recommender) in config.recommenders.iter().enumerate() {
            let same = |other: &&RecommenderConfig| {
                other.corpus == recommender.corpus && other.source == recommender.source
            };
            if let Some(first) = config.recommenders[..at].iter().find(same) {
                errors.push(config.error(
                    recommender.line,
                    Some(recommender.place()),
                    format!("is configured already in line {}; rename its source or remove one", first.line),
                ));
            }
        }
        // They are on recommenders, so those must be whole before anything can be said about them.
        if errors.is_empty() {
            config.take_experiments(experiments, &mut errors);
        }
        ConfigErrors::unless_empty(errors, config)
    }

    /// Whether the declarations of features say the same, in whatever order.
    pub(crate) fn same_features(&self, other: &Config) -> bool {
        let said = |config: &Config| {
            let said = config.declared.iter().map(|feature| (feature.name.clone(), feature.table.clone()));
            said.collect::<std::collections::BTreeMap<_, _>>()
        };
        said(self) == said(other)
    }

    /// Where it was read.
    pub fn file(&self) -> &str {
        &self.file
    }

    fn error(&self, line: usize, place: Option<String>, reason: String) -> ConfigError {
        ConfigError { file: self.file.clone(), line: Some(line), place, reason }
    }
}

#[cfg(test)]
mod tests;
