//! Exact path-dependent SHAP values of a forest, and their interactions, for eight rows at once.
//!
//! TreeSHAP (Lundberg, Erion, Lee, "Consistent Individualized Feature Attribution for Tree Ensembles", 2018) sums over
//! the subsets of the features on the way to each leaf. With `z` the share of training weight that follows a feature's
//! splits to the leaf, and `o` 1 if the row does and 0 if not, the contribution of feature `i` at a leaf of value `v` is
//!
//! ```text
//! v (o_i - z_i) ∫₀¹ Π_{j≠i} (z_j (1 - t) + o_j t) dt
//! ```
//!
//! because `∫ tᵏ(1-t)ⁿ⁻¹⁻ᵏ dt` is the weight that Shapley's formula gives to a subset of size `k`. The integrand is a
//! polynomial, so that Gauss–Legendre quadrature with half as many points as there are factors is exact; a walk down the
//! tree multiplies the factors at those points, the walk back up sums what the leaves below add (the sharing of work
//! is that of Yu et al., "Linear TreeShap", 2022). The cost is nodes × points rather than leaves × depth². The interaction
//! of two features is, likewise, `½ v (o_i - z_i)(o_j - z_j) ∫ Π_{k≠i,j} …`.

use std::cell::RefCell;

use super::kernels::Isa;
use super::quadrature::Quadrature;
use super::rows::Rows;
use super::{Forest, Node};

/// How many rows are explained together, unless there is but one.
const TOGETHER: usize = 8;

/// One number per row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane<const ROWS: usize>([f64; ROWS]);

impl<const ROWS: usize> Lane<ROWS> {
    const ZERO: Self = Lane([0.0; ROWS]);
}

const NONE: u32 = u32::MAX;

/// A forest, ready to explain.
#[derive(Debug)]
pub(crate) struct Shap {
    /// For each tree, what it adds on average over the training weight.
    means: Vec<f64>,
    /// Per node other than a root, the share of its parent's training weight that it gets.
    shares: Vec<f32>,
    /// Quadratures by the number of points.
    quadratures: Vec<Quadrature>,
    /// The number of points that each tree needs.
    points: Vec<u32>,
}

/// Why a forest cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapError {
    /// The file has no training weights.
    #[error(
        "the model has no training weights (`sum_hessian`), which SHAP values are made of; save it with XGBoost 1.0 \
         or later, which keeps them"
    )]
    NoCovers,
}

/// One edge on the way from the root, the state of one feature.
#[derive(Debug, Clone, Copy)]
struct Edge<const ROWS: usize> {
    feature: u32,
    /// The level of the edge above with the same feature, which this one takes the place of.
    above: u32,
    /// The share of training weight through all edges of this feature so far.
    share: f64,
    /// Whether the row follows all of them, as 0 or 1.
    follows: Lane<ROWS>,
}

/// Where the walk is at a level: the node, whether its left child is done, and which rows go left.
#[derive(Debug, Clone, Copy)]
struct Frame<const ROWS: usize> {
    node: u32,
    left_done: bool,
    goes_left: Lane<ROWS>,
}

/// What explaining needs for itself; kept per thread.
#[derive(Default)]
pub(crate) struct Scratch<const ROWS: usize> {
    /// `down[level * points + point]`: the product of the factors above the node at this level.
    down: Vec<Lane<ROWS>>,
    /// Likewise, the sum over the leaves below it of value times the factors below.
    up: Vec<Lane<ROWS>>,
    edges: Vec<Edge<ROWS>>,
    frames: Vec<Frame<ROWS>>,
    /// Per feature, the level of its last edge on the way.
    last: Vec<u32>,
    /// Per feature, its contribution so far.
    phi: Vec<Lane<ROWS>>,
    /// The rows, feature by feature.
    values: Vec<[f32; ROWS]>,
    /// The levels whose edges are the last of their feature, for interactions.
    live: Vec<u32>,
    /// One over the factor of each live edge at each point.
    inverse: Vec<Lane<ROWS>>,
}

thread_local! {
    static SCRATCH: (RefCell<Scratch<1>>, RefCell<Scratch<TOGETHER>>) = Default::default();
}

