//! Why a model file could not be read: what is wrong, and where in the file.

use std::fmt;
use std::path::PathBuf;

/// A model file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read at all.
    #[error("cannot read the model {path:?}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is longer than a model may be.
    #[error(
        "the model is {size} bytes long; at most {limit} are read, to keep a wrong file from taking all memory"
    )]
    TooLarge {
        /// How long it is.
        size: u64,
        /// How long it may be.
        limit: u64,
    },
    /// XGBoost's own binary format of before 1.0, dropped by XGBoost 3.1.
    #[error(
        "this is XGBoost's deprecated binary format; open it with XGBoost 3.0 or older and save it again: \
         booster.save_model(\"model.ubj\") or \"model.json\""
    )]
    DeprecatedBinary,
    /// Neither JSON nor UBJSON.
    #[error("this is no XGBoost model: it starts with {start:?}, where JSON and UBJSON start with '{{'")]
    UnknownFormat {
        /// The first bytes.
        start: String,
    },
    /// The document is malformed, or says what no model can mean.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// A document that cannot be read on: what, at which key, at which byte.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentError {
    /// The way from the root to the value, as `learner.gradient_booster.model.trees[3].left_children`.
    pub path: String,
    /// The byte of the file at which it was noticed.
    pub offset: usize,
    /// What is wrong.
    pub problem: Problem,
}

impl std::error::Error for DocumentError {}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{place} (byte {}): {}", self.offset, self.problem)
    }
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// It ends in the middle.
    #[error("the file ends here: it is truncated")]
    Truncated,
    /// A byte that cannot stand here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// Objects in objects beyond any model's need.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// A length that the rest of the file cannot hold.
    #[error("claims {claimed} elements, but only {left} bytes are left in the file")]
    Length {
        /// The length that the file claims.
        claimed: i64,
        /// The bytes that are left.
        left: usize,
    },
    /// A number outside of what it may be.
    #[error("{what} is {value}; it must be {must}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        must: String,
    },
    /// A key that every model has is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Two arrays that must be as long as each other are not.
    #[error("`{what}` has {len} elements where {expected} are expected")]
    Lengths {
        /// Which array.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The length that it should have.
        expected: usize,
    },
    /// The nodes do not form a tree.
    #[error("node {node}: {fault}")]
    Tree {
        /// Which node, by its number in the file.
        node: usize,
        /// What is wrong with it.
        fault: TreeFault,
    },
    /// A kind of model that is not read.
    #[error("{0}")]
    Unsupported(String),
}

/// What is wrong with a node of a tree.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TreeFault {
    /// A child that does not exist.
    #[error("its child {0} is not among the tree's nodes")]
    ChildOutOfRange(i64),
    /// A node that two parents claim, or its own ancestor.
    #[error("its child {0} already has a parent: the nodes form a cycle or share a branch")]
    ChildTwice(usize),
    /// One child only.
    #[error("it has one child; a split has two, a leaf none")]
    OneChild,
    /// A threshold that no value compares with.
    #[error("its threshold is not a number")]
    NanThreshold,
    /// A leaf that would make the score infinite or NaN.
    #[error("its leaf value {0} is not finite")]
    Leaf(f32),
    /// A feature that the model does not have.
    #[error("it splits on feature {feature}, but the model has {features}")]
    Feature {
        /// The feature.
        feature: i64,
        /// How many the model has.
        features: usize,
    },
    /// Deeper than is read.
    #[error("it lies deeper than {0} levels")]
    TooDeep(usize),
    /// A categorical split without, or with unreadable, categories.
    #[error("its categories are missing or lie outside `categories`")]
    Categories,
    /// A category that no f32 can hold exactly.
    #[error("its category {0} is negative or beyond 2^24")]
    Category(i64),
}

impl DocumentError {
    pub(super) fn new(offset: usize, problem: Problem) -> Self {
        DocumentError { path: String::new(), offset, problem }
    }

    /// Puts a key before the path, while the error travels outwards.
    #[cold]
    pub(super) fn under(mut self, key: &str) -> Self {
        // A hostile file may have a key of a megabyte.
        let key: String = key.chars().take(60).collect();
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{key}{joint}{}", self.path);
        self
    }

    /// Puts an index before the path.
    #[cold]
    pub(super) fn at(mut self, index: usize) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{joint}{}", self.path);
        self
    }
}
