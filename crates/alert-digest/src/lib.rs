//! Turns a flooded alert channel into a short report.
//!
//! [`digest`] is the pure part: messages in, clusters out. [`cli`] is the command line.

pub mod cli;
pub mod digest;
