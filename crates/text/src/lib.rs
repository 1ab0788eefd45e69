//! Text to clusters: masking, tokens, stop words, stems, TF-IDF, exact neighbours, DBSCAN.
//!
//! It stands apart: nothing of the rest of the workspace is needed, and no I/O happens here.

mod analyzer;
mod dbscan;
mod sparse;
mod tfidf;

pub use analyzer::Analyzer;
pub use dbscan::{Dbscan, Metric, NOISE};
pub use sparse::Rows;
pub use tfidf::{Tfidf, TfidfOptions};
