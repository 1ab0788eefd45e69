//! Points on a cache line each: enough to turn a stranger away.

use super::Points;
use crate::Metric;

/// Unit rows, shortened so that their products are never too small. Nearly all that an index proposes is far off and is seen to
/// be from one cache line; what may be near is computed in full.
///
/// All rows have the same number of entries, so that no branch depends on a candidate and the processor reads the next ones
/// ahead. An entry is a number of 32 bits: the upper half of a single-precision value, rounded up, and a place. Columns that
/// fall on the same place add up, signs are dropped, and the smallest entries of a long row are replaced by their length, which
/// is what they can add to a product with a unit row at most.
#[derive(Debug)]
pub(crate) struct Sketch {
    entries: Vec<u32>,
    /// Entries per row.
    width: usize,
    /// What a product must reach.
    least: f32,
}

/// An asking point, spread over the places of a sketch.
#[derive(Debug)]
pub(crate) struct Spread(Box<[f32; PLACES]>);

/// 16 KiB of single precision: they stay in the first cache.
const PLACES: usize = 1 << 12;
/// The place of what is left of a long row.
const REST: usize = PLACES - 1;
/// Entries are read so many at a time.
const STEP: usize = 4;
/// No row is wider: 64 bytes.
const WIDEST: usize = 16;
/// More than all roundings together, of [`WIDEST`] products below 1 and their sum.
const ROUNDING: f32 = 1e-5;

impl Spread {
    pub(crate) fn new() -> Self {
        let mut places = Box::new([0.0; PLACES]);
        places[REST] = 1.0;
        Spread(places)
    }

    pub(crate) fn set(&mut self, columns: &[u32], values: &[f64]) {
        for (column, value) in columns.iter().zip(values) {
            self.0[place(*column)] += value.abs() as f32;
        }
    }

    pub(crate) fn clear(&mut self, columns: &[u32]) {
        for column in columns {
            self.0[place(*column)] = 0.0;
        }
    }
}

fn place(column: u32) -> usize {
    column as usize % REST
}

fn entry(place: usize, value: f64) -> u32 {
    let bits = (value.abs() as f32).to_bits();
    // Up to the next number whose lower half is zero.
    (bits.saturating_add(0x1_0000) & 0xFFFF_0000) | place as u32
}

impl Sketch {
    /// None where rows have any length: then nothing bounds what is rounded.
    pub(crate) fn new(points: &Points, metric: Metric, eps: f64) -> Option<Self> {
        if metric != Metric::Cosine {
            return None;
        }
        let rows = points.rows();
        let average = rows.stored() / rows.len().max(1);
        let width = (average + average / 2 + 1).next_multiple_of(STEP).min(WIDEST);
        let mut sketch = Sketch {
            entries: Vec::with_capacity(rows.len() * width),
            width,
            least: (1.0 - eps) as f32 - ROUNDING,
        };
        let mut order: Vec<(f64, u32)> = Vec::new();
        for at in 0..rows.len() {
            let (columns, values) = rows.row(at);
            order.clear();
            order.extend(values.iter().map(|value| value.abs()).zip(columns.iter().copied()));
            let mut rest = 0.0;
            if order.len() > width {
                order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
                rest = order[width - 1..].iter().map(|(value, _)| value * value).sum::<f64>().sqrt();
                order.truncate(width - 1);
            }
            let end = sketch.entries.len() + width;
            sketch.entries.extend(order.iter().map(|(value, column)| entry(place(*column), *value)));
            if rest > 0.0 {
                sketch.entries.push(entry(REST, rest));
            }
            sketch.entries.resize(end, 0);
        }
        Some(sketch)
    }

    /// Whether a point may be within reach of the one that is spread; where this says no, it surely isn't.
    #[inline]
    pub(crate) fn may_be_near(&self, spread: &Spread, other: usize) -> bool {
        let row = &self.entries[other * self.width..(other + 1) * self.width];
        let mut sums = [0.0; STEP];
        for entries in row.as_chunks::<STEP>().0 {
            for (sum, entry) in sums.iter_mut().zip(entries) {
                *sum += f32::from_bits(entry & 0xFFFF_0000) * spread.0[*entry as usize % PLACES];
            }
        }
        sums.iter().sum::<f32>() >= self.least
    }
}
