//! Opening vectors that are not in the data folder.

use std::sync::Arc;

use recommend_stores::{StoreError, VectorStore};

use crate::config::VectorsConfig;

/// The store of vectors on another machine, if the configuration has them there.
#[cfg(feature = "qdrant")]
pub(super) async fn remote(config: &VectorsConfig) -> Result<Option<Arc<dyn VectorStore>>, StoreError> {
    match config.qdrant() {
        None => Ok(None),
        Some(options) => Ok(Some(Arc::new(recommend_stores::vectors::QdrantVectors::open(options).await?))),
    }
}

/// The store of vectors on another machine, which this program has none of.
#[cfg(not(feature = "qdrant"))]
pub(super) async fn remote(config: &VectorsConfig) -> Result<Option<Arc<dyn VectorStore>>, StoreError> {
    match config.qdrant() {
        None => Ok(None),
        // A configuration that was read from a file has said so already.
        Some(_) => Err(StoreError::Mismatch {
            reason: format!("`stores.vectors.kind` {}", VectorsConfig::NOT_BUILT),
        }),
    }
}
