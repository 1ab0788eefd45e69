//! Running means in the embedded store: what is kept beside a vector, so that the next message can move it.

use rustc_hash::FxHashMap;

use recommend_core::Timestamp;

use super::space::Space;
use super::{Comparison, Fold, Mean, Place, Precision, Shape, Side, VectorError};

/// What a vector is the mean of, without the vector: the sum is `scale` times the vector as memory holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kept {
    latest: Timestamp,
    weight: f64,
    scale: f64,
}

/// What is to be kept of an id; `None` when its vector is no mean any more.
pub(crate) type KeptOf = (u64, Option<Kept>);

/// By side and id; ids whose vector was written as it is are not in it.
pub(crate) type AllKept = FxHashMap<(Side, u64), Kept>;

/// The first byte of what is on disk.
const FORMAT: u8 = 1;

impl Kept {
    fn of(shape: Shape, mean: &Mean) -> Self {
        let scale = match shape.comparison {
            // Memory holds vectors of length 1.
            Comparison::Cosine => mean.sum.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt(),
            Comparison::Dot => mean.weight,
        };
        Kept { latest: mean.latest, weight: mean.weight, scale }
    }

    fn mean(self, vector: &[f32]) -> Mean {
        let sum = vector.iter().map(|x| (f64::from(*x) * self.scale) as f32).collect();
        Mean { sum, weight: self.weight, latest: self.latest }
    }

    pub(crate) fn bytes(self) -> [u8; 25] {
        let mut bytes = [FORMAT; 25];
        bytes[1..9].copy_from_slice(&self.latest.millis().to_le_bytes());
        bytes[9..17].copy_from_slice(&self.weight.to_le_bytes());
        bytes[17..].copy_from_slice(&self.scale.to_le_bytes());
        bytes
    }

    /// `None` when the bytes are of something else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.strip_prefix(&[FORMAT])?.as_chunks::<8>();
        let [latest, weight, scale] = *numbers else { return None };
        let kept = Kept {
            latest: Timestamp(i64::from_le_bytes(latest)),
            weight: f64::from_le_bytes(weight),
            scale: f64::from_le_bytes(scale),
        };
        let sound = kept.weight.is_finite() && kept.scale.is_finite() && rest.is_empty();
        sound.then_some(kept)
    }
}

/// Whether means can be kept in an embedding.
pub(super) fn check(place: &Place, shape: Shape, means: &[(u64, Mean)]) -> Result<(), VectorError> {
    if shape.precision != Precision::F32 {
        return Err(VectorError::Imprecise(place.embedding.clone()));
    }
    match means.iter().find(|(_, mean)| mean.dimension() != shape.dimension) {
        None => Ok(()),
        Some((_, mean)) => Err(VectorError::Dimension {
            embedding: place.embedding.clone(),
            dimension: shape.dimension,
            found: mean.dimension(),
        }),
    }
}

/// The means that come of it, each id once, as vectors and what is to be kept beside them.
pub(super) fn folded(
    shape: Shape,
    side: Side,
    space: &Space,
    kept: &AllKept,
    fold: Fold,
    means: &[(u64, Mean)],
) -> (Vec<(u64, Vec<f32>)>, Vec<KeptOf>) {
    let mut folded: Vec<(u64, Mean)> = Vec::with_capacity(means.len());
    let mut places: FxHashMap<u64, usize> = FxHashMap::default();
    for (id, mean) in means {
        if let Some(at) = places.get(id) {
            let half_life = match fold {
                Fold::Onto { half_life } => half_life,
                // The last one of an id stays.
                Fold::Anew => {
                    folded[*at].1 = mean.clone();
                    continue;
                }
            };
            folded[*at].1.merge(mean, half_life);
            continue;
        }
        places.insert(*id, folded.len());
        let known = match fold {
            Fold::Anew => None,
            Fold::Onto { half_life } => {
                let known = kept.get(&(side, *id)).zip(space.sum(&[(*id, 1.0)]));
                known.map(|(kept, vector)| (kept.mean(&vector), half_life))
            }
        };
        let merged = match known {
            None => mean.clone(),
            Some((mut known, half_life)) => {
                known.merge(mean, half_life);
                known
            }
        };
        folded.push((*id, merged));
    }
    let kept = folded.iter().map(|(id, mean)| (*id, Some(Kept::of(shape, mean)))).collect();
    (folded.into_iter().map(|(id, mean)| (id, mean.vector())).collect(), kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let kept = Kept { latest: Timestamp(1_700_000_000_123), weight: 17.25, scale: 3.5 };
        assert_eq!(Kept::read(&kept.bytes()), Some(kept));
        let mut other = kept.bytes();
        other[0] = 2;
        assert_eq!(Kept::read(&other), None, "another format");
        assert_eq!(Kept::read(&kept.bytes()[..24]), None);
        assert_eq!(Kept::read(&Kept { weight: f64::NAN, ..kept }.bytes()), None);
    }
}
