//! The report: a page of its own that a phone reads as well as a desktop, and its exports.
//!
//! A page is one HTML document without external assets. Its style and script are constant, so the content security policy
//! names them by their hashes and allows nothing else; all text goes through `maud`, which escapes it.
//!
//! ```
//! use alert_digest::digest::{Message, Options, digest};
//! use alert_digest::report;
//! use alert_digest::store::Report;
//!
//! let messages: Vec<Message> = (0..9).map(|n| Message::new(n.to_string(), format!("<b>disk {n} full</b>"))).collect();
//! let digest = digest(&messages, &Options::default(), None)?;
//! let html = report::file(&Report::of("alerts.log", digest, jiff::Timestamp::UNIX_EPOCH));
//! assert!(html.starts_with("<!DOCTYPE html>") && !html.contains("<b>disk"));
//! # Ok::<(), alert_digest::digest::DigestError>(())
//! ```

mod cards;
mod csp;
mod export;
mod page;
mod plot;
#[cfg(test)]
mod tests;
mod waiting;

pub use csp::Html;
pub use export::{csv, json};
pub use page::{Exports, file, ready};
pub use waiting::{failed, missing, moment, notice, progress, words};
