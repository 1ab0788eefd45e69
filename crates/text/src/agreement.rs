//! How well two ways of putting the same things into groups agree.

use rustc_hash::FxHashMap;

/// The adjusted Rand index (Hubert, Arabie, 1985): 1 for the same groups whatever their names, about 0 for chance.
///
/// Equal to scikit-learn's `adjusted_rand_score`: a label for noise is a group like any other.
///
/// ```
/// use recommend_text::adjusted_rand_index;
///
/// assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &["b", "b", "a", "a"]), 1.0);
/// ```
///
/// # Panics
/// When there are not as many labels on one side as on the other.
pub fn adjusted_rand_index<A, B>(ours: &[A], theirs: &[B]) -> f64
where
    A: Eq + std::hash::Hash,
    B: Eq + std::hash::Hash,
{
    assert_eq!(ours.len(), theirs.len(), "every thing has two labels");
    let mut both: FxHashMap<(&A, &B), u64> = FxHashMap::default();
    let mut rows: FxHashMap<&A, u64> = FxHashMap::default();
    let mut columns: FxHashMap<&B, u64> = FxHashMap::default();
    for (a, b) in ours.iter().zip(theirs) {
        *both.entry((a, b)).or_default() += 1;
        *rows.entry(a).or_default() += 1;
        *columns.entry(b).or_default() += 1;
    }
    let pairs = |count: u64| count as f64 * (count as f64 - 1.0) / 2.0;
    let together: f64 = both.values().map(|count| pairs(*count)).sum();
    let in_ours: f64 = rows.values().map(|count| pairs(*count)).sum();
    let in_theirs: f64 = columns.values().map(|count| pairs(*count)).sum();
    let all = pairs(ours.len() as u64);
    let by_chance = if all > 0.0 { in_ours * in_theirs / all } else { 0.0 };
    let most = (in_ours + in_theirs) / 2.0;
    if most == by_chance { 1.0 } else { (together - by_chance) / (most - by_chance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_scikit_learn() {
        assert!((adjusted_rand_index(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 0.571_428_571_428_571_4).abs() < 1e-15);
        assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-15);
        assert_eq!(adjusted_rand_index(&[0, 0, 0], &[1, 1, 1]), 1.0);
    }
}
