//! A radius from the data: the knee of the distances to the nearest neighbours.

use crate::dbscan::DbscanError;
use crate::neighbours::{Index, Next, Points, Samples};
use crate::{Metric, Rows};

/// So many points are asked for their neighbours; they are spread evenly over all.
const ASKED: usize = 2_000;

/// No radius above this: beyond, texts that share little would be near.
const WIDEST: f64 = 0.5;

/// A radius for DBSCAN with cosine distance, from the distances of the samples to their `min_samples`-th nearest, themselves
/// included.
///
/// Sorted, those distances stay low inside clusters and rise where noise begins. The radius is where the curve is farthest below
/// the line between its ends (Satopää, Albrecht, Irwin, Raghavan, *Finding a "kneedle" in a haystack*, 2011). Distances above 0.5
/// count as 0.5: neighbours are not looked for beyond. `None` if all samples have enough equals, so that any radius will do.
///
/// # Errors
/// When `min_samples` is 0.
pub fn knee_eps(rows: &Rows, which: &[u32], min_samples: usize) -> Result<Option<f64>, DbscanError> {
    if min_samples == 0 {
        return Err(DbscanError::MinSamples);
    }
    let points = Points::new(Samples { rows, which: Some(which), weights: None }, Metric::Cosine);
    let index = Index::new(&points, WIDEST);
    let mut scratch = index.scratch();
    let weights = points.weights();
    let mut distances = Vec::new();
    let mut near: Vec<(f64, f64)> = Vec::new();
    for point in (0..points.len()).step_by(points.len().div_ceil(ASKED).max(1)) {
        near.clear();
        let spread = points.rows().dense(point);
        index.neighbours(
            point,
            &mut scratch,
            |_| true,
            |other| {
                near.push((points.distance(points.product(&spread, other), point, other), weights[other]));
                Next::On
            },
        );
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = weights[point];
        let mut distance = if sum >= min_samples as f64 { 0.0 } else { WIDEST };
        for (far, weight) in &near {
            if sum >= min_samples as f64 {
                break;
            }
            sum += weight;
            if sum >= min_samples as f64 {
                distance = *far;
            }
        }
        distances.push(distance);
    }
    distances.sort_unstable_by(f64::total_cmp);
    Ok(knee(&distances))
}

/// The value where ascending values are farthest below the line from the first to the last; none if that is no positive number.
fn knee(values: &[f64]) -> Option<f64> {
    let (first, last) = (values.first()?, values.last()?);
    let rise = last - first;
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let below = |at: usize| (at as f64 / steps) - (values[at] - first) / rise;
    let at = (0..values.len()).max_by(|a, b| below(*a).total_cmp(&below(*b)))?;
    // Rounding must not keep the point at the knee itself out.
    (rise > 0.0).then(|| values[at] * (1.0 + 1e-9)).map(|eps| eps.max(0.01))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_where_the_curve_turns_up() {
        let values: Vec<f64> =
            (0..90).map(|at| 0.1 + f64::from(at) / 1000.0).chain([0.4, 0.45, 0.5]).collect();
        let knee = knee(&values).unwrap();
        assert!((0.18..0.2).contains(&knee), "{knee}");
        assert_eq!(super::knee(&[0.2; 5]), None);
        assert_eq!(super::knee(&[]), None);
    }

    #[test]
    fn a_radius_between_clusters_and_noise_is_found() {
        let mut rows = Rows::new(300);
        for at in 0..60_u32 {
            rows.push([(0, 1.0), (1, 0.8), (10 + at, 0.3)]).unwrap();
        }
        for at in 0..20_u32 {
            rows.push([(2 + at % 3, 0.7), (100 + 2 * at, 1.0), (101 + 2 * at, 1.0)]).unwrap();
        }
        let which: Vec<u32> = (0..80).collect();
        let eps = knee_eps(&rows, &which, 3).unwrap().unwrap();
        assert!(eps > 0.04 && eps < 0.3, "{eps}");
        assert!(knee_eps(&rows, &which, 0).is_err());
    }
}
