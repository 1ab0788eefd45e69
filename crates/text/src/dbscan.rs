//! DBSCAN: clusters are what is connected through dense places (Ester, Kriegel, Sander, Xu, 1996).

use crate::Rows;

/// The label of a point in no cluster.
pub const NOISE: i32 = -1;

/// What distance is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metric {
    /// 1 − cosine, in [0, 2]; a row without entries is at distance 1 of every other.
    #[default]
    Cosine,
    /// The length of the difference.
    Euclidean,
}

/// Clusters points that have `min_samples` points, themselves included, within `eps`.
#[derive(Debug, Clone)]
pub struct Dbscan {
    /// The radius, inclusive, above 0.
    pub eps: f64,
    /// How many points within the radius make a point a core of a cluster.
    pub min_samples: usize,
    /// What distance is.
    pub metric: Metric,
}

impl Dbscan {
    /// One label per row: clusters count up from 0 in the order of their first cores, [`NOISE`] is in none.
    pub fn labels(&self, rows: &Rows) -> Vec<i32> {
        let neighbours = |of: usize| (0..rows.len()).filter(move |other| self.near(rows, of, *other));
        let cores: Vec<bool> = (0..rows.len())
            .map(|row| neighbours(row).take(self.min_samples).count() >= self.min_samples)
            .collect();
        let mut labels = vec![NOISE; rows.len()];
        let mut next = 0;
        let mut stack = Vec::new();
        for row in 0..rows.len() {
            if labels[row] != NOISE || !cores[row] {
                continue;
            }
            labels[row] = next;
            stack.push(row);
            while let Some(core) = stack.pop() {
                for other in neighbours(core) {
                    if labels[other] == NOISE {
                        labels[other] = next;
                        if cores[other] {
                            stack.push(other);
                        }
                    }
                }
            }
            next += 1;
        }
        labels
    }

    fn near(&self, rows: &Rows, a: usize, b: usize) -> bool {
        if a == b {
            return true;
        }
        let ((ai, av), (bi, bv)) = (rows.row(a), rows.row(b));
        let dot = dot(ai, av, bi, bv);
        let (aa, bb) = (dot_self(av), dot_self(bv));
        match self.metric {
            Metric::Cosine if aa == 0.0 || bb == 0.0 => 1.0 <= self.eps,
            Metric::Cosine => 1.0 - dot / (aa.sqrt() * bb.sqrt()) <= self.eps,
            Metric::Euclidean => (aa + bb - 2.0 * dot).max(0.0) <= self.eps * self.eps,
        }
    }
}

fn dot_self(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

fn dot(ai: &[u32], av: &[f64], bi: &[u32], bv: &[f64]) -> f64 {
    let (mut a, mut b, mut sum) = (0, 0, 0.0);
    while a < ai.len() && b < bi.len() {
        match ai[a].cmp(&bi[b]) {
            std::cmp::Ordering::Less => a += 1,
            std::cmp::Ordering::Greater => b += 1,
            std::cmp::Ordering::Equal => {
                sum += av[a] * bv[b];
                a += 1;
                b += 1;
            }
        }
    }
    sum
}
