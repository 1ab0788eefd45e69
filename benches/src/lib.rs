//! Benches: each prints a table and writes target/bench/<name>.json.
