//! Backtests: recorded interactions are replayed through recommenders as they would have served, and the answers are
//! measured against what people did next.
//!
//! A [`History`] is cut by a [`Split`] into folds. Of each fold the engine writes what had happened by then into stores of
//! its own, assembles the recommenders over them, and asks for everybody who did something afterwards. Nothing later
//! than the fold is in the stores, so that no fetcher, feature or filter can read it; and what runs is
//! [`recommend_core::Recommender::run`], the code that serves.
//!
//! | to | open |
//! |---|---|
//! | read interactions in | [`history`] |
//! | say what is past and what is future | [`split`] |
//! | run a backtest | [`engine`] |
//! | see what everything is compared with | [`baselines`] |
//! | choose what to test | [`settings`] |
//! | read the result | [`report`] |
//! | search for better settings | [`tune`] |

pub mod baselines;
pub mod engine;
mod error;
pub mod history;
mod question;
pub mod report;
pub mod settings;
pub mod split;
pub mod tune;

pub use baselines::Baselines;
pub use engine::{Backtest, Session};
pub use error::BacktestError;
pub use history::{Event, History, HistoryBuilder};
pub use report::{Answer, AtCutoff, BacktestResult, Evaluation, Notes};
pub use settings::{Assemble, Contestant, NoProgress, Progress, Settings};
pub use split::{Split, SplitError};