impl Shap {
    pub(crate) fn of(forest: &Forest) -> Result<Self, ShapError> {
        let (nodes, covers) = (forest.nodes(), forest.covers());
        let mut shares = vec![0.0f32; nodes.len()];
        let (mut means, mut points, mut value) = (Vec::new(), Vec::new(), vec![0.0f64; nodes.len()]);
        for tree in forest.trees() {
            let cover = covers[tree.root];
            if tree.len > 1 && (cover <= 0.0 || cover.is_nan()) {
                return Err(ShapError::NoCovers);
            }
            for at in tree.nodes().rev() {
                value[at] = match nodes[at] {
                    Node::Leaf { value } => f64::from(value),
                    Node::Split { left, .. } => {
                        let left = left as usize;
                        let mut mean = 0.0;
                        for child in [left, left + 1] {
                            let share = covers[child] / covers[at];
                            shares[child] = if share.is_finite() && share > 0.0 { share } else { 0.0 };
                            mean += f64::from(shares[child]) * value[child];
                        }
                        mean
                    }
                };
            }
            means.push(value[tree.root]);
            points.push(tree.depth.min(forest.features()).div_ceil(2).max(1) as u32);
        }
        let most = points.iter().copied().max().unwrap_or(0);
        let mut quadratures: Vec<Quadrature> = (0..=most).map(|_| Quadrature::default()).collect();
        for count in &points {
            let slot = &mut quadratures[*count as usize];
            if slot.len() == 0 {
                *slot = Quadrature::new(*count as usize);
            }
        }
        Ok(Shap { means, shares, quadratures, points })
    }

    /// Writes `features + 1` contributions per row and group, the last of them what the group's trees add on average.
    pub(crate) fn contributions(&self, forest: &Forest, isa: Isa, rows: &Rows<'_>, out: &mut [f32]) {
        SCRATCH.with(|(one, several)| match rows.len() {
            1 => self.contributions_by(forest, isa, rows, out, &mut one.borrow_mut()),
            _ => self.contributions_by(forest, isa, rows, out, &mut several.borrow_mut()),
        });
    }

    fn contributions_by<const ROWS: usize>(
        &self,
        forest: &Forest,
        isa: Isa,
        rows: &Rows<'_>,
        out: &mut [f32],
        scratch: &mut Scratch<ROWS>,
    ) {
        let width = forest.features() + 1;
        for start in (0..rows.len()).step_by(ROWS) {
            let count = ROWS.min(rows.len() - start);
            scratch.load(rows, start);
            for group in 0..forest.groups() {
                let mean = self.group(forest, isa, group, scratch, None);
                for lane in 0..count {
                    let out = &mut out[((start + lane) * forest.groups() + group) * width..][..width];
                    for (out, phi) in out.iter_mut().zip(&scratch.phi) {
                        *out = phi.0[lane] as f32;
                    }
                    out[width - 1] = mean as f32;
                }
            }
        }
    }

    /// Writes `(features + 1)²` interactions per row and group: off the diagonal half of what two features add together, on it
    /// what a feature adds alone; the last row and column hold nothing but, at their corner, the average.
    pub(crate) fn interactions(&self, forest: &Forest, isa: Isa, rows: &Rows<'_>, out: &mut [f32]) {
        SCRATCH.with(|(one, several)| match rows.len() {
            1 => self.interactions_by(forest, isa, rows, out, &mut one.borrow_mut()),
            _ => self.interactions_by(forest, isa, rows, out, &mut several.borrow_mut()),
        });
    }

    fn interactions_by<const ROWS: usize>(
        &self,
        forest: &Forest,
        isa: Isa,
        rows: &Rows<'_>,
        out: &mut [f32],
        scratch: &mut Scratch<ROWS>,
    ) {
        let (features, width) = (forest.features(), forest.features() + 1);
        let mut pairs = vec![Lane::ZERO; features * features];
        for start in (0..rows.len()).step_by(ROWS) {
            let count = ROWS.min(rows.len() - start);
            scratch.load(rows, start);
            for group in 0..forest.groups() {
                pairs.fill(Lane::ZERO);
                let mean = self.group(forest, isa, group, scratch, Some(&mut pairs));
                for lane in 0..count {
                    let at = (start + lane) * forest.groups() + group;
                    let out = &mut out[at * width * width..][..width * width];
                    out.fill(0.0);
                    for feature in 0..features {
                        let mut own = scratch.phi[feature].0[lane];
                        for other in 0..features {
                            // Only one half is summed up.
                            let pair = pairs[feature.min(other) * features + feature.max(other)].0[lane];
                            out[feature * width + other] = pair as f32;
                            own -= if other == feature { 0.0 } else { pair };
                        }
                        out[feature * width + feature] = own as f32;
                    }
                    out[width * width - 1] = mean as f32;
                }
            }
        }
    }

