//! The exact search: all codes are looked at, and those that may be among the nearest are compared in full.

use super::rows::{Prepared, Rows};
use super::{Among, Near};

/// How many rows are looked at together.
const BLOCK: usize = 256;
/// And so many of them are compared with the bar at a time.
const FEW: usize = 32;

/// The best so far, with all that may turn out better than the last of them.
struct Best {
    k: usize,
    /// How far a rough similarity can be from the exact one.
    doubt: f32,
    /// What is below this is not among the best.
    bar: f32,
    held: Vec<(f32, u32)>,
    full: usize,
}

impl Best {
    fn new(k: usize, doubt: f32) -> Self {
        let full = (4 * k).max(64);
        Best { k, doubt, bar: f32::NEG_INFINITY, held: Vec::with_capacity(full), full }
    }

    fn offer(&mut self, similarity: f32, slot: u32) {
        self.held.push((similarity, slot));
        if self.held.len() >= self.full {
            self.raise();
            self.full = self.full.max(2 * self.held.len());
        }
    }

    /// Raises the bar to the k-th best, less what both may be wrong by.
    fn raise(&mut self) {
        if self.held.len() > self.k {
            let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0);
            let (_, kth, _) = self.held.select_nth_unstable_by(self.k - 1, order);
            self.bar = kth.0 - 2.0 * self.doubt;
            let bar = self.bar;
            self.held.retain(|(similarity, _)| *similarity >= bar);
        }
    }
}

/// The `k` nearest of the slots from `from` on, nearest first, ties by id.
pub(crate) fn nearest(
    rows: &Rows,
    prepared: &Prepared,
    k: usize,
    from: usize,
    among: Among<'_>,
) -> Vec<Near> {
    if k == 0 {
        return Vec::new();
    }
    if let Among::Only(ids) = among
        && ids.len() < (rows.slots() - from) / 8
    {
        let slots = ids.iter().filter_map(|id| rows.slot(*id)).filter(|slot| *slot >= from);
        return ranked(rows, prepared, slots, k);
    }
    let mut best = Best::new(k, rows.doubt(&prepared.query));
    let (mut products, mut rough) = ([0; BLOCK], [0.0; BLOCK]);
    let mut start = from;
    while start < rows.slots() {
        let length = BLOCK.min(rows.slots() - start);
        let rough = &mut rough[..length];
        rows.rough_all(&prepared.query, start, &mut products[..length], rough);
        for (few, near) in rough.chunks(FEW).enumerate() {
            let bar = best.bar;
            // Without a branch for each, so that they are compared side by side; nearly always none is near.
            if !near.iter().fold(false, |any, similarity| any | (*similarity >= bar)) {
                continue;
            }
            for (at, similarity) in near.iter().enumerate() {
                let slot = start + few * FEW + at;
                if *similarity >= best.bar && rows.alive(slot) && among.holds(rows.id(slot)) {
                    best.offer(*similarity, slot as u32);
                }
            }
        }
        start += length;
    }
    best.raise();
    ranked(rows, prepared, best.held.iter().map(|(_, slot)| *slot as usize), k)
}

/// Compares slots in full.
pub(crate) fn ranked(
    rows: &Rows,
    prepared: &Prepared,
    slots: impl Iterator<Item = usize>,
    k: usize,
) -> Vec<Near> {
    let near = slots.map(|slot| Near { id: rows.id(slot), similarity: rows.exact(prepared, slot) });
    let mut near: Vec<Near> = near.filter(|near| !near.similarity.is_nan()).collect();
    let order = |a: &Near, b: &Near| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id));
    if near.len() > k && k > 0 {
        near.select_nth_unstable_by(k - 1, order);
    }
    near.truncate(k);
    near.sort_unstable_by(order);
    near
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{Comparison, Precision, Shape};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn nothing_nearer_is_missed(
            dimension in 1_usize..40,
            vectors in 1_usize..600,
            k in 1_usize..30,
            seed in any::<u32>(),
            comparison in prop::sample::select(vec![Comparison::Cosine, Comparison::Dot]),
            removed in 0_u64..7,
        ) {
            let number = |at: u64| {
                let mixed = (at + u64::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            let vector = |id: u64| -> Vec<f32> { (0..dimension as u64).map(|at| number(id * 131 + at)).collect() };
            let shape = Shape { dimension, comparison, precision: Precision::F32 };
            let mut rows = Rows::new(shape);
            for id in 0..vectors as u64 {
                rows.push(id, &rows.comparable(&vector(id)).unwrap());
            }
            (0..removed).for_each(|id| rows.remove(id * 3));
            let probe = rows.prepare(&vector(99_999)).unwrap();
            let odd: HashSet<u64> = (0..vectors as u64).filter(|id| id % 2 == 1).collect();
            for among in [Among::All, Among::Only(&odd), Among::Except(&odd), Among::Where(&|id| id.is_multiple_of(5))] {
                let found = nearest(&rows, &probe, k, 0, among);
                let slots = (0..rows.slots()).filter(|slot| among.holds(rows.id(*slot)));
                prop_assert_eq!(found, ranked(&rows, &probe, slots, k));
            }
        }
    }
}
