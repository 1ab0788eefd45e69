//! The event log: requests with their impressions, and interactions, in framed segments that survive a crash and roll
//! into Parquet.
//!
//! ```text
//! log_request ──► bounded queue ──► writer thread ──► segments/*.seg ──► converter thread ──► requests/…/*.parquet
//! log_interactions ──► (awaited) ──►    one append, one sync                               ├► impressions/…
//!                                                                                          └► interactions/…
//! ```
//!
//! What is promised:
//!
//! - [`EventLog::log_request`] never waits. What it took in is durable within the flush interval; what it could not take
//!   in is counted. A crash loses at most what came in since the last flush, and the next start says so
//!   ([`Recovery::loss`]).
//! - [`EventLog::log_interactions`] returns when its interactions are durable, or with an error.
//! - A record can reach a file twice, after a failure of the disk or when a client repeats itself; it then has the same
//!   key both times, and [`LogReader`] and the join see it once.
//! - Nothing that is damaged is read: see [`segment`] for the format. The tables are described in [`schema`].
//! - Nothing here has a free-text field. Tenants, users, and entities of corpora of people are written as keyed
//!   pseudonyms ([`Pseudonymizer`]); features are written exactly as the model read them.

// Lets the unit tests share helpers with the integration tests.
#[cfg(test)]
extern crate self as recommend_events;

pub mod disk;
pub mod error;
pub mod log;
pub mod options;
mod pace;
pub mod pseudonym;
pub mod reader;
pub mod record;
pub mod row;
pub mod schema;
pub mod segment;

mod convert;
mod table;

pub use error::LogError;
pub use log::{Environment, EventLog, LogStats, Loss, Recovery};
pub use options::LogOptions;
pub use pseudonym::Pseudonymizer;
pub use reader::LogReader;
pub use record::RequestLog;
pub use row::{ImpressionRow, InteractionRow, Placement, RequestRow};
pub use schema::Table;
pub use segment::{SegmentReader, SegmentRecord, read_segment};
pub use table::Texture;
