//! Scores rows: chooses layouts once for a forest, and a path for each call by the number of rows.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use super::blend::{self, Blend};
use super::deep::{self, Deep};
use super::floats::{FloatColumns, Floats};
use super::fold::{self, Columns, Fold};
use super::kernels::Isa;
use super::lanes::{self, Lanes};
use super::quantise::{Bytes, Codes, Quantiser, TILE};
use super::rows::Rows;
use super::shap::{Shap, ShapError};
use super::walk::{self, Walk};
use super::{Forest, Tree};

/// The most rows that are ever scored one by one where there are no lanes for them.
const MOST_FEW: f64 = 16.0;

/// More byte columns than this would make tiles that no cache holds.
const MAX_COLUMNS: usize = 1 << 14;

/// A forest, ready to score.
///
/// Sums are made in the order of the trees whatever the path, so that a row scores the same, to the bit, alone or among
/// a thousand, on any processor.
#[derive(Debug)]
pub struct Engine {
    forest: Arc<Forest>,
    isa: Isa,
    walk: Walk,
    bytes: Option<ByteEngine>,
    floats: Option<FloatEngine>,
    /// Made when the first row is explained.
    shap: OnceLock<Result<Shap, ShapError>>,
}

/// The paths that read byte codes.
#[derive(Debug)]
struct ByteEngine {
    quantiser: Quantiser,
    /// For each group, its layouts in the order of its trees.
    groups: Vec<Vec<Layout>>,
    /// For a few rows.
    lanes: Option<Lanes>,
    /// Without lanes: up to how many rows are scored one by one.
    few: usize,
}

/// The path that reads values as they are, for small forests of shallow trees.
#[derive(Debug)]
struct FloatEngine {
    columns: FloatColumns,
    /// For each group.
    groups: Vec<Fold>,
}

/// What tiles of rows are compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compare {
    /// What costs less for the forest at hand.
    #[default]
    Cheapest,
    /// Byte codes.
    Bytes,
    /// Values as they are, where trees are shallow and the processor has AVX-512; bytes elsewhere.
    Floats,
}

/// Consecutive trees of one group in one layout.
#[derive(Debug)]
enum Layout {
    Fold(Fold),
    Blend(Blend),
    Deep(Deep),
    /// Trees too large for any other, by number.
    Walk(Vec<usize>),
}

/// What a call needs for itself; kept per thread, so that scoring allocates nothing.
struct Scratch {
    tile: Vec<Bytes>,
    slots: Vec<Bytes>,
    floats: Vec<Floats>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch { tile: Vec::new(), slots: blend::slots(), floats: Vec::new() });
}

impl Engine {
    /// Lays a forest out for the processor at hand.
    pub fn new(forest: Arc<Forest>) -> Self {
        Engine::comparing(forest, Compare::Cheapest)
    }

    /// Lays a forest out, to be compared in a certain way. Scores are the same in any.
    pub fn comparing(forest: Arc<Forest>, compare: Compare) -> Self {
        Engine::with_isa(forest, compare, Isa::detect())
    }

    pub(crate) fn with_isa(forest: Arc<Forest>, compare: Compare, isa: Isa) -> Self {
        let walk = Walk::of(&forest);
        let quantiser = Quantiser::of(&forest, MAX_COLUMNS);
        let floats = match compare {
            Compare::Bytes => None,
            Compare::Floats => FloatEngine::of(&forest, isa),
            Compare::Cheapest => quantiser
                .as_ref()
                .is_none_or(|(quantiser, _)| floats_cost_less(&forest, quantiser))
                .then(|| FloatEngine::of(&forest, isa))
                .flatten(),
        };
        let bytes = quantiser.map(|(quantiser, codes)| ByteEngine::new(&forest, quantiser, &codes, isa));
        Engine { forest, isa, walk, bytes, floats, shap: OnceLock::new() }
    }

    /// The forest.
    pub fn forest(&self) -> &Arc<Forest> {
        &self.forest
    }

    /// Adds the leaves of each row to its sums: `groups` of them per row, one row after the other.
    ///
    /// # Panics
    /// When `rows` has another number of features than the forest or `sums` another length than rows × groups.
    pub fn add(&self, rows: &Rows<'_>, sums: &mut [f32]) {
        assert_eq!(rows.columns().len(), self.forest.features(), "rows have the forest's features");
        assert_eq!(sums.len(), rows.len() * self.forest.groups(), "a sum for each row and group");
        let forest = &self.forest;
        let Some(bytes) = &self.bytes else { return self.walk.add(forest, rows, sums) };
        match &bytes.lanes {
            Some(lanes) if rows.len() <= lanes::ROWS => {
                self.isa.lanes(lanes, &bytes.quantiser, forest.sets(), rows, forest.groups(), sums);
            }
            None if rows.len() <= bytes.few => self.walk.add(forest, rows, sums),
            _ => SCRATCH.with_borrow_mut(|scratch| match &self.floats {
                Some(floats) => floats.add(self.isa, forest, rows, sums, scratch),
                None => bytes.add(self.isa, forest, &self.walk, rows, sums, scratch),
            }),
        }
    }

