//! A running mean of vectors in which what is older counts less.

use std::time::Duration;

use recommend_core::Timestamp;

/// The mean of vectors that came at different times, as of the latest of them: each weighs ½ to the power of its age in
/// half-lives (exponential decay; Cormode, Shkapenyuk, Srivastava and Xu 2009, "Forward decay"). In which order they come
/// makes no difference but for rounding.
///
/// ```
/// use std::time::Duration;
/// use recommend_core::Timestamp;
/// use recommend_stores::vectors::Mean;
///
/// let day = Duration::from_secs(86_400);
/// let mut mean = Mean::of(vec![3.0, 0.0], Timestamp(0));
/// mean.merge(&Mean::of(vec![0.0, 3.0], Timestamp(0).after(day)), Some(day));
/// // Yesterday's weighs half: (½·3, 3) / 1½.
/// assert_eq!(mean.vector(), [1.0, 2.0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// The weighted sum of the vectors.
    pub(super) sum: Vec<f32>,
    /// What they weigh together: at least 1, which is what the latest weighs.
    pub(super) weight: f64,
    /// When the latest of them came; weights are as of then.
    pub(super) latest: Timestamp,
}

impl Mean {
    /// The mean of one vector that came at a time.
    pub fn of(vector: Vec<f32>, time: Timestamp) -> Self {
        Mean { sum: vector, weight: 1.0, latest: time }
    }

    /// Takes the vectors of another mean in. `None` for vectors that never count less. Means of different dimensions have
    /// no mean: then nothing changes, and the answer is false.
    pub fn merge(&mut self, other: &Mean, half_life: Option<Duration>) -> bool {
        if self.sum.len() != other.sum.len() {
            return false;
        }
        let latest = self.latest.max(other.latest);
        let (mine, others) = (decay(self.latest, latest, half_life), decay(other.latest, latest, half_life));
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, x)| {
            *sum = (f64::from(*sum) * mine + f64::from(*x) * others) as f32;
        });
        self.weight = self.weight * mine + other.weight * others;
        self.latest = latest;
        true
    }

    /// How many numbers it has.
    pub fn dimension(&self) -> usize {
        self.sum.len()
    }

    /// How many vectors it is the mean of, those counting less that are older.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// When the latest of its vectors came.
    pub fn latest(&self) -> Timestamp {
        self.latest
    }

    /// The mean.
    pub fn vector(&self) -> Vec<f32> {
        self.sum.iter().map(|x| (f64::from(*x) / self.weight) as f32).collect()
    }
}

/// What is left of a weight of 1 at `then` by `now`.
fn decay(then: Timestamp, now: Timestamp, half_life: Option<Duration>) -> f64 {
    let age = now.since(then).as_secs_f64();
    match half_life {
        Some(half_life) if age > 0.0 => (-age / half_life.as_secs_f64()).exp2(),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(1.0))
    }

    #[test]
    fn after_a_half_life_a_vector_weighs_half_and_after_ages_nothing() {
        let mut mean = Mean::of(vec![6.0], Timestamp(0));
        assert!(mean.merge(&Mean::of(vec![0.0], Timestamp(0).after(HOUR)), Some(HOUR)));
        assert_eq!((mean.vector(), mean.weight()), (vec![2.0], 1.5));
        assert!(mean.merge(&Mean::of(vec![9.0], Timestamp(i64::MAX)), Some(HOUR)));
        assert_eq!((mean.vector(), mean.weight()), (vec![9.0], 1.0));
        assert!(mean.merge(&Mean::of(vec![1.0], Timestamp(i64::MIN)), Some(HOUR)), "too old to count");
        assert_eq!(mean.vector(), [9.0]);
    }

    #[test]
    fn a_half_life_of_nothing_leaves_the_latest() {
        let mut mean = Mean::of(vec![6.0], Timestamp(5));
        mean.merge(&Mean::of(vec![2.0], Timestamp(5)), Some(Duration::ZERO));
        assert_eq!(mean.vector(), [4.0], "of one time");
        mean.merge(&Mean::of(vec![2.0], Timestamp(6)), Some(Duration::ZERO));
        assert_eq!(mean.vector(), [2.0]);
    }

    #[test]
    fn other_dimensions_are_not_taken_in() {
        let mut mean = Mean::of(vec![6.0], Timestamp(5));
        assert!(!mean.merge(&Mean::of(vec![2.0, 1.0], Timestamp(5)), None));
        assert_eq!(mean, Mean::of(vec![6.0], Timestamp(5)));
    }

    proptest! {
        /// However messages are cut into pieces, and in whatever order they come.
        #[test]
        fn order_and_grouping_make_no_difference(
            messages in prop::collection::vec((prop::array::uniform3(-1.0_f32..1.0), 0_i64..1_000_000_000), 2..20),
            cut in 1_usize..19,
            half_life in prop::option::of(1_u64..1_000_000),
        ) {
            let half_life = half_life.map(Duration::from_secs);
            let mean = |messages: &mut dyn Iterator<Item = &([f32; 3], i64)>| {
                let mut means = messages.map(|(vector, time)| Mean::of(vector.to_vec(), Timestamp(*time)));
                let first = means.next().unwrap();
                means.fold(first, |mut mean, next| {
                    mean.merge(&next, half_life);
                    mean
                })
            };
            let whole = mean(&mut messages.iter());
            let back = mean(&mut messages.iter().rev());
            let cut = cut.min(messages.len() - 1);
            let mut pieces = mean(&mut messages[cut..].iter());
            pieces.merge(&mean(&mut messages[..cut].iter()), half_life);
            // As it is defined.
            let latest = messages.iter().map(|(_, time)| *time).max().unwrap();
            let weight = |time: i64| half_life.map_or(1.0, |h| (-((latest - time) as f64) / 1e3 / h.as_secs_f64()).exp2());
            let total: f64 = messages.iter().map(|(_, time)| weight(*time)).sum();
            let defined: Vec<f32> = (0..3)
                .map(|at| {
                    (messages.iter().map(|(v, time)| weight(*time) * f64::from(v[at])).sum::<f64>() / total) as f32
                })
                .collect();
            for other in [whole.vector(), back.vector(), pieces.vector()] {
                prop_assert!(close(&defined, &other), "{defined:?} {other:?}");
            }
            prop_assert!((whole.weight() - total).abs() < 1e-9 * total && whole.weight() >= 1.0);
            prop_assert_eq!(whole.latest(), Timestamp(latest));
        }
    }
}
