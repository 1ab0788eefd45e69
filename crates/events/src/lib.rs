//! The event log: requests with their impressions, and interactions, in framed segments that survive a crash and roll
//! into Parquet.
//!
//! Nothing here has a free-text field. Tenants, users, and entities of corpora of people are written as keyed
//! pseudonyms; features are written exactly as the model read them.

pub mod record;

pub use record::RequestLog;
