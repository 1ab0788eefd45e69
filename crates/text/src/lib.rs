//! Text to clusters: masking, tokens, stop words, stems, TF-IDF, exact neighbours, DBSCAN, HDBSCAN.
//!
//! It stands apart: nothing of the rest of the workspace is needed, and no I/O happens here.

mod agreement;
mod analyzer;
mod components;
mod dbscan;
mod documents;
mod hdbscan;
mod knee;
mod language;
mod mask;
mod metric;
mod neighbours;
mod parallel;
mod slots;
mod sparse;
mod stream;
mod tfidf;
mod tokens;
mod vocabulary;

pub use agreement::adjusted_rand_index;
pub use analyzer::Analyzer;
pub use dbscan::{Dbscan, DbscanError, NOISE};
pub use documents::Documents;
pub use hdbscan::Hdbscan;
pub use knee::knee_eps;
pub use language::{Language, UnknownLanguage};
pub use mask::{Kind, Mask};
pub use metric::Metric;
pub use slots::Slots;
pub use sparse::{RowError, Rows};
pub use stream::{Joined, Stream, StreamOptions};
pub use tfidf::{Frequency, Norm, Tfidf, TfidfError, TfidfOptions};
pub use tokens::Tokens;
