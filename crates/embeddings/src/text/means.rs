//! The running means of many messages at once, for those who have a history to begin with.

use std::time::Duration;

use recommend_core::{Name, TenantId, Timestamp};
use recommend_stores::vectors::{Comparison, Fold, Mean, Place, Precision, Shape, Side, VectorStore};
use rustc_hash::FxHashMap;

use super::{TextError, TextModel, Whose};

/// How many means are written together.
const TOGETHER: usize = 1_000;

/// What users wrote, and what was written in entities: one mean for each, and no text.
#[derive(Debug, Default)]
pub struct Means {
    half_life: Option<Duration>,
    of: FxHashMap<Whose, Mean>,
}

impl Means {
    /// Nothing yet. After `half_life` a message counts half; `None` for ever as much.
    pub fn new(half_life: Option<Duration>) -> Self {
        Means { half_life, of: FxHashMap::default() }
    }

    /// Counts the vector of a message that was written at a time, by and in these.
    pub fn add(&mut self, whose: &[Whose], vector: Vec<f32>, time: Timestamp) {
        let message = Mean::of(vector, time);
        for whose in whose {
            match self.of.get_mut(whose) {
                Some(mean) => drop(mean.merge(&message, self.half_life)),
                None => drop(self.of.insert(*whose, message.clone())),
            }
        }
    }

    /// How many users and how many entities there are means of.
    pub fn count(&self) -> (usize, usize) {
        let users = self.of.keys().filter(|whose| matches!(whose, Whose::User(_))).count();
        (users, self.of.len() - users)
    }

    /// The mean of one of them.
    pub fn get(&self, whose: Whose) -> Option<&Mean> {
        self.of.get(&whose)
    }

    /// Writes all of them into an embedding, in the order of their ids; `written` is told after each thousand how many that
    /// were. With [`Fold::Anew`] doing so again changes nothing.
    ///
    /// # Errors
    /// [`TextError::Store`] when the embedding is there with another shape, or the store cannot be written.
    pub async fn write(
        self,
        vectors: &dyn VectorStore,
        tenant: TenantId,
        embedding: &Name,
        fold: Fold,
        mut written: impl FnMut(usize) + Send,
    ) -> Result<(), TextError> {
        let mut all: Vec<(Whose, Mean)> = self.of.into_iter().collect();
        all.sort_by_key(|(whose, _)| *whose);
        let (mut users, mut entities) = (Vec::new(), Vec::new());
        for (whose, mean) in all {
            match whose {
                Whose::User(id) => users.push((id.0, mean)),
                Whose::Entity(id) => entities.push((id.0, mean)),
            }
        }
        for (side, mut means) in [(Side::User, users), (Side::Entity, entities)] {
            let place = Place { tenant, embedding: embedding.clone(), side };
            while !means.is_empty() {
                let later = means.split_off(means.len().min(TOGETHER));
                let count = means.len();
                vectors.fold(&place, fold, std::mem::replace(&mut means, later)).await?;
                written(count);
            }
        }
        Ok(())
    }
}

/// What an embedding of a model's texts is.
pub(super) fn shape(model: &TextModel) -> Shape {
    Shape { dimension: model.dimension(), comparison: Comparison::Cosine, precision: Precision::F32 }
}

#[cfg(test)]
mod tests {
    use recommend_core::{EntityId, UserId};
    use recommend_stores::vectors::{EmbeddedVectors, Probe};

    use super::*;

    #[tokio::test]
    async fn a_message_counts_for_who_wrote_it_and_where() {
        let (tenant, embedding) = (TenantId(1), Name::literal("topics"));
        let vectors = EmbeddedVectors::in_memory(recommend_stores::vectors::VectorOptions::default());
        let shape = Shape { dimension: 2, comparison: Comparison::Cosine, precision: Precision::F32 };
        vectors.define(tenant, &embedding, shape).await.unwrap();
        for fold in [Fold::Anew, Fold::Anew, Fold::Onto { half_life: None }] {
            let mut means = Means::new(None);
            let (writer, place) = (Whose::User(UserId(1)), Whose::Entity(EntityId(7)));
            means.add(&[writer, place], vec![1.0, 0.0], Timestamp(0));
            means.add(&[place], vec![0.0, 1.0], Timestamp(1));
            (0..1_200)
                .for_each(|id| means.add(&[Whose::Entity(EntityId(100 + id))], vec![0.0, 1.0], Timestamp(1)));
            assert_eq!(means.count(), (1, 1_201));
            assert_eq!(means.get(place).unwrap().weight(), 2.0);
            let mut pieces = Vec::new();
            means.write(&vectors, tenant, &embedding, fold, |count| pieces.push(count)).await.unwrap();
            assert_eq!(pieces, [1, 1_000, 201]);
            let writer = Probe::Sum(Side::User, vec![(1, 1.0)]);
            let entities = Place::entities(tenant, &embedding);
            let found = vectors.similarities(&entities, &writer, &[7, 100, 5]).await.unwrap();
            assert!(
                (found[0] - 0.5_f32.sqrt()).abs() < 1e-6 && found[1].abs() < 1e-6 && found[2].is_nan(),
                "{found:?}"
            );
        }
    }
}
