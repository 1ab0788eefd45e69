//! Item-to-item similarity by co-occurrence in histories: which items the same users have, and how near to each other.

use std::convert::Infallible;

use parking_lot::Mutex;

use crate::parallel;

/// The histories of all users, one after the other: items with a weight each, in the order in which they came or in its
/// reverse.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baskets {
    ends: Vec<usize>,
    cells: Vec<(u32, f32)>,
}

impl Baskets {
    /// Adds a user; each item once, weights above zero.
    pub fn push(&mut self, basket: impl IntoIterator<Item = (u32, f32)>) {
        self.cells.extend(basket);
        self.ends.push(self.cells.len());
    }

    /// How many users.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The history of one user.
    pub fn user(&self, user: usize) -> &[(u32, f32)] {
        row(&self.ends, &self.cells, user)
    }
}

/// How similarity is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// With how many common users a similarity counts half; 0 or more (Bell and Koren, ICDM 2007).
    pub shrinkage: f32,
    /// How many neighbours of each item are kept.
    pub keep: usize,
    /// `None`: the cosine of the items' columns in the user × item matrix (Sarwar, Karypis, Konstan and Riedl, WWW
    /// 2001). With a number of places, two items of a history count `exp(-(distance - 1) / places)`, so that only what
    /// came about the same time goes together; the sum over the users is divided by the root of the product of both
    /// items' totals.
    pub nearness: Option<f32>,
}

/// Items that a thread takes at once.
const PIECE: usize = 64;
/// With fewer cells than this, one thread is done before a second has started.
const WORTH_A_THREAD: usize = 100_000;
/// Beyond so many times the nearness, two items do not count: e⁻³ is 5 %.
const REACH: f32 = 3.0;
/// What is added to the totals of both items before they divide, so that two lone users make no pair.
const NEARNESS_PRIOR: f32 = 5.0;

/// The nearest neighbours of each item, pruned: items × `keep` × 8 bytes.
///
/// ```
/// use recommend_embeddings::{Baskets, Neighbours, Similarity};
///
/// let mut baskets = Baskets::default();
/// baskets.push([(0, 1.0), (1, 1.0)]);
/// baskets.push([(0, 1.0), (1, 1.0), (2, 1.0)]);
/// let cosine = Similarity { shrinkage: 0.0, keep: 10, nearness: None };
/// let neighbours = Neighbours::of(&baskets, 3, cosine);
/// assert_eq!(neighbours.near(0)[0].0, 1, "two of two users have both");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Neighbours {
    ends: Vec<usize>,
    /// Best first, ties by item.
    cells: Vec<(u32, f32)>,
    steps: usize,
}

impl Neighbours {
    /// Compares all items `0..items` that share users, on all cores. Costs the sum over the users of the square of their
    /// history's length, or of length × reach with a nearness. The result does not depend on the number of cores.
    ///
    /// # Panics
    /// When a basket names an item that is not below `items`.
    pub fn of(baskets: &Baskets, items: usize, similarity: Similarity) -> Self {
        let kernel = similarity.nearness.map(kernel);
        let by_item = Turned::of(baskets, items);
        let norms = match &kernel {
            None => by_item.lengths(items),
            Some(kernel) => totals(baskets, items, kernel),
        };
        let search = Search { baskets, by_item, norms, kernel, similarity };
        let pieces: Vec<Mutex<Neighbours>> = (0..items.div_ceil(PIECE)).map(|_| Mutex::default()).collect();
        let threads = if baskets.cells.len() < WORTH_A_THREAD { 1 } else { parallel::threads(0) };
        let done: Result<(), Infallible> = parallel::for_each(
            threads,
            pieces.iter().enumerate(),
            || Room { sums: vec![(0.0, 0); items], touched: Vec::new(), nearest: Vec::new() },
            |room, (at, piece)| {
                let first = at * PIECE;
                let mut found = Neighbours::default();
                (first..items.min(first + PIECE)).for_each(|item| search.push(item, room, &mut found));
                *piece.lock() = found;
                Ok(())
            },
        );
        let Ok(()) = done;
        let mut found = Neighbours { ends: Vec::with_capacity(items), cells: Vec::new(), steps: 0 };
        for piece in pieces {
            let piece = piece.into_inner();
            let before = found.cells.len();
            found.ends.extend(piece.ends.iter().map(|end| before + end));
            found.cells.extend(piece.cells);
            found.steps += piece.steps;
        }
        found.cells.shrink_to_fit();
        found
    }

    /// The neighbours of an item with their similarities, best first; none for an item that there is not.
    pub fn near(&self, item: u32) -> &[(u32, f32)] {
        match (item as usize) < self.ends.len() {
            true => row(&self.ends, &self.cells, item as usize),
            false => &[],
        }
    }

    /// How many items.
    pub fn items(&self) -> usize {
        self.ends.len()
    }

