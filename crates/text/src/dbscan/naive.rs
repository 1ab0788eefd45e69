//! DBSCAN as its paper writes it, over a full matrix of distances: what the quick one is compared with.

use super::NOISE;
use crate::{Metric, Rows};

fn distance(a: &[f64], b: &[f64], metric: Metric) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    match metric {
        Metric::Cosine => {
            let lengths = product(a, a).sqrt() * product(b, b).sqrt();
            if lengths == 0.0 { 1.0 } else { 1.0 - product(a, b) / lengths }
        }
        Metric::Euclidean => a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
    }
}

/// All distances between rows; 0 of a row from itself, unless that is no direction.
pub(super) fn distances(rows: &Rows, metric: Metric) -> Vec<Vec<f64>> {
    let dense: Vec<Vec<f64>> = (0..rows.len()).map(|row| rows.dense(row)).collect();
    let is_none = |a: usize| metric == Metric::Cosine && dense[a].iter().all(|value| *value == 0.0);
    let of =
        |a: usize, b: usize| if a == b && !is_none(a) { 0.0 } else { distance(&dense[a], &dense[b], metric) };
    (0..rows.len()).map(|a| (0..rows.len()).map(|b| of(a, b)).collect()).collect()
}

pub(super) fn labels(distances: &[Vec<f64>], weights: &[f64], eps: f64, min_samples: usize) -> Vec<i32> {
    let reach = |point: usize| (0..distances.len()).filter(move |other| distances[point][*other] <= eps);
    let is_core = |point: usize| reach(point).map(|other| weights[other]).sum::<f64>() >= min_samples as f64;
    let mut labels = vec![NOISE; distances.len()];
    let mut next = 0;
    for point in 0..labels.len() {
        if labels[point] != NOISE || !is_core(point) {
            continue;
        }
        let mut stack = vec![point];
        while let Some(core) = stack.pop() {
            if labels[core] != NOISE {
                continue;
            }
            labels[core] = next;
            if is_core(core) {
                stack.extend(reach(core).filter(|other| labels[*other] == NOISE));
            }
        }
        next += 1;
    }
    labels
}
