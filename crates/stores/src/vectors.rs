//! Vectors of users and entities, and the search for the nearest.
//!
//! An *embedding* is a set of vectors that may be multiplied with each other: it has one dimension, one way to compare, and
//! two sides, that of users and that of entities. Vectors belong to a tenant, and nothing is ever compared across tenants.
//! What comes out is a similarity: a number, never a vector, because an embedding of a text can tell the text.

mod coarse;
mod codes;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod copy;
mod durable;
mod embedded;
mod embedding;
mod graph;
mod kernels;
mod mean;
mod means;
#[cfg(feature = "qdrant")]
pub mod qdrant;
mod qdrant_options;
mod remote;
mod rows;
mod scan;
mod space;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{Name, TenantId};

pub use copy::{Copied, copy};
pub use embedded::{EmbeddedVectors, GraphOptions, VectorOptions};
pub use mean::Mean;
#[cfg(feature = "qdrant")]
pub use qdrant::QdrantVectors;
pub use qdrant_options::QdrantOptions;
pub use remote::RemoteSnapshot;

/// Why vectors could not be written or searched.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// Nobody has said what the embedding is.
    #[error("there is no embedding {0}; `recommend embed load` brings one")]
    Unknown(Name),
    /// It is there, and something else.
    #[error("the embedding {embedding} has {known}, not {wanted}; give it another name, or delete it first")]
    Differs {
        /// Which.
        embedding: Name,
        /// What it is.
        known: Shape,
        /// What was wanted.
        wanted: Shape,
    },
    /// A vector that does not fit.
    #[error("a vector of {found} numbers in the embedding {embedding}, whose vectors have {dimension}")]
    Dimension {
        /// Which.
        embedding: Name,
        /// How many numbers its vectors have.
        dimension: usize,
        /// How many there are.
        found: usize,
    },
    /// A number that nothing can be compared by.
    #[error("a vector of {0} has a number that is not finite, or is all zero where cosines are compared")]
    NotComparable(u64),
    /// The dimension is out of range.
    #[error("vectors of {0} numbers; choose 1 to {MAX_DIMENSION}")]
    Shape(usize),
    /// Rounding would eat what one message adds to a mean of many.
    #[error("running means need an embedding that keeps f32; {0} does not: write them into another one")]
    Imprecise(Name),
    /// The store holds vectors as they were written.
    #[error(
        "the vector store of {0} cannot add to the means that it holds; compute them anew, or use the embedded store"
    )]
    NoRunningMeans(Name),
    /// The disk, or the server behind the store.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
    /// The server behind the store did not answer in time, or refused.
    #[error("the vector store is not available: {0}")]
    Unavailable(String),
}

impl From<VectorError> for crate::StoreError {
    fn from(error: VectorError) -> Self {
        match error {
            VectorError::Store(error) => error,
            other => crate::StoreError::Unavailable { reason: other.to_string() },
        }
    }
}

impl From<VectorError> for recommend_core::ComponentError {
    fn from(error: VectorError) -> Self {
        recommend_core::ComponentError::Unavailable {
            dependency: "the vector store",
            reason: error.to_string(),
        }
    }
}

/// The most numbers of a vector.
pub const MAX_DIMENSION: usize = 4_096;

/// How two vectors are compared; more is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The cosine of their angle, -1 to 1.
    Cosine,
    /// Their dot product, as matrix factorisation means it.
    Dot,
}

/// How numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Four bytes: what was written.
    F32,
    /// Two bytes: three digits.
    F16,
    /// One byte, scaled by vector: a hundredth of its largest number.
    I8,
}

/// What the vectors of an embedding are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// How many numbers a vector has, 1 to [`MAX_DIMENSION`].
    pub dimension: usize,
    /// How they are compared.
    pub comparison: Comparison,
    /// How they are kept.
    pub precision: Precision,
}

impl Shape {
    /// A vector as it is compared: of length 1 for cosines. `None` when nothing can be compared to it, or it has another
    /// dimension.
    pub(crate) fn comparable(self, vector: &[f32]) -> Option<Vec<f32>> {
        let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        match self.comparison {
            _ if !length.is_finite() || vector.len() != self.dimension => None,
            Comparison::Dot => Some(vector.to_vec()),
            Comparison::Cosine if length < 1e-30 => None,
            Comparison::Cosine => Some(vector.iter().map(|x| (f64::from(*x) / length) as f32).collect()),
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let comparison = match self.comparison {
            Comparison::Cosine => "cosine",
            Comparison::Dot => "dot products",
        };
        let precision = match self.precision {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::I8 => "i8",
        };
        write!(f, "{} numbers, compared by {comparison}, kept as {precision}", self.dimension)
    }
}

/// Whether a vector has the numbers of its embedding.
fn fits(embedding: &Name, shape: Shape, vector: &[f32]) -> Result<(), VectorError> {
    match vector.len() == shape.dimension {
        true => Ok(()),
        false => Err(VectorError::Dimension {
            embedding: embedding.clone(),
            dimension: shape.dimension,
            found: vector.len(),
        }),
    }
}

/// The two sides of an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Vectors of users.
    User,
    /// Vectors of entities.
    Entity,
}

/// One side of one embedding of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose.
    pub tenant: TenantId,
    /// Which embedding.
    pub embedding: Name,
    /// Which side of it.
    pub side: Side,
}

impl Place {
    /// The entities of an embedding.
    pub fn entities(tenant: TenantId, embedding: &Name) -> Self {
        Place { tenant, embedding: embedding.clone(), side: Side::Entity }
    }

