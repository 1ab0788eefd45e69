//! Fetchers: components that propose candidates.
