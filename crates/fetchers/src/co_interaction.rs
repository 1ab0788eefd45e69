//! Item-to-item similarity by co-interaction: which entities the same users use.

use recommend_core::EntityId;
use recommend_embeddings as embeddings;
use recommend_embeddings::Similarity;
use rustc_hash::FxHashMap;

/// What each user used: entities with a weight each, user after user.
#[derive(Debug, Default)]
pub(crate) struct Baskets {
    ends: Vec<usize>,
    cells: Vec<(EntityId, f32)>,
}

impl Baskets {
    /// Adds a user; each entity once, weights above zero.
    pub(crate) fn push(&mut self, basket: impl IntoIterator<Item = (EntityId, f32)>) {
        self.cells.extend(basket);
        self.ends.push(self.cells.len());
    }
}

/// The nearest neighbours of each entity: [`embeddings::Neighbours`], by id.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Neighbours {
    /// Sorted; a row is a place here.
    entities: Vec<EntityId>,
    nearest: embeddings::Neighbours,
}

impl Neighbours {
    /// Compares all entities; the second value is how many steps that took.
    pub(crate) fn of(baskets: Baskets, similarity: Similarity) -> (Self, usize) {
        let mut entities: Vec<EntityId> = baskets.cells.iter().map(|(id, _)| *id).collect();
        entities.sort_unstable();
        entities.dedup();
        let rows: FxHashMap<EntityId, u32> = entities.iter().copied().zip(0..).collect();
        let (mut by_row, mut start) = (embeddings::Baskets::default(), 0);
        for end in baskets.ends {
            by_row.push(baskets.cells[start..end].iter().map(|(id, weight)| (rows[id], *weight)));
            start = end;
        }
        drop(baskets.cells);
        let nearest = embeddings::Neighbours::of(&by_row, entities.len(), similarity);
        let steps = nearest.steps();
        (Neighbours { entities, nearest }, steps)
    }

    /// The neighbours of an entity with their similarities, best first; none for an entity not seen.
    pub(crate) fn near(&self, entity: EntityId) -> impl Iterator<Item = (EntityId, f32)> {
        let cells = self.row(entity).map_or(&[][..], |row| self.nearest.near(row));
        cells.iter().map(|(row, similarity)| (self.entities[*row as usize], *similarity))
    }

    /// For each neighbour of the roots, the sum of weight × similarity over them; without the roots, in no order.
    pub(crate) fn near_all(&self, roots: &[(EntityId, f32)]) -> Vec<(EntityId, f32)> {
        let roots: Vec<(u32, f32)> =
            roots.iter().filter_map(|(root, weight)| Some((self.row(*root)?, *weight))).collect();
        let cells = |row: u32| self.nearest.near(row);
        let most: usize = roots.iter().map(|(row, _)| cells(*row).len()).sum();
        if most >= self.entities.len() / 4 {
            return self.near_many(&roots);
        }
        let mut sums: FxHashMap<u32, f32> = FxHashMap::with_capacity_and_hasher(most, Default::default());
        for (root, weight) in &roots {
            for (other, similarity) in cells(*root) {
                *sums.entry(*other).or_default() += weight * similarity;
            }
        }
        for (root, _) in &roots {
            sums.remove(root);
        }
        sums.into_iter().map(|(row, sum)| (self.entities[row as usize], sum)).collect()
    }

    /// The same where much of the corpus is near: an array of all entities is quicker than a table of some.
    fn near_many(&self, roots: &[(u32, f32)]) -> Vec<(EntityId, f32)> {
        // Nothing that is added gives back a negative zero, so that it marks what no root is near to.
        const UNTOUCHED: f32 = -0.0;
        let mut sums = vec![UNTOUCHED; self.entities.len()];
        for (root, weight) in roots {
            for (other, similarity) in self.nearest.near(*root) {
                sums[*other as usize] += weight * similarity;
            }
        }
        for (root, _) in roots {
            sums[*root as usize] = UNTOUCHED;
        }
        let touched = sums.iter().zip(&self.entities).filter(|(sum, _)| sum.to_bits() != UNTOUCHED.to_bits());
        touched.map(|(sum, id)| (*id, *sum)).collect()
    }

