//! Benches: each prints a table and writes `target/bench/<name>.json`. Run one with `make bench BENCH=<name>`.

pub mod report;

pub use report::{Better, Report};
