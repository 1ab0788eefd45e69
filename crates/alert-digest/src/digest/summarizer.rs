//! Who says in a sentence what a cluster is about. Nobody does unless asked: then nothing leaves the process.

use async_trait::async_trait;
use thiserror::Error;

use super::model::{Cluster, Digest};

/// Says in a sentence or two what the messages of a cluster report.
#[async_trait]
pub trait Summarizer: Send + Sync + std::fmt::Debug {
    /// Plain text of at most a few hundred characters.
    ///
    /// # Errors
    /// When whoever is asked gives no answer in time, or none that can be used.
    async fn summarize(&self, cluster: &Cluster) -> Result<String, SummaryError>;
}

/// Why there is no summary. A report without summaries is whole all the same.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// No connection, no answer in time, or one that is cut off.
    #[error("the summarizer at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Who was asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// An answer that says no.
    #[error("the summarizer at {url} answered {status}: {message}")]
    Refused {
        /// Who was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        message: String,
    },
    /// An answer without a text in it.
    #[error("the summarizer at {url} gave an answer without a text: {reason}")]
    Unusable {
        /// Who was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How many clusters are asked about: those that a person reads first.
const ASKED_ABOUT: usize = 10;

/// Asks for the summaries of the first ten clusters, one after the other, and returns what went wrong. Whoever can't be reached is not
/// asked again, so that a report waits for one timeout at most.
pub async fn summarize(digest: &mut Digest, summarizer: &dyn Summarizer) -> Vec<SummaryError> {
    let mut errors = Vec::new();
    for cluster in digest.clusters.iter_mut().take(ASKED_ABOUT) {
        match summarizer.summarize(cluster).await {
            Ok(summary) => cluster.summary = Some(summary),
            Err(error) => {
                let gone = matches!(error, SummaryError::Unreachable { .. });
                errors.push(error);
                if gone {
                    break;
                }
            }
        }
    }
    errors
}
