//! The pure part: messages in, [`Digest`] out. No I/O, no clock, no network.
//!
//! [`digest`] masks what varies, weighs the words, clusters, and says of each cluster what a person on call wants to
//! know. [`Message`] is its input, [`Digest`] and [`Cluster`] its output; all of them are plain data for `serde`.

mod build;
mod describe;
mod model;
mod options;
mod rank;
mod summarizer;
mod template;
mod trend;

pub use build::digest;
pub use model::{Author, Cluster, Count, Digest, Message, Noise, Period, Term, Trend};
pub use options::{Algorithm, DigestError, Options, Sensitivity};
pub use summarizer::{Summarizer, SummaryError, summarize};
