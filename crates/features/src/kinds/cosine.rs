//! `cosine`: how near the candidate is to the user, or to the seeds, in an embedding.

use async_trait::async_trait;
use recommend_core::{Name, View};
use recommend_stores::vectors::{Place, Probe, Side, VectorError};
use recommend_stores::{StoreError, Stores};
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, What};
use crate::plan::{Group, Values};

/// How near the candidate's vector is to the user's, or to the sum of the seeds': the cosine of their angle, or their dot
/// product in an embedding that is compared by it. Missing where either has no vector.
///
/// This is the one way from an embedding to a feature: a vector of a text could be turned back into it, a cosine of two
/// cannot.
///
/// ```
/// # use recommend_features::{Cosine, Declarations};
/// let features = Declarations::new().with("taste", Cosine::with_user("user-channel").feature());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosine {
    embedding: Name,
    #[serde(default)]
    with: With,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum With {
    #[default]
    User,
    Seeds,
}

impl Cosine {
    /// Between the user who asks and the candidate.
    ///
    /// # Panics
    /// When the embedding's name is not a [`Name`]; for literals.
    #[track_caller]
    pub fn with_user(embedding: &'static str) -> Self {
        Cosine { embedding: Name::literal(embedding), with: With::User }
    }

    /// Between what was chosen already and the candidate.
    ///
    /// # Panics
    /// When the embedding's name is not a [`Name`]; for literals.
    #[track_caller]
    pub fn with_seeds(embedding: &'static str) -> Self {
        Cosine { embedding: Name::literal(embedding), with: With::Seeds }
    }

    /// The feature.
    pub fn feature(self) -> Feature {
        What::Cosine(self).into()
    }

    pub(crate) fn explained(&self) -> String {
        let with = match self.with {
            With::User => "the user",
            With::Seeds => "what was chosen already",
        };
        format!("how near the candidate is to {with} in the embedding {}", self.embedding)
    }

    pub(crate) fn scope(&self) -> FeatureScope {
        FeatureScope::Pair
    }
}

/// All cosines of a request: one call for each.
#[derive(Default)]
pub(crate) struct CosineGroup {
    columns: Vec<usize>,
    cosines: Vec<Cosine>,
}

impl CosineGroup {
    pub(crate) fn push(&mut self, cosine: &Cosine, column: usize) {
        self.columns.push(column);
        self.cosines.push(cosine.clone());
    }
}

#[async_trait]
impl Group for CosineGroup {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError> {
        let (query, candidates) = (view.query, view.candidates.ids());
        let ids: Vec<u64> = candidates.iter().map(|id| id.0).collect();
        let mut values = vec![f32::NAN; ids.len() * self.columns.len()];
        for (at, cosine) in self.cosines.iter().enumerate() {
            let probe = match cosine.with {
                With::User => Probe::Sum(Side::User, vec![(query.user.0, 1.0)]),
                With::Seeds => {
                    Probe::Sum(Side::Entity, query.seeds.iter().map(|seed| (seed.0, 1.0)).collect())
                }
            };
            let place = Place::entities(query.tenant, &cosine.embedding);
            let found = match stores.vectors.similarities(&place, &probe, &ids).await {
                // A tenant whose vectors have not come yet.
                Err(VectorError::Unknown(_)) => continue,
                found => found?,
            };
            for (row, similarity) in found.into_iter().enumerate() {
                values[row * self.columns.len() + at] = similarity;
            }
        }
        Ok(values.into())
    }
}