    /// Fills the scratch with the contributions to one group, and returns what its trees add on average.
    fn group<const ROWS: usize>(
        &self,
        forest: &Forest,
        isa: Isa,
        group: usize,
        scratch: &mut Scratch<ROWS>,
        mut pairs: Option<&mut Vec<Lane<ROWS>>>,
    ) -> f64 {
        scratch.phi.clear();
        scratch.phi.resize(forest.features(), Lane::ZERO);
        let mut mean = 0.0;
        for index in (0..forest.trees().len()).filter(|index| forest.trees()[*index].group == group) {
            mean += self.means[index];
            isa.shap(self, forest, index, scratch);
            if pairs.is_some() {
                self.walk(forest, index, scratch, &mut pairs);
            }
        }
        mean
    }

    /// Adds what one tree contributes; to the features, or, given `pairs`, to pairs of them.
    #[inline(always)]
    pub(crate) fn walk<const ROWS: usize>(
        &self,
        forest: &Forest,
        index: usize,
        scratch: &mut Scratch<ROWS>,
        pairs: &mut Option<&mut Vec<Lane<ROWS>>>,
    ) {
        let tree = &forest.trees()[index];
        if tree.len == 1 {
            return;
        }
        let quadrature = &self.quadratures[self.points[index] as usize];
        scratch.prepare(tree.depth + 1, quadrature);
        let mut level = 0;
        scratch.frames[0] = scratch.frame(forest, tree.root as u32);
        loop {
            let Frame { node, left_done, goes_left } = scratch.frames[level];
            let Node::Split { feature, left, .. } = forest.nodes()[node as usize] else { return };
            let child = left + u32::from(left_done);
            let way = Way { feature, share: self.shares[child as usize], goes_left, right: left_done };
            let points = quadrature.len();
            match (forest.nodes()[child as usize], &mut *pairs) {
                (Node::Split { .. }, _) => {
                    scratch.enter(level, &way, quadrature);
                    level += 1;
                    scratch.frames[level] = scratch.frame(forest, child);
                    scratch.up[level * points..][..points].fill(Lane::ZERO);
                    continue;
                }
                (Node::Leaf { value }, None) => scratch.leaf(level, &way, f64::from(value), quadrature),
                (Node::Leaf { value }, Some(pairs)) => {
                    scratch.enter(level, &way, quadrature);
                    scratch.pairs(level + 1, f64::from(value), quadrature, pairs);
                    scratch.last[feature as usize] = scratch.edges[level + 1].above;
                }
            }
            // Up again, over every node whose right child is done.
            while std::mem::replace(&mut scratch.frames[level].left_done, true) {
                if level == 0 {
                    return;
                }
                level -= 1;
                scratch.leave(level, quadrature, pairs.is_none());
            }
        }
    }
}

/// The step from a node to a child.
struct Way<const ROWS: usize> {
    feature: u32,
    share: f32,
    goes_left: Lane<ROWS>,
    right: bool,
}

impl<const ROWS: usize> Way<ROWS> {
    fn edge(&self, above: u32) -> Edge<ROWS> {
        let mut follows = self.goes_left;
        if self.right {
            follows.0.iter_mut().for_each(|lane| *lane = 1.0 - *lane);
        }
        Edge { feature: self.feature, above, share: f64::from(self.share), follows }
    }
}

impl<const ROWS: usize> Edge<ROWS> {
    /// The edge together with those above of its feature.
    #[inline(always)]
    fn joined(mut self, old: &Self) -> Self {
        self.share *= old.share;
        for (lane, old) in self.follows.0.iter_mut().zip(&old.follows.0) {
            *lane *= old;
        }
        self
    }
}

impl<const ROWS: usize> Scratch<ROWS> {
    /// Takes the next rows; behind the last, that one again.
    fn load(&mut self, rows: &Rows<'_>, start: usize) {
        let features = rows.columns().len();
        self.last.clear();
        self.last.resize(features, NONE);
        self.values.clear();
        self.values.extend((0..features).map(|feature| {
            std::array::from_fn(|lane| rows.get((start + lane).min(rows.len() - 1), feature))
        }));
    }

