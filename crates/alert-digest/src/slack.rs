//! Slack: what it sends, what it is asked, and what it is shown.
//!
//! Transport, rate-limit parsing, signatures and Block Kit types are slack-morphism's. Three things are read with types of
//! our own, because a channel full of other apps' messages must not fail on one unknown shape: a page of history
//! ([`history`]), the text of a message ([`text`]) and what an interaction carries ([`inbound`]).
//!
//! | file | what for |
//! |---|---|
//! | `connector` | HTTPS to Slack, or HTTP to a server in tests |
//! | `api` | the dozen methods that are called, each with a timeout and a typed error |
//! | `error` | what went wrong, and whether to try again |
//! | `history`, `text` | pages of messages, and what a message says |
//! | `inbound` | commands, interactions and events, as far as they matter here |
//! | `signature` | is it from Slack, and is it the first time |
//! | `modal`, `result`, `blocks` | what people see |
//! | `oauth` | installing |

pub mod api;
pub mod blocks;
mod connector;
mod error;
pub mod history;
pub mod inbound;
pub mod modal;
pub mod oauth;
pub mod result;
pub mod signature;
pub mod text;

pub use api::SlackApi;
pub use error::{Retry, SlackError};
