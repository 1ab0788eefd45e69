//! What a server behind a vector store was asked and how it went, for metrics.

/// Counters since the store was opened, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoteSnapshot {
    /// Calls that were to be made.
    pub calls: u64,
    /// Calls without a good answer, timeouts included.
    pub errors: u64,
    /// Calls without an answer in time.
    pub timeouts: u64,
    /// Calls that were made again after a failure that may pass.
    pub retries: u64,
    /// Calls that the breaker held back.
    pub refused: u64,
    /// Connections that were begun, also in place of those that nothing came through.
    pub connections: u64,
    /// Whether the breaker is open.
    pub open: bool,
}