    fn prepare(&mut self, levels: usize, quadrature: &Quadrature) {
        let points = quadrature.len();
        for lanes in [&mut self.down, &mut self.up] {
            lanes.resize(lanes.len().max((levels + 1) * points), Lane::ZERO);
        }
        let edge = Edge { feature: 0, above: NONE, share: 1.0, follows: Lane::ZERO };
        self.edges.resize(self.edges.len().max(levels + 1), edge);
        let frame = Frame { node: 0, left_done: false, goes_left: Lane::ZERO };
        self.frames.resize(self.frames.len().max(levels + 1), frame);
        for (point, weight) in quadrature.weights().iter().enumerate() {
            self.down[point] = Lane([*weight; ROWS]);
            self.up[point] = Lane::ZERO;
        }
    }

    #[inline(always)]
    fn frame(&self, forest: &Forest, node: u32) -> Frame<ROWS> {
        let mut goes_left = Lane::ZERO;
        if let Node::Split { feature, default_left, test, .. } = forest.nodes()[node as usize] {
            for (lane, value) in goes_left.0.iter_mut().zip(&self.values[feature as usize]) {
                *lane = f64::from(u8::from(forest.goes_left(test, default_left, *value)));
            }
        }
        Frame { node, left_done: false, goes_left }
    }

    /// Goes from the node at `level` to a child that is a split.
    #[inline(always)]
    fn enter(&mut self, level: usize, way: &Way<ROWS>, quadrature: &Quadrature) {
        let points = quadrature.len();
        let above = std::mem::replace(&mut self.last[way.feature as usize], level as u32 + 1);
        let mut edge = way.edge(above);
        let (here, below) = self.down.split_at_mut((level + 1) * points);
        let (here, below) = (&here[level * points..], &mut below[..points]);
        if above == NONE {
            for point in 0..points {
                let (off, on) = quadrature.factor(point, edge.share);
                for lane in 0..ROWS {
                    below[point].0[lane] = here[point].0[lane] * (off + on * edge.follows.0[lane]);
                }
            }
        } else {
            let old = self.edges[above as usize];
            edge = edge.joined(&old);
            for point in 0..points {
                let (off, on) = quadrature.factor(point, edge.share);
                let (old_off, _) = quadrature.factor(point, old.share);
                for lane in 0..ROWS {
                    let inverse = inverse(old_off + on * old.follows.0[lane]);
                    below[point].0[lane] = here[point].0[lane] * (off + on * edge.follows.0[lane]) * inverse;
                }
            }
        }
        self.edges[level + 1] = edge;
    }

    /// Goes from the node at `level` to a child that is a leaf, and back.
    #[inline(always)]
    fn leaf(&mut self, level: usize, way: &Way<ROWS>, value: f64, quadrature: &Quadrature) {
        let points = quadrature.len();
        let above = self.last[way.feature as usize];
        let edge = way.edge(above);
        let down = &self.down[level * points..][..points];
        let up = &mut self.up[level * points..][..points];
        let phi = &mut self.phi[way.feature as usize];
        let (mut gained, mut lost) = (Lane::<ROWS>::ZERO, Lane::<ROWS>::ZERO);
        if above == NONE {
            for point in 0..points {
                let (off, on) = quadrature.factor(point, edge.share);
                for lane in 0..ROWS {
                    gained.0[lane] += down[point].0[lane];
                    up[point].0[lane] += (off + on * edge.follows.0[lane]) * value;
                }
            }
            for lane in 0..ROWS {
                phi.0[lane] += (edge.follows.0[lane] - edge.share) * gained.0[lane] * value;
            }
            return;
        }
        let old = self.edges[above as usize];
        let edge = edge.joined(&old);
        for point in 0..points {
            let (off, on) = quadrature.factor(point, edge.share);
            let (old_off, _) = quadrature.factor(point, old.share);
            for lane in 0..ROWS {
                let inverse = inverse(old_off + on * old.follows.0[lane]);
                let factor = (off + on * edge.follows.0[lane]) * inverse;
                let others = down[point].0[lane] * inverse;
                gained.0[lane] += others;
                lost.0[lane] += others * factor;
                up[point].0[lane] += factor * value;
            }
        }
        for lane in 0..ROWS {
            let gained = (edge.follows.0[lane] - edge.share) * gained.0[lane];
            phi.0[lane] += (gained - (old.follows.0[lane] - old.share) * lost.0[lane]) * value;
        }
    }

