//! Metrics that need to know the whole catalogue: coverage, novelty, popularity bias, diversity.

use recommend_core::{EntityId, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

/// Who touched what in the training data.
#[derive(Debug, Default)]
pub struct Catalogue {
    users: usize,
    /// Each entity's users, sorted.
    touched_by: FxHashMap<EntityId, Vec<UserId>>,
    /// Each entity's popularity percentile: the share of entities with fewer users, ties counted half.
    percentile: FxHashMap<EntityId, f64>,
    /// Similarities that were asked for: slates share much.
    cosines: FxHashMap<(EntityId, EntityId), f64>,
}

/// What has been recommended so far, and how it looks beside a [`Catalogue`].
#[derive(Debug, Default)]
pub struct Slates {
    recommended: FxHashSet<EntityId>,
    novelty: Mean,
    bias: Mean,
    diversity: Mean,
}

#[derive(Debug, Default, Clone, Copy)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.sum / self.count as f64 }
    }
}

impl Catalogue {
    /// A catalogue of the entities that could be recommended; `touched` are (user, entity) pairs of the training data.
    pub fn new(
        entities: impl IntoIterator<Item = EntityId>,
        touched: impl IntoIterator<Item = (UserId, EntityId)>,
    ) -> Self {
        let mut touched_by: FxHashMap<EntityId, Vec<UserId>> =
            entities.into_iter().map(|entity| (entity, Vec::new())).collect();
        let mut users = FxHashSet::default();
        for (user, entity) in touched {
            users.insert(user);
            touched_by.entry(entity).or_default().push(user);
        }
        for list in touched_by.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        let mut counts: Vec<usize> = touched_by.values().map(Vec::len).collect();
        counts.sort_unstable();
        let percentile = touched_by
            .iter()
            .map(|(entity, list)| {
                let below = counts.partition_point(|count| *count < list.len());
                let up_to = counts.partition_point(|count| *count <= list.len());
                (*entity, (below + up_to) as f64 / 2.0 / counts.len() as f64)
            })
            .collect();
        Catalogue { users: users.len(), touched_by, percentile, cosines: FxHashMap::default() }
    }

    /// How many entities could be recommended.
    pub fn entities(&self) -> usize {
        self.touched_by.len()
    }

    /// The cosine of two entities' sets of users, kept for the next time.
    fn similarity(&mut self, a: EntityId, b: EntityId) -> f64 {
        let pair = (a.min(b), a.max(b));
        if let Some(known) = self.cosines.get(&pair) {
            return *known;
        }
        let cosine = self.cosine(a, b);
        self.cosines.insert(pair, cosine);
        cosine
    }

    fn cosine(&self, a: EntityId, b: EntityId) -> f64 {
        let (Some(a), Some(b)) = (self.touched_by.get(&a), self.touched_by.get(&b)) else { return 0.0 };
        let (mut i, mut j, mut common) = (0, 0, 0_usize);
        while i < a.len() && j < b.len() {
            match a[i].cmp(&b[j]) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => {
                    common += 1;
                    i += 1;
                    j += 1;
                }
            }
        }
        match common {
            0 => 0.0,
            _ => common as f64 / ((a.len() * b.len()) as f64).sqrt(),
        }
    }
}

impl Slates {
    /// Notes what one user was recommended.
    pub fn note(&mut self, catalogue: &Catalogue, top: &[EntityId]) {
        for entity in top {
            self.recommended.insert(*entity);
            let touched = catalogue.touched_by.get(entity).map_or(0, Vec::len);
            // An entity that nobody touched is as novel as one that a single user did.
            self.novelty.add((catalogue.users.max(1) as f64 / touched.max(1) as f64).log2());
            self.bias.add(catalogue.percentile.get(entity).copied().unwrap_or(0.0));
        }
    }

    /// Notes how unlike each other the things are that one user was recommended. That goes through the users of each
    /// pair, so that a sample of the users may do.
    pub fn note_diversity(&mut self, catalogue: &mut Catalogue, top: &[EntityId]) {
        for (at, entity) in top.iter().enumerate() {
            for other in &top[..at] {
                self.diversity.add(1.0 - catalogue.similarity(*entity, *other));
            }
        }
    }

    /// Entities recommended to anybody / entities that could be; in 0..=1.
    pub fn coverage(&self, catalogue: &Catalogue) -> f64 {
        self.recommended.len() as f64 / catalogue.entities().max(1) as f64
    }

    /// Mean self-information of what was recommended, in bits.
    pub fn novelty(&self) -> f64 {
        self.novelty.value()
    }

    /// Mean popularity percentile of what was recommended, in 0..=1.
    pub fn popularity_bias(&self) -> f64 {
        self.bias.value()
    }

    /// Mean over users and pairs within a slate of 1 - cosine of their users, in 0..=1.
    pub fn diversity(&self) -> f64 {
        self.diversity.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_knows_what_is_popular_and_alike() {
        let id = EntityId;
        let touched = [(1, 10), (2, 10), (3, 10), (4, 10), (1, 11), (2, 11), (3, 12)];
        let mut catalogue = Catalogue::new(
            [10, 11, 12, 13].map(id),
            touched.map(|(user, entity)| (UserId(user), id(entity))),
        );
        let mut slates = Slates::default();
        slates.note(&catalogue, &[id(10), id(11)]);
        slates.note_diversity(&mut catalogue, &[id(10), id(11)]);
        assert_eq!(slates.coverage(&catalogue), 0.5);
        assert!((slates.novelty() - (0.0 + 1.0) / 2.0).abs() < 1e-12, "all four, then two of four users");
        assert!((slates.popularity_bias() - (0.875 + 0.625) / 2.0).abs() < 1e-12);
        assert!((slates.diversity() - (1.0 - 2.0 / 8_f64.sqrt())).abs() < 1e-12);
    }
}
