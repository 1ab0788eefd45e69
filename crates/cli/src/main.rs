//! The recommend binary: serve, import, query, validate, new, demo.
fn main() {}