    /// Comes back from the child of the node at `level`, whose `up` is complete.
    #[inline(always)]
    fn leave(&mut self, level: usize, quadrature: &Quadrature, contribute: bool) {
        let points = quadrature.len();
        let edge = self.edges[level + 1];
        self.last[edge.feature as usize] = edge.above;
        if !contribute {
            return;
        }
        let down = &self.down[level * points..][..points];
        let (up, child) = self.up.split_at_mut((level + 1) * points);
        let (up, child) = (&mut up[level * points..], &child[..points]);
        let phi = &mut self.phi[edge.feature as usize];
        let (mut gained, mut lost) = (Lane::<ROWS>::ZERO, Lane::<ROWS>::ZERO);
        if edge.above == NONE {
            for point in 0..points {
                let (off, on) = quadrature.factor(point, edge.share);
                for lane in 0..ROWS {
                    let below = child[point].0[lane];
                    gained.0[lane] += down[point].0[lane] * below;
                    up[point].0[lane] += (off + on * edge.follows.0[lane]) * below;
                }
            }
            for lane in 0..ROWS {
                phi.0[lane] += (edge.follows.0[lane] - edge.share) * gained.0[lane];
            }
        } else {
            // The edge above has counted these leaves with its own factor; here they count with the edge's instead.
            let old = self.edges[edge.above as usize];
            for point in 0..points {
                let (off, on) = quadrature.factor(point, edge.share);
                let (old_off, _) = quadrature.factor(point, old.share);
                for lane in 0..ROWS {
                    let inverse = inverse(old_off + on * old.follows.0[lane]);
                    let factor = (off + on * edge.follows.0[lane]) * inverse;
                    let (below, others) = (child[point].0[lane], down[point].0[lane] * inverse);
                    gained.0[lane] += others * below;
                    lost.0[lane] += others * factor * below;
                    up[point].0[lane] += factor * below;
                }
            }
            for lane in 0..ROWS {
                phi.0[lane] += (edge.follows.0[lane] - edge.share) * gained.0[lane]
                    - (old.follows.0[lane] - old.share) * lost.0[lane];
            }
        }
    }

    /// Adds a leaf's interactions, to the pairs with the smaller feature first.
    fn pairs(&mut self, level: usize, value: f64, quadrature: &Quadrature, pairs: &mut [Lane<ROWS>]) {
        let points = quadrature.len();
        self.live.clear();
        self.inverse.clear();
        for at in 1..=level {
            let edge = self.edges[at];
            if self.last[edge.feature as usize] == at as u32 {
                self.live.push(at as u32);
                for point in 0..points {
                    let (off, on) = quadrature.factor(point, edge.share);
                    self.inverse.push(Lane(edge.follows.0.map(|follows| inverse(off + on * follows))));
                }
            }
        }
        let product = &self.down[level * points..][..points];
        let features = self.last.len();
        for (i, first) in self.live.iter().enumerate() {
            let a = self.edges[*first as usize];
            for (j, second) in self.live.iter().enumerate().skip(i + 1) {
                let b = self.edges[*second as usize];
                let (low, high) = (a.feature.min(b.feature) as usize, a.feature.max(b.feature) as usize);
                let pair = &mut pairs[low * features + high];
                for lane in 0..ROWS {
                    let others: f64 = (0..points)
                        .map(|point| {
                            product[point].0[lane]
                                * self.inverse[i * points + point].0[lane]
                                * self.inverse[j * points + point].0[lane]
                        })
                        .sum();
                    pair.0[lane] +=
                        0.5 * value * (a.follows.0[lane] - a.share) * (b.follows.0[lane] - b.share) * others;
                }
            }
        }
    }
}

