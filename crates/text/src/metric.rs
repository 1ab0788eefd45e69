//! What distance is.

use serde::{Deserialize, Serialize};

/// What distance is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// 1 − cosine, in [0, 2]; a row without entries is at distance 1 of every other.
    #[default]
    Cosine,
    /// The length of the difference.
    Euclidean,
}

impl Metric {
    /// The distance of rows of this product and these squared lengths; for cosine, 1.
    pub(crate) fn distance(self, product: f64, squares: (f64, f64)) -> f64 {
        match self {
            Metric::Cosine => (1.0 - product).clamp(0.0, 2.0),
            Metric::Euclidean => (squares.0 + squares.1 - 2.0 * product).max(0.0).sqrt(),
        }
    }

    /// Whether rows of this product and these squared lengths (for cosine, 1) are within `eps`, compared as scikit-learn does, so that ties fall alike.
    pub(crate) fn near(self, product: f64, squares: (f64, f64), eps: f64) -> bool {
        match self {
            Metric::Cosine => 1.0 - product <= eps,
            Metric::Euclidean => (squares.0 + squares.1 - 2.0 * product).max(0.0) <= eps * eps,
        }
    }

    /// How long the part of a row of this length must be that shares all its terms with a neighbour; 0 or less if it
    /// can be near rows with which it shares nothing.
    ///
    /// For Euclid: near rows of lengths x and y have a product of at least (x² + y² − ε²) / 2, and a part p of y gives at
    /// most p·x; the least p over all x is √(y² − ε²).
    pub(crate) fn bound(self, length: f64, eps: f64) -> f64 {
        match self {
            Metric::Cosine => 1.0 - eps,
            Metric::Euclidean if length <= eps => 0.0,
            Metric::Euclidean => (length * length - eps * eps).sqrt(),
        }
    }
}
