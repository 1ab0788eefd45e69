//! The reliability diagram: what was predicted against what happened.

use serde::Serialize;

/// Bins of equal width.
pub(super) const BINS: usize = 15;

/// The rows whose predictions lie in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// The mean prediction, 0 to 1.
    pub predicted: f64,
    /// The share that was positive, 0 to 1.
    pub observed: f64,
    /// How many rows.
    pub rows: usize,
}

/// The bin of a prediction.
pub(super) fn bin(prediction: f32) -> usize {
    // A cast takes what is below 0 to 0.
    ((prediction * BINS as f32) as usize).min(BINS - 1)
}

/// The bins that have rows, by rising prediction.
pub(super) fn bins(labels: &[f32], predictions: &[f32]) -> Vec<Bin> {
    let mut sums = [(0.0, 0_usize, 0_usize); BINS];
    for (label, prediction) in labels.iter().zip(predictions) {
        let (predicted, positive, rows) = &mut sums[bin(*prediction)];
        *predicted += f64::from(*prediction);
        *positive += usize::from(*label > 0.0);
        *rows += 1;
    }
    let filled = sums.iter().filter(|(_, _, rows)| *rows > 0);
    filled
        .map(|(predicted, positive, rows)| Bin {
            predicted: predicted / *rows as f64,
            observed: *positive as f64 / *rows as f64,
            rows: *rows,
        })
        .collect()
}