    /// How many pairs were looked at when it was made.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Adds to `scores` (one per item) what a history says: the weighted sum of its items' similarities.
    ///
    /// # Panics
    /// When `scores` is shorter than the number of items.
    pub fn score(&self, history: &[(u32, f32)], scores: &mut [f32]) {
        for (item, weight) in history {
            for (other, similarity) in self.near(*item) {
                scores[*other as usize] += weight * similarity;
            }
        }
    }
}

/// All that is known before the items are compared.
struct Search<'a> {
    baskets: &'a Baskets,
    by_item: Turned,
    norms: Vec<f32>,
    kernel: Option<Vec<f32>>,
    similarity: Similarity,
}

/// What one thread needs for itself.
struct Room {
    /// By item: what it has in common with the item in question, and with how many users.
    sums: Vec<(f32, u32)>,
    touched: Vec<u32>,
    nearest: Vec<(u32, f32)>,
}

impl Search<'_> {
    /// Finds the nearest of one item, and appends them.
    fn push(&self, item: usize, room: &mut Room, found: &mut Neighbours) {
        let Similarity { shrinkage, keep, .. } = self.similarity;
        let Room { sums, touched, nearest } = room;
        for &(user, place, weight) in self.by_item.row(item) {
            let (basket, place) = (self.baskets.user(user as usize), place as usize);
            let reach = self.kernel.as_ref().map_or(basket.len(), Vec::len);
            let from = place.saturating_sub(reach);
            let to = (place + reach + 1).min(basket.len());
            found.steps += to - from;
            for (at, &(other, other_weight)) in basket[from..to].iter().enumerate() {
                let distance = (from + at).abs_diff(place);
                let near = match &self.kernel {
                    None => 1.0,
                    Some(_) if distance == 0 => continue,
                    Some(kernel) => kernel[distance - 1],
                };
                let (sum, shared) = &mut sums[other as usize];
                if *shared == 0 {
                    touched.push(other);
                }
                *sum += near * weight * other_weight;
                *shared += 1;
            }
        }
        nearest.clear();
        for other in touched.drain(..) {
            let (sum, shared) = std::mem::take(&mut sums[other as usize]);
            if other as usize != item {
                let shared = shared as f32;
                let alike = sum / (self.norms[item] * self.norms[other as usize]);
                nearest.push((other, alike * shared / (shared + shrinkage)));
            }
        }
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if nearest.len() > keep && keep > 0 {
            nearest.select_nth_unstable_by(keep - 1, order);
        }
        nearest.truncate(keep);
        nearest.sort_unstable_by(order);
        found.cells.extend_from_slice(nearest);
        found.ends.push(found.cells.len());
    }
}

/// What two items count at a distance of 1, 2, …
fn kernel(nearness: f32) -> Vec<f32> {
    let reach = (nearness * REACH).ceil().clamp(1.0, 1_000.0) as usize;
    (0..reach).map(|gap| (-(gap as f32) / nearness.max(1e-3)).exp()).collect()
}

/// For each item the root of the sum of its pairs, with the prior.
fn totals(baskets: &Baskets, items: usize, kernel: &[f32]) -> Vec<f32> {
    let mut totals = vec![NEARNESS_PRIOR; items];
    for user in 0..baskets.len() {
        let basket = baskets.user(user);
        for (place, (item, weight)) in basket.iter().enumerate() {
            let before = basket[..place].iter().rev().zip(kernel);
            let after = basket[place + 1..].iter().zip(kernel);
            let pairs: f32 = before.chain(after).map(|((_, other), near)| near * other).sum();
            totals[*item as usize] += weight * pairs;
        }
    }
    totals.into_iter().map(f32::sqrt).collect()
}

/// Cells by item instead of by user: (user, place in the history, weight), users in order.
struct Turned {
    ends: Vec<usize>,
    cells: Vec<(u32, u32, f32)>,
}

impl Turned {
    fn of(baskets: &Baskets, items: usize) -> Self {
        let mut starts = vec![0; items + 1];
        for (item, _) in &baskets.cells {
            starts[*item as usize + 1] += 1;
        }
        for item in 0..items {
            starts[item + 1] += starts[item];
        }
        let mut next = starts.clone();
        let mut cells = vec![(0, 0, 0.0); baskets.cells.len()];
        for user in 0..baskets.len() {
            for (place, (item, weight)) in baskets.user(user).iter().enumerate() {
                cells[next[*item as usize]] = (user as u32, place as u32, *weight);
                next[*item as usize] += 1;
            }
        }
        starts.remove(0);
        Turned { ends: starts, cells }
    }

    fn row(&self, item: usize) -> &[(u32, u32, f32)] {
        row(&self.ends, &self.cells, item)
    }

    fn lengths(&self, items: usize) -> Vec<f32> {
        let length = |item| self.row(item).iter().map(|(_, _, weight)| weight * weight).sum::<f32>().sqrt();
        (0..items).map(length).collect()
    }
}