    fn row(&self, entity: EntityId) -> Option<u32> {
        self.entities.binary_search(&entity).ok().map(|row| row as u32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn baskets(users: &[&[(u64, f32)]]) -> Baskets {
        let mut baskets = Baskets::default();
        for user in users {
            baskets.push(user.iter().map(|(id, weight)| (EntityId(*id), *weight)));
        }
        baskets
    }

    fn of(baskets: Baskets, shrinkage: f32, keep: usize) -> Neighbours {
        Neighbours::of(baskets, Similarity { shrinkage, keep, nearness: None }).0
    }

    fn near(neighbours: &Neighbours, id: u64) -> Vec<(u64, f32)> {
        neighbours.near(EntityId(id)).map(|(id, similarity)| (id.0, similarity)).collect()
    }

    #[test]
    fn similar_is_what_the_same_users_use() {
        let users = baskets(&[&[(1, 1.0), (2, 1.0)], &[(1, 1.0), (2, 1.0)], &[(2, 1.0), (3, 1.0)], &[]]);
        let found = of(users, 0.0, 10);
        let (two_of_six, one_of_three) = (2.0 / 6.0_f32.sqrt(), 1.0 / 3.0_f32.sqrt());
        assert_eq!(near(&found, 2).iter().map(|n| n.0).collect::<Vec<_>>(), [1, 3]);
        assert!((near(&found, 1)[0].1 - two_of_six).abs() < 1e-6);
        assert!((near(&found, 3)[0].1 - one_of_three).abs() < 1e-6);
        assert!(near(&found, 99).is_empty());
    }

    #[test]
    fn shrinkage_prefers_pairs_with_more_users() {
        let both: &[(u64, f32)] = &[(1, 1.0), (2, 1.0)];
        let users: [&[(u64, f32)]; 5] = [&[(3, 1.0), (4, 1.0)], both, both, both, &[(1, 1.0)]];
        let similarity = |shrinkage, id| near(&of(baskets(&users), shrinkage, 9), id)[0].1;
        assert!(similarity(0.0, 3) > similarity(0.0, 1), "one common user out of one is a perfect cosine");
        assert!(similarity(5.0, 3) < similarity(5.0, 1));
    }

    #[test]
    fn the_nearest_are_kept_and_ties_go_to_the_smaller_id() {
        let users = || baskets(&[&[(5, 1.0), (9, 1.0), (7, 1.0), (6, 1.0)]]);
        let found = of(users(), 0.0, 2);
        assert_eq!(near(&found, 7).iter().map(|n| n.0).collect::<Vec<_>>(), [5, 6]);
        assert!(near(&of(users(), 0.0, 0), 7).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_near_many_roots_is_the_sum_over_them_whichever_way_it_is_summed(
            users in prop::collection::vec(prop::collection::btree_map(0_u64..40, 0.1_f32..4.0, 0..8), 1..20),
            roots in prop::collection::btree_map(0_u64..45, 0.0_f32..2.0, 0..10),
        ) {
            let mut all = Baskets::default();
            for user in &users {
                all.push(user.iter().map(|(id, weight)| (EntityId(*id), *weight)));
            }
            let found = of(all, 1.0, 100);
            let mut expected = std::collections::BTreeMap::<u64, f32>::new();
            for (root, weight) in &roots {
                for (other, similarity) in near(&found, *root) {
                    *expected.entry(other).or_default() += weight * similarity;
                }
            }
            expected.retain(|id, _| !roots.contains_key(id));
            let ids: Vec<(EntityId, f32)> = roots.iter().map(|(id, weight)| (EntityId(*id), *weight)).collect();
            let rows: Vec<(u32, f32)> = ids.iter().filter_map(|(id, w)| Some((found.row(*id)?, *w))).collect();
            for sums in [found.near_all(&ids), found.near_many(&rows)] {
                let sums: std::collections::BTreeMap<u64, f32> = sums.into_iter().map(|(id, sum)| (id.0, sum)).collect();
                prop_assert_eq!(&sums, &expected);
            }
        }

        #[test]
        fn it_agrees_with_the_definition(
            users in prop::collection::vec(prop::collection::btree_map(0_u64..12, 0.1_f32..4.0, 0..8), 0..20),
            shrinkage in 0.0_f32..20.0,
        ) {
            let mut all = Baskets::default();
            for user in &users {
                all.push(user.iter().map(|(id, weight)| (EntityId(*id), *weight)));
            }
            let found = of(all, shrinkage, 100);
            let weight = |user: &std::collections::BTreeMap<u64, f32>, id| user.get(&id).copied().unwrap_or(0.0);
            for a in 0..12 {
                let neighbours = near(&found, a);
                prop_assert!(neighbours.is_sorted_by(|x, y| x.1 > y.1 || (x.1 == y.1 && x.0 < y.0)));
                for b in (0..12).filter(|b| *b != a) {
                    let dot: f32 = users.iter().map(|u| weight(u, a) * weight(u, b)).sum();
                    let norm = |id| users.iter().map(|u| weight(u, id).powi(2)).sum::<f32>().sqrt();
                    let shared = users.iter().filter(|u| u.contains_key(&a) && u.contains_key(&b)).count() as f32;
                    let similarity = neighbours.iter().find(|n| n.0 == b).map_or(0.0, |n| n.1);
                    let expected = if shared == 0.0 { 0.0 } else { dot / norm(a) / norm(b) * shared / (shared + shrinkage) };
                    prop_assert!((similarity - expected).abs() < 1e-5, "{a} {b}: {similarity} {expected}");
                }
            }
        }
    }
}