    /// The users of an embedding.
    pub fn users(tenant: TenantId, embedding: &Name) -> Self {
        Place { tenant, embedding: embedding.clone(), side: Side::User }
    }
}

/// A sum of vectors to search with.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// A vector that is at hand.
    Vector(Vec<f32>),
    /// The sum of stored vectors, each times a weight; those that are not there are left out.
    Sum(Side, Vec<(u64, f32)>),
}

/// What becomes of the mean that an id has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Another takes its place.
    Anew,
    /// It goes on with what the other one is of. A vector that was written as it is, and is no mean, is replaced.
    Onto {
        /// After how long a vector weighs half of one that is new; `None` for ever as much.
        half_life: Option<Duration>,
    },
}

/// Which vectors a search may find.
#[derive(Clone, Copy, Default)]
pub enum Among<'a> {
    /// All.
    #[default]
    All,
    /// Only these.
    Only(&'a HashSet<u64>),
    /// All but these.
    Except(&'a HashSet<u64>),
    /// Those for which this holds.
    Where(&'a (dyn Fn(u64) -> bool + Sync)),
}

impl Among<'_> {
    /// Whether an id may be found.
    pub fn holds(&self, id: u64) -> bool {
        match self {
            Among::All => true,
            Among::Only(ids) => ids.contains(&id),
            Among::Except(ids) => !ids.contains(&id),
            Among::Where(holds) => holds(id),
        }
    }
}

impl std::fmt::Debug for Among<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Among::All => f.write_str("All"),
            Among::Only(ids) => write!(f, "Only({})", ids.len()),
            Among::Except(ids) => write!(f, "Except({})", ids.len()),
            Among::Where(_) => f.write_str("Where(…)"),
        }
    }
}

/// One that is near.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Which user or entity.
    pub id: u64,
    /// How near; more is nearer.
    pub similarity: f32,
}

/// What is held of an embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingSummary {
    /// Its name.
    pub embedding: Name,
    /// What its vectors are.
    pub shape: Shape,
    /// How many users have one.
    pub users: usize,
    /// How many entities have one.
    pub entities: usize,
}

/// Vectors by (tenant, embedding, side, id), and the search for the nearest of them.
///
/// One suite of tests, `contract`, holds for every implementation.
#[async_trait]
pub trait VectorStore: Send + Sync {
    /// Says what an embedding is; saying the same again changes nothing.
    ///
    /// # Errors
    /// [`VectorError::Differs`] when it is there with another shape; [`VectorError::Shape`] out of range; otherwise when
    /// the store cannot be written.
    async fn define(&self, tenant: TenantId, embedding: &Name, shape: Shape) -> Result<(), VectorError>;

    /// Writes vectors, in place of those that their ids had. When it returns they are durable, and searches find them.
    ///
    /// # Errors
    /// [`VectorError::Unknown`], [`VectorError::Dimension`] or [`VectorError::NotComparable`], and then none is written;
    /// otherwise when the store cannot be written.
    async fn upsert(&self, place: &Place, vectors: &[(u64, Vec<f32>)]) -> Result<(), VectorError>;

    /// Writes running means as vectors, and what is needed to go on with them. Those of one call are written together, and
    /// calls that come at the same time all count. When it returns they are durable, and searches find them.
    ///
    /// A store that only holds vectors does so with [`Fold::Anew`] alone.
    ///
    /// # Errors
    /// [`VectorError::Unknown`], [`VectorError::Dimension`], [`VectorError::NotComparable`], [`VectorError::Imprecise`] or
    /// [`VectorError::NoRunningMeans`], and then none is written; otherwise when the store cannot be written.
    async fn fold(&self, place: &Place, fold: Fold, means: Vec<(u64, Mean)>) -> Result<(), VectorError> {
        match fold {
            Fold::Anew => {
                let vectors: Vec<_> = means.iter().map(|(id, mean)| (*id, mean.vector())).collect();
                self.upsert(place, &vectors).await
            }
            Fold::Onto { .. } => Err(VectorError::NoRunningMeans(place.embedding.clone())),
        }
    }

    /// Removes vectors; those that are not there are no error.
    ///
    /// # Errors
    /// [`VectorError::Unknown`], or when the store cannot be written.
    async fn delete(&self, place: &Place, ids: &[u64]) -> Result<(), VectorError>;

    /// What was asked of the server behind the store and how it went; `None` when there is none.
    fn remote(&self) -> Option<RemoteSnapshot> {
        None
    }

    /// Finishes the writes under way, takes no more, and lets go of what is open. Searches go on.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn close(&self) -> Result<(), VectorError> {
        Ok(())
    }

    /// The `k` nearest to the probe among some, nearest first, ties by id. A probe of which nothing is known finds nothing.
    ///
    /// # Errors
    /// [`VectorError::Unknown`], [`VectorError::Dimension`], or when the store cannot be read.
    async fn nearest(
        &self,
        place: &Place,
        probe: &Probe,
        k: usize,
        among: Among<'_>,
    ) -> Result<Vec<Near>, VectorError>;

    /// How near each of these is to the probe; NaN where either is not there.
    ///
    /// # Errors
    /// As [`VectorStore::nearest`].
    async fn similarities(&self, place: &Place, probe: &Probe, ids: &[u64]) -> Result<Vec<f32>, VectorError>;

    /// The embeddings of a tenant, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn describe(&self, tenant: TenantId) -> Result<Vec<EmbeddingSummary>, VectorError>;
}
