//! The exact search: half bytes of all are looked at, the bytes of those that may be among the nearest, and of those that still
//! may be, all that is kept.

use super::codes::Query;
use super::kernels::{BESIDE, Most};
use super::rows::{Prepared, Rows};
use super::{Among, Near};

/// How many blocks of rows are looked at together.
const BLOCKS: usize = 16;
/// How many rows are asked for together.
const FEW: usize = 32;

/// The best so far, with all that may turn out better than the last of them.
struct Best<'a> {
    rows: &'a Rows,
    query: &'a Query,
    among: Among<'a>,
    k: usize,
    /// How far a rough similarity can be from the exact one.
    doubt: f32,
    /// What is below this is not among the best.
    bar: f32,
    held: Vec<(f32, u32)>,
    full: usize,
    products: Vec<i32>,
    rough: Vec<f32>,
}

impl<'a> Best<'a> {
    fn new(rows: &'a Rows, query: &'a Query, among: Among<'a>, k: usize) -> Self {
        let full = (4 * k).max(64);
        Best {
            rows,
            query,
            among,
            k,
            doubt: rows.doubt(query),
            bar: f32::NEG_INFINITY,
            held: Vec::with_capacity(full),
            full,
            products: Vec::new(),
            rough: Vec::new(),
        }
    }

    /// Compares the bytes of some slots, and raises the bar.
    fn offer(&mut self, slots: &mut Vec<u32>) {
        slots
            .retain(|slot| self.rows.alive(*slot as usize) && self.among.holds(self.rows.id(*slot as usize)));
        self.rows.rough_of(self.query, slots, &mut self.products, &mut self.rough);
        for (similarity, slot) in self.rough.iter().zip(slots.iter()) {
            if *similarity >= self.bar {
                self.held.push((*similarity, *slot));
            }
        }
        if self.held.len() >= self.full {
            self.raise();
        }
        slots.clear();
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
        self.full = self.full.max(2 * self.held.len());
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
    let ask = rows.ask(&prepared.query);
    let mut best = Best::new(rows, &prepared.query, among, k);
    // Those that are probably among the best so far, and those that hardly are, with the most that they can be: when their
    // turn comes, the bar is above nearly all of them.
    let (mut now, mut later) = (Vec::with_capacity(BLOCKS * BESIDE), Vec::new());
    let mut most = [Most::default(); BLOCKS];
    for start in (from / BESIDE * BESIDE..rows.slots()).step_by(BLOCKS * BESIDE) {
        let most = &mut most[..(rows.slots() - start).div_ceil(BESIDE).min(BLOCKS)];
        rows.at_most(&ask, start, best.bar, most);
        for (block, most) in most.iter().enumerate() {
            let mut reach = most.reach;
            while reach != 0 {
                let row = reach.trailing_zeros() as usize;
                reach &= reach - 1;
                let slot = start + block * BESIDE + row;
                if !(from..rows.slots()).contains(&slot) {
                    continue;
                }
                if most.near[row] < best.bar {
                    later.push((most.most[row], slot as u32));
                } else {
                    rows.prefetch(slot);
                    now.push(slot as u32);
                }
            }
        }
        if !now.is_empty() {
            best.offer(&mut now);
        }
    }
    best.raise();
    later.retain(|(most, _)| *most >= best.bar);
    for few in later.chunks(FEW) {
        now.extend(few.iter().filter(|(most, _)| *most >= best.bar).map(|(_, slot)| *slot));
        now.iter().for_each(|slot| rows.prefetch(*slot as usize));
        best.offer(&mut now);
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
            precision in prop::sample::select(vec![Precision::F32, Precision::F16, Precision::I8]),
            from in 0_usize..40,
        ) {
            let number = |at: u64| {
                let mixed = (at + u64::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            let vector = |id: u64| -> Vec<f32> { (0..dimension as u64).map(|at| number(id * 131 + at)).collect() };
            let shape = Shape { dimension, comparison, precision };
            let mut rows = Rows::new(shape);
            let from = from.min(vectors);
            for id in 0..vectors as u64 {
                rows.push(id, &rows.comparable(&vector(id)).unwrap());
            }
            (0..removed).for_each(|id| rows.remove(id * 3));
            let probe = rows.prepare(&vector(99_999)).unwrap();
            let odd: HashSet<u64> = (0..vectors as u64).filter(|id| id % 2 == 1).collect();
            for among in [Among::All, Among::Only(&odd), Among::Except(&odd), Among::Where(&|id| id.is_multiple_of(5))] {
                let found = nearest(&rows, &probe, k, from, among);
                let slots = (from..rows.slots()).filter(|slot| among.holds(rows.id(*slot)));
                prop_assert_eq!(found, ranked(&rows, &probe, slots, k));
            }
        }
    }
}