    fn shap(&self) -> Result<&Shap, ShapError> {
        self.shap.get_or_init(|| Shap::of(&self.forest)).as_ref().map_err(Clone::clone)
    }

    /// Writes the SHAP values of each row and group: one per feature, and last what the trees add on average.
    ///
    /// # Errors
    /// [`ShapError`] when the forest has no training weights.
    ///
    /// # Panics
    /// When `rows` has another number of features than the forest, or `out` another length than rows × groups ×
    /// (features + 1).
    pub fn contributions(&self, rows: &Rows<'_>, out: &mut [f32]) -> Result<(), ShapError> {
        let forest = &self.forest;
        assert_eq!(rows.columns().len(), forest.features(), "rows have the forest's features");
        assert_eq!(
            out.len(),
            rows.len() * forest.groups() * (forest.features() + 1),
            "a value for each feature"
        );
        self.shap()?.contributions(forest, self.isa, rows, out);
        Ok(())
    }

    /// Writes the SHAP interaction values of each row and group, a square of `features + 1`.
    ///
    /// # Errors
    /// [`ShapError`] when the forest has no training weights.
    ///
    /// # Panics
    /// When `rows` has another number of features than the forest, or `out` another length than rows × groups ×
    /// (features + 1)².
    pub fn interactions(&self, rows: &Rows<'_>, out: &mut [f32]) -> Result<(), ShapError> {
        let forest = &self.forest;
        assert_eq!(rows.columns().len(), forest.features(), "rows have the forest's features");
        let width = forest.features() + 1;
        assert_eq!(out.len(), rows.len() * forest.groups() * width * width, "a value for each pair");
        self.shap()?.interactions(forest, self.isa, rows, out);
        Ok(())
    }
}

impl ByteEngine {
    fn new(forest: &Forest, quantiser: Quantiser, codes: &Codes, isa: Isa) -> Self {
        let groups = (0..forest.groups()).map(|group| {
            let trees: Vec<usize> =
                (0..forest.trees().len()).filter(|tree| forest.trees()[*tree].group == group).collect();
            // Runs of trees that are laid out alike.
            let runs = trees.chunk_by(|a, b| kind(forest, *a, codes, isa) == kind(forest, *b, codes, isa));
            runs.map(|run| Layout::of(forest, run, codes, isa)).collect()
        });
        let groups: Vec<Vec<Layout>> = groups.collect();
        let lanes = if isa.has_lanes() { Lanes::of(forest, codes) } else { None };
        ByteEngine { quantiser, groups, lanes, few: few(forest, codes, isa) }
    }

    fn add(
        &self,
        isa: Isa,
        forest: &Forest,
        walk: &Walk,
        rows: &Rows<'_>,
        sums: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let groups = forest.groups();
        scratch.tile.resize(self.quantiser.columns() + deep::SLACK / TILE, Bytes([0; TILE]));
        for (tile, sums) in sums.chunks_mut(TILE * groups).enumerate() {
            let start = tile * TILE;
            let rows = rows.slice(start..rows.len().min(start + TILE));
            let codes = &mut scratch.tile;
            isa.quantise(&self.quantiser, forest.sets(), &rows, codes);
            for (group, layouts) in self.groups.iter().enumerate() {
                by_group(sums, group, groups, |lane| {
                    for layout in layouts {
                        match layout {
                            Layout::Fold(fold) => isa.fold(fold, codes, lane),
                            Layout::Blend(blend) => isa.blend(blend, codes, &mut scratch.slots, lane),
                            Layout::Deep(deep) => isa.deep(deep, codes, rows.len(), lane),
                            Layout::Walk(trees) => walk.add_trees(forest, &rows, trees, lane),
                        }
                    }
                });
            }
        }
    }
}

impl FloatEngine {
    fn of(forest: &Forest, isa: Isa) -> Option<Self> {
        if !isa.folds() || !forest.trees().iter().all(|tree| tree.depth <= fold::SHALLOW) {
            return None;
        }
        let columns = FloatColumns::of(forest).filter(|columns| columns.columns.len() <= MAX_COLUMNS)?;
        let groups = (0..forest.groups()).map(|group| {
            let trees: Vec<Tree> =
                forest.trees().iter().filter(|tree| tree.group == group).copied().collect();
            let mut fold = Fold::default();
            trees.chunks(fold::OCTET).for_each(|octet| fold.push(forest, octet, Columns::Floats(&columns)));
            fold
        });
        let groups = groups.collect();
        Some(FloatEngine { columns, groups })
    }

