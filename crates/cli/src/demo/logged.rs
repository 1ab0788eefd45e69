//! Logged: what the event log holds after the demo, read back from its Parquet files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use recommend_events::LogReader;
use recommend_events::schema::Table;
use recommend_server::Deployment;

use super::rounds::Rounds;

/// The rows of one recommender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) requests: usize,
    pub(crate) impressions: usize,
    /// Features in each impression.
    pub(crate) features: usize,
    /// Interactions that answer one of its impressions.
    pub(crate) answers: usize,
}

/// What the log holds.
pub(crate) struct Logged {
    /// By (corpus, source).
    pub(crate) rows: BTreeMap<(String, String), Rows>,
    /// All Parquet files.
    pub(crate) files: Vec<PathBuf>,
    /// Their size in bytes.
    pub(crate) bytes: u64,
}

impl Logged {
    /// Rolls the log into Parquet and reads it back.
    ///
    /// # Errors
    /// When the log cannot be written or read.
    pub(crate) async fn read(deployment: &Deployment) -> Result<Self> {
        deployment.log.roll().await?;
        let reader = LogReader::open(deployment.log.path())?;
        let mut rows: BTreeMap<(String, String), Rows> = BTreeMap::new();
        let mut whose = BTreeMap::new();
        for request in reader.requests()? {
            let key = (request.corpus.to_string(), request.source.to_string());
            rows.entry(key.clone()).or_default().requests += 1;
            whose.insert(request.request, key);
        }
        for impression in reader.impressions()? {
            if let Some(row) = whose.get(&impression.request).and_then(|key| rows.get_mut(key)) {
                row.impressions += 1;
                row.features = impression.features.len();
            }
        }
        for interaction in reader.interactions()? {
            let key = interaction.request.and_then(|request| whose.get(&request));
            if let Some(row) = key.and_then(|key| rows.get_mut(key)) {
                row.answers += 1;
            }
        }
        let mut files = Vec::new();
        for table in [Table::Requests, Table::Impressions, Table::Interactions] {
            files.extend(reader.files(table)?);
        }
        let bytes = files.iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum();
        Ok(Logged { rows, files, bytes })
    }

    /// The rows of one recommender.
    pub(crate) fn of(&self, corpus: &str, source: &str) -> Rows {
        self.rows.get(&(corpus.to_owned(), source.to_owned())).copied().unwrap_or_default()
    }

    /// Checks that everything that was answered is in the log, once.
    ///
    /// # Errors
    /// When a row is missing or there is one too many.
    pub(crate) fn check(&self, rounds: &Rounds) -> Result<()> {
        let found = self.of(&rounds.corpus, &rounds.source);
        let expected = Rows {
            requests: rounds.requests,
            impressions: rounds.impressions,
            answers: rounds.recorded,
            ..found
        };
        ensure!(
            found == expected,
            "the log of {}/{} holds {found:?} where {expected:?} were answered",
            rounds.corpus,
            rounds.source
        );
        Ok(())
    }
}
