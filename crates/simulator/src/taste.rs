//! Taste: the hidden space in which people and channels lie, and the topics that are its landmarks.

use crate::chance::Chance;

/// Dimensions of the hidden space.
const WIDTH: usize = 16;

/// A direction in the hidden space; of length 1 once normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Taste([f64; WIDTH]);

impl Taste {
    /// A direction drawn uniformly from the sphere.
    pub(crate) fn anywhere(chance: &mut Chance) -> Self {
        Taste(std::array::from_fn(|_| chance.normal())).normalised()
    }

    /// The weighted sum of some directions, normalised.
    pub(crate) fn blend(parts: &[(f64, Taste)]) -> Self {
        Taste(std::array::from_fn(|at| parts.iter().map(|(weight, taste)| weight * taste.0[at]).sum()))
            .normalised()
    }

    /// Cosine, -1 to 1.
    pub(crate) fn likeness(&self, other: &Taste) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }

    fn normalised(self) -> Self {
        let length = self.0.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        Taste(self.0.map(|x| x / length))
    }
}

/// What a workspace talks about, at work and beside it; the word is visible as the attribute `topic`.
pub(crate) struct Topic {
    /// The word.
    pub(crate) word: &'static str,
    /// Whether teams work on it; otherwise people share it for fun.
    pub(crate) work: bool,
    /// Where it lies.
    pub(crate) taste: Taste,
}

const WORK: [&str; 14] = [
    "backend",
    "frontend",
    "data",
    "design",
    "infra",
    "security",
    "mobile",
    "research",
    "sales",
    "support",
    "marketing",
    "finance",
    "people-ops",
    "legal",
];
const FUN: [&str; 12] = [
    "running",
    "cooking",
    "music",
    "games",
    "books",
    "cycling",
    "parenting",
    "pets",
    "travel",
    "gardening",
    "photography",
    "football",
];

/// All topics with their places in the hidden space.
pub(crate) fn topics(seed: u64) -> Vec<Topic> {
    let word = |(at, (word, work)): (usize, (&'static str, bool))| Topic {
        word,
        work,
        taste: Taste::anywhere(&mut Chance::stream(seed, "topic", at as u64)),
    };
    let work = WORK.into_iter().map(|word| (word, true));
    work.chain(FUN.into_iter().map(|word| (word, false))).enumerate().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blend_is_nearer_to_its_parts_than_to_others() {
        let mut chance = Chance::stream(1, "test", 0);
        let (a, b, c) =
            (Taste::anywhere(&mut chance), Taste::anywhere(&mut chance), Taste::anywhere(&mut chance));
        let blend = Taste::blend(&[(2.0, a), (1.0, b)]);
        assert!(blend.likeness(&a) > blend.likeness(&c));
        assert!((blend.likeness(&blend) - 1.0).abs() < 1e-9);
    }
}