    fn add(&self, isa: Isa, forest: &Forest, rows: &Rows<'_>, sums: &mut [f32], scratch: &mut Scratch) {
        let groups = forest.groups();
        scratch.floats.resize(self.columns.columns.len().max(1), Floats([0.0; TILE]));
        for (tile, sums) in sums.chunks_mut(TILE * groups).enumerate() {
            let start = tile * TILE;
            let rows = rows.slice(start..rows.len().min(start + TILE));
            isa.floats(&self.columns, forest.sets(), &rows, &mut scratch.floats);
            for (group, fold) in self.groups.iter().enumerate() {
                by_group(sums, group, groups, |lane| isa.fold_floats(fold, &scratch.floats, lane));
            }
        }
    }
}

/// Calls `add` with the sums of one group side by side, and puts them back.
fn by_group(sums: &mut [f32], group: usize, groups: usize, add: impl FnOnce(&mut [f32; TILE])) {
    let mut lane = [0.0f32; TILE];
    for (lane, sum) in lane.iter_mut().zip(sums.iter().skip(group).step_by(groups)) {
        *lane = *sum;
    }
    add(&mut lane);
    for (lane, sum) in lane.iter().zip(sums.iter_mut().skip(group).step_by(groups)) {
        *sum = *lane;
    }
}

/// Whether coding a row costs more than bytes save: about two cycles for each value that is coded, against about three
/// cycles for each split of 64 rows.
fn floats_cost_less(forest: &Forest, quantiser: &Quantiser) -> bool {
    let splits: usize = forest.trees().iter().map(|tree| (1 << tree.depth.min(fold::SHALLOW)) - 1).sum();
    3 * splits < 2 * TILE * quantiser.ranks.len()
}

/// How many rows are scored sooner one by one than in a tile. Most layouts take as long for a tile of one row as for one
/// of 64, [`Deep`] for sixteen rows. The constants are nanoseconds of a Xeon of 2023; only their ratios matter.
fn few(forest: &Forest, codes: &Codes, isa: Isa) -> usize {
    // Trees that are walked together wait for the deepest.
    let abreast = forest.trees().chunks(walk::ABREAST);
    let walk: f64 = abreast
        .map(|trees| trees.len() * trees.iter().map(|tree| tree.depth).max().unwrap_or(0))
        .map(|steps| 1.8 * steps as f64)
        .sum();
    let trees = forest.trees().iter().enumerate();
    let tile: f64 = trees
        .map(|(number, tree)| match kind(forest, number, codes, isa) {
            Kind::Fold | Kind::FoldDeep => 0.9 * (tree.depth as f64).exp2(),
            Kind::Blend => 1.5 * (tree.len / 2) as f64,
            Kind::Deep => 16.0 * tree.depth as f64,
            Kind::Walk => MOST_FEW * 1.8 * tree.depth as f64,
        })
        .sum();
    if walk > 0.0 { (tile / walk).clamp(1.0, MOST_FEW) as usize } else { 1 }
}

/// The layout that suits a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fold,
    /// Apart from the others, because trees are padded to the deepest beside them.
    FoldDeep,
    Blend,
    Deep,
    Walk,
}

fn kind(forest: &Forest, tree: usize, codes: &Codes, isa: Isa) -> Kind {
    let tree = &forest.trees()[tree];
    if isa.folds() && fold::fits(tree) {
        if tree.depth <= fold::SHALLOW { Kind::Fold } else { Kind::FoldDeep }
    } else if blend::fits(tree) {
        Kind::Blend
    } else if isa.folds() && deep::fits(tree, codes) {
        Kind::Deep
    } else {
        Kind::Walk
    }
}

impl Layout {
    /// Lays out trees of one kind.
    fn of(forest: &Forest, run: &[usize], codes: &Codes, isa: Isa) -> Self {
        let trees: Vec<Tree> = run.iter().map(|tree| forest.trees()[*tree]).collect();
        match run.first().map_or(Kind::Walk, |first| kind(forest, *first, codes, isa)) {
            Kind::Fold | Kind::FoldDeep => {
                let mut layout = Fold::default();
                trees.chunks(fold::OCTET).for_each(|octet| layout.push(forest, octet, Columns::Bytes(codes)));
                Layout::Fold(layout)
            }
            Kind::Blend => {
                let mut layout = Blend::default();
                trees.iter().for_each(|tree| layout.push(forest, tree, codes));
                Layout::Blend(layout)
            }
            Kind::Deep => {
                let mut layout = Deep::new(codes);
                trees.iter().for_each(|tree| layout.push(forest, tree, codes));
                Layout::Deep(layout)
            }
            Kind::Walk => Layout::Walk(run.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forest::testing;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 200 }))]

        #[test]
        fn every_path_gives_the_bits_of_the_definition(seed in any::<u64>(), count in 1usize..150) {
            let forest = Arc::new(testing::forest(seed));
            for isa in Isa::available() {
                for compare in [Compare::Cheapest, Compare::Bytes, Compare::Floats] {
                    let engine = Engine::with_isa(forest.clone(), compare, isa);
                    testing::agrees(&forest, count, seed, |rows, sums| engine.add(rows, sums));
                }
            }
        }
    }
}
