//! Turns a flooded alert channel into a short report.
//!
//! [`digest`] is the pure part: messages in, clusters out. [`cli`] is the command line, [`demo`] makes alerts up. The Slack app is made of
//! [`slack`] (what Slack sends and is asked), [`store`] (what is remembered) and [`report`] (the page). With the feature `summaries` a
//! language model may be asked for a sentence per cluster: `summaries`.

pub mod cli;
pub mod demo;
pub mod digest;
pub mod report;
pub mod server;
pub mod slack;
pub mod store;
#[cfg(feature = "summaries")]
pub mod summaries;
mod tls;
