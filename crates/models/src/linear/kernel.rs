//! The kernel of the linear family: a sum of transformed columns, tile by tile.

use std::hash::Hasher;

use recommend_core::{Explanation, FeatureRows};

use super::log1p::signed_log1p;
use super::transform::Transform;

/// Rows that are summed together: few enough that their cells stay in the first-level cache while every term visits
/// them, and enough that the loop over them runs in vector instructions.
const TILE: usize = 64;

/// A bias and terms, ready to run.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    bias: f32,
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    map: Map,
    /// What a missing value contributes.
    missing: f32,
}

/// A transform with its weight folded in.
#[derive(Debug, Clone)]
enum Map {
    /// `(clip(x) - mean) × scale`: identity, clip and standardise.
    Affine { min: f32, max: f32, mean: f32, scale: f32 },
    /// `signed_log1p(x) × scale`.
    Log1p { scale: f32 },
    /// `values[how many bounds are <= x]`.
    Bucket { bounds: Box<[f32]>, values: Box<[f32]> },
}

impl Map {
    fn new(transform: &Transform, weight: f32) -> Self {
        let (low, high) = (f32::MIN, f32::MAX);
        match transform {
            Transform::Identity => Map::Affine { min: low, max: high, mean: 0.0, scale: weight },
            Transform::Clip { min, max } => Map::Affine { min: *min, max: *max, mean: 0.0, scale: weight },
            Transform::Standardise { mean, std } => {
                Map::Affine { min: low, max: high, mean: *mean, scale: weight / std }
            }
            Transform::Log1p => Map::Log1p { scale: weight },
            Transform::Bucket { bounds, values } => Map::Bucket {
                bounds: bounds.iter().copied().collect(),
                values: values.iter().map(|value| value * weight).collect(),
            },
        }
    }

    fn of(&self, x: f32) -> f32 {
        match self {
            Map::Affine { min, max, mean, scale } => affine(x, *min, *max, *mean, *scale),
            Map::Log1p { scale } => signed_log1p(x) * scale,
            Map::Bucket { bounds, values } => values[bounds.partition_point(|bound| *bound <= x)],
        }
    }
}

/// One side of a product of features.
#[derive(Debug, Clone)]
pub(super) struct Factor(Map);

impl Factor {
    pub(super) fn new(transform: &Transform) -> Self {
        Factor(Map::new(transform, 1.0))
    }

    /// The transformed value; nothing when it is missing.
    pub(super) fn of(&self, x: f32) -> f32 {
        if x.is_nan() { 0.0 } else { self.0.of(x) }
    }
}

#[inline(always)]
fn affine(x: f32, min: f32, max: f32, mean: f32, scale: f32) -> f32 {
    // Written as compares: `f32::clamp` treats NaN apart, which costs and is not needed here.
    let x = if x < min { min } else { x };
    let x = if x > max { max } else { x };
    (x - mean) * scale
}

impl Term {
    fn contribution(&self, x: f32) -> f32 {
        if x.is_nan() { self.missing } else { self.map.of(x) }
    }

    /// Adds the contributions of a tile of one column. The arithmetic is that of [`Term::contribution`], cell by cell.
    fn add(&self, cells: &[f32; TILE], sums: &mut [f32; TILE]) {
        let missing = self.missing;
        match &self.map {
            Map::Affine { min, max, mean, scale } => {
                add_all(cells, sums, missing, |x| affine(x, *min, *max, *mean, *scale));
            }
            Map::Log1p { scale } => add_all(cells, sums, missing, |x| signed_log1p(x) * scale),
            Map::Bucket { .. } => add_all(cells, sums, missing, |x| self.map.of(x)),
        }
    }
}

#[inline(always)]
fn add_all(cells: &[f32; TILE], sums: &mut [f32; TILE], missing: f32, of: impl Fn(f32) -> f32) {
    for (sum, x) in sums.iter_mut().zip(cells) {
        let value = of(*x);
        *sum += if x.is_nan() { missing } else { value };
    }
}

impl Plan {
    pub(super) fn set_bias(&mut self, bias: f32) {
        self.bias = bias;
    }

    pub(super) fn push(&mut self, transform: &Transform, weight: f32, missing: Option<f32>) {
        let map = Map::new(transform, weight);
        let missing = missing.map_or(0.0, |value| map.of(value));
        self.terms.push(Term { map, missing });
    }

    /// Feeds every number of the plan to a hasher.
    pub(super) fn hash(&self, hasher: &mut impl Hasher) {
        let mut number = |n: f32| hasher.write_u32(n.to_bits());
        number(self.bias);
        for term in &self.terms {
            number(term.missing);
            match &term.map {
                Map::Affine { min, max, mean, scale } => {
                    [1.0, *min, *max, *mean, *scale].into_iter().for_each(&mut number);
                }
                Map::Log1p { scale } => [2.0, *scale].into_iter().for_each(&mut number),
                Map::Bucket { bounds, values } => {
                    number(3.0);
                    bounds.iter().chain(values).copied().for_each(&mut number);
                }
            }
        }
    }

    /// One sum per row; the order of the terms is the order of the additions.
    pub(super) fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) {
        let mut cells = [f32::NAN; TILE];
        for (tile, scores) in scores.chunks_mut(TILE).enumerate() {
            let mut sums = [self.bias; TILE];
            for (feature, term) in self.terms.iter().enumerate() {
                gather(rows, feature, tile * TILE, &mut cells[..scores.len()]);
                term.add(&cells, &mut sums);
            }
            scores.copy_from_slice(&sums[..scores.len()]);
        }
    }

    pub(super) fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Explanation {
        let terms = self.terms.iter().enumerate();
        let contributions: Vec<f32> = terms.map(|(at, term)| term.contribution(rows.get(row, at))).collect();
        let raw = contributions.iter().fold(self.bias, |sum, part| sum + part);
        Explanation { bias: self.bias, contributions, raw }
    }
}

/// Copies a stretch of one column to where it lies side by side.
fn gather(rows: &FeatureRows<'_>, feature: usize, start: usize, into: &mut [f32]) {
    let matrix = rows.matrix();
    match matrix.to_slice() {
        Some(cells) => {
            let (width, column) = (matrix.ncols(), rows.columns()[feature]);
            // Whole rows side by side: the bound of `column` is then checked once and not per cell.
            for (cell, row) in into.iter_mut().zip(cells[start * width..].chunks_exact(width)) {
                *cell = row[column];
            }
        }
        None => {
            for (row, cell) in into.iter_mut().enumerate() {
                *cell = rows.get(start + row, feature);
            }
        }
    }
}