/// The cells of one row, given where each row ends.
fn row<'a, T>(ends: &[usize], cells: &'a [T], at: usize) -> &'a [T] {
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &cells[start..ends[at]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn baskets(users: &[Vec<u32>]) -> Baskets {
        let mut baskets = Baskets::default();
        for user in users {
            baskets.push(user.iter().map(|item| (*item, 1.0)));
        }
        baskets
    }

    fn similarity(nearness: Option<f32>) -> Similarity {
        Similarity { shrinkage: 0.0, keep: 100, nearness }
    }

    #[test]
    fn what_comes_at_the_same_time_is_near() {
        let sessions: Vec<u32> = (0..60).collect();
        let found = Neighbours::of(&baskets(&[sessions]), 60, similarity(Some(2.0)));
        let near: Vec<u32> = found.near(30).iter().map(|n| n.0).collect();
        assert_eq!(near[..4], [29, 31, 28, 32]);
        assert_eq!(near.len(), 12, "six places to each side, and nothing beyond");
        assert!(found.near(60).is_empty());
    }

    #[test]
    fn many_histories_by_many_threads_are_what_each_item_gives_alone() {
        // 1,000 users of 120 items each: more cells than one thread is used for.
        let users: Vec<Vec<u32>> = (0..1_000_u32)
            .map(|user| {
                let stride = [1, 3, 7, 9, 11, 13, 17, 19][user as usize % 8];
                (0..120).map(|at| (user * 7 + at * stride) % 500).collect()
            })
            .collect();
        let baskets = baskets(&users);
        assert!(baskets.cells.len() >= WORTH_A_THREAD);
        let similarity = Similarity { shrinkage: 3.0, keep: 20, nearness: Some(4.0) };
        let found = Neighbours::of(&baskets, 500, similarity);
        let kernel = kernel(4.0);
        let norms = totals(&baskets, 500, &kernel);
        let search = Search {
            baskets: &baskets,
            by_item: Turned::of(&baskets, 500),
            norms,
            kernel: Some(kernel),
            similarity,
        };
        let mut steps = 0;
        for item in 0..500 {
            let mut room = Room { sums: vec![(0.0, 0); 500], touched: Vec::new(), nearest: Vec::new() };
            let mut alone = Neighbours::default();
            search.push(item, &mut room, &mut alone);
            assert_eq!(found.near(item as u32), alone.near(0), "item {item}");
            steps += alone.steps;
        }
        assert_eq!((found.items(), found.steps()), (500, steps));
    }

    #[test]
    fn the_nearest_are_kept_and_ties_go_to_the_smaller_number() {
        let users = baskets(&[vec![5, 9, 7, 6]]);
        let found = Neighbours::of(&users, 10, Similarity { keep: 2, ..similarity(None) });
        assert_eq!(found.near(7).iter().map(|n| n.0).collect::<Vec<_>>(), [5, 6]);
        let none = Neighbours::of(&users, 10, Similarity { keep: 0, ..similarity(None) });
        assert!(none.near(7).is_empty());
    }

    proptest! {
        #[test]
        fn scores_are_sums_over_the_history_of_the_definition(
            users in prop::collection::vec(prop::collection::btree_set(0..8_u32, 0..8), 0..12),
            nearness in prop::option::of(0.5_f32..4.0),
            root in 0..8_u32,
            weight in 0.1_f32..2.0,
        ) {
            let users: Vec<Vec<u32>> = users.into_iter().map(|user| user.into_iter().collect()).collect();
            let found = Neighbours::of(&baskets(&users), 8, similarity(nearness));
            let near = |user: &[u32], a, b| {
                let place = |item| user.iter().position(|other| *other == item);
                let (Some(a), Some(b)) = (place(a), place(b)) else { return 0.0 };
                match nearness {
                    None => 1.0,
                    Some(_) if a == b => 0.0,
                    Some(nearness) if a.abs_diff(b) as f32 > (nearness * REACH).ceil() => 0.0,
                    Some(nearness) => (-((a.abs_diff(b) - 1) as f32) / nearness).exp(),
                }
            };
            let sum = |a, b| users.iter().map(|user| near(user, a, b)).sum::<f32>();
            let norm = |a| match nearness {
                None => sum(a, a).sqrt(),
                Some(_) => (NEARNESS_PRIOR + (0..8).map(|b| sum(a, b)).sum::<f32>()).sqrt(),
            };
            let mut scores = [0.0; 8];
            found.score(&[(root, weight)], &mut scores);
            for other in (0..8).filter(|other| *other != root) {
                let sum = sum(root, other);
                let expected = if sum == 0.0 { 0.0 } else { weight * sum / norm(root) / norm(other) };
                prop_assert!((scores[other as usize] - expected).abs() < 1e-4, "{other}: {scores:?} {expected}");
            }
        }
    }
}