/// One over a factor; a factor of 0 makes everything below it 0, and so does this.
#[inline(always)]
fn inverse(factor: f64) -> f64 {
    if factor == 0.0 { 0.0 } else { 1.0 / factor }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forest::testing;

    /// Shapley values by their definition: over all subsets of the features.
    fn brute(forest: &Forest, row: &[f32], group: usize) -> (Vec<f64>, Vec<f64>) {
        let features = forest.features();
        let value = |set: usize| -> f64 {
            let trees = forest.trees().iter().filter(|tree| tree.group == group);
            trees.map(|tree| expected(forest, tree.root, row, set)).sum()
        };
        let values: Vec<f64> = (0..1 << features).map(value).collect();
        let factorial = |n: usize| (1..=n).map(|v| v as f64).product::<f64>();
        let mut phi = vec![0.0; features];
        let mut pairs = vec![0.0; features * features];
        for set in 0..1usize << features {
            let size = set.count_ones() as usize;
            for i in (0..features).filter(|i| set >> i & 1 == 0) {
                let weight = factorial(size) * factorial(features - 1 - size) / factorial(features);
                phi[i] += weight * (values[set | 1 << i] - values[set]);
                for j in (0..features).filter(|j| *j != i && set >> j & 1 == 0) {
                    let weight =
                        factorial(size) * factorial(features - 2 - size) / (2.0 * factorial(features - 1));
                    let both = values[set | 1 << i | 1 << j] - values[set | 1 << i] - values[set | 1 << j]
                        + values[set];
                    pairs[i * features + j] += weight * both;
                }
            }
        }
        (phi, pairs)
    }

    /// What a tree says when only the features of `set` are known.
    fn expected(forest: &Forest, at: usize, row: &[f32], set: usize) -> f64 {
        match forest.nodes()[at] {
            Node::Leaf { value } => f64::from(value),
            Node::Split { feature, left, default_left, test } => {
                let left = left as usize;
                if set >> feature & 1 == 1 {
                    let right = !forest.goes_left(test, default_left, row[feature as usize]);
                    return expected(forest, left + usize::from(right), row, set);
                }
                let share = |child: usize| f64::from(forest.covers()[child] / forest.covers()[at]);
                share(left) * expected(forest, left, row, set)
                    + share(left + 1) * expected(forest, left + 1, row, set)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 40 }))]

        #[test]
        fn values_and_interactions_are_those_of_shapleys_definition(
            seed in any::<u64>(), features in 2usize..7, depth in 0usize..8, count in 1usize..4,
        ) {
            let forest = testing::forest_with(seed, features, 3, depth, 0.7);
            let data = testing::rows(&forest, count, seed);
            let columns: Vec<usize> = (0..features).collect();
            let rows = Rows::new(&data, features, count, &columns).unwrap();
            let shap = Shap::of(&forest).unwrap();
            let width = features + 1;
            for isa in Isa::available() {
                let mut phi = vec![0.0; count * forest.groups() * width];
                let mut pairs = vec![0.0; count * forest.groups() * width * width];
                shap.contributions(&forest, isa, &rows, &mut phi);
                shap.interactions(&forest, isa, &rows, &mut pairs);
                for row in 0..count {
                    for group in 0..forest.groups() {
                        let (exact, exact_pairs) = brute(&forest, &data[row * features..][..features], group);
                        let at = row * forest.groups() + group;
                        let (phi, pairs) = (&phi[at * width..][..width], &pairs[at * width * width..][..width * width]);
                        for i in 0..features {
                            prop_assert!((f64::from(phi[i]) - exact[i]).abs() < 1e-5, "{} {}", phi[i], exact[i]);
                            let sum: f32 = pairs[i * width..][..features].iter().sum();
                            prop_assert!((sum - phi[i]).abs() < 1e-5);
                            for j in (0..features).filter(|j| *j != i) {
                                let exact = exact_pairs[i * features + j];
                                prop_assert!((f64::from(pairs[i * width + j]) - exact).abs() < 1e-5);
                            }
                        }
                    }
                }
            }
        }

        #[test]
        fn contributions_and_bias_sum_to_the_raw_score(seed in any::<u64>()) {
            let forest = testing::forest(seed);
            let data = testing::rows(&forest, 11, seed);
            let columns: Vec<usize> = (0..forest.features()).collect();
            let rows = Rows::new(&data, forest.features(), 11, &columns).unwrap();
            let width = forest.features() + 1;
            let mut phi = vec![0.0; 11 * forest.groups() * width];
            Shap::of(&forest).unwrap().contributions(&forest, Isa::detect(), &rows, &mut phi);
            for row in 0..11 {
                let mut sums = vec![0.0; forest.groups()];
                forest.add(&data[row * forest.features()..][..forest.features()], &mut sums);
                for (group, sum) in sums.iter().enumerate() {
                    let total: f32 = phi[(row * forest.groups() + group) * width..][..width].iter().sum();
                    prop_assert!((total - sum).abs() < 1e-5, "{total} {sum}");
                }
            }
        }
    }
}
