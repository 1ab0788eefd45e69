//! Chance: seeded streams of draws that come out the same on every machine.
//!
//! The platform's `exp` and `ln` differ in the last bit between systems, so everything transcendental goes through the
//! pure-Rust `libm`; the generator is xoshiro256++ (Blackman and Vigna, 2019), one stream per purpose and index, so that
//! one more person does not change what the others do.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// One stream of draws.
pub(crate) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The stream of a purpose and an index under a seed.
    pub(crate) fn stream(seed: u64, purpose: &str, index: u64) -> Self {
        // FNV-1a keeps the purposes apart, splitmix64 the indexes.
        let salt = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Chance(Xoshiro256PlusPlus::seed_from_u64(mix(seed ^ mix(salt ^ mix(index)))))
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`; 0 for an empty range.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Yes with probability `p`.
    pub(crate) fn happens(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Normal with mean 0 and deviation 1, by Marsaglia's polar method.
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// Log-normal: half of the draws lie below `median`, and a large `sigma` makes a heavy tail.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Poisson, by Knuth's product for small means and a rounded normal for large ones.
    pub(crate) fn poisson(&mut self, mean: f64) -> usize {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as usize;
        }
        let (floor, mut product, mut n) = (libm::exp(-mean.max(0.0)), self.unit(), 0);
        while product > floor {
            product *= self.unit();
            n += 1;
        }
        n
    }

    /// One of the items; `None` of none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// A position drawn in proportion to its weight; `None` when there is no weight.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> Option<usize> {
        let total: f64 = weights.clone().sum();
        if total <= 0.0 {
            return None;
        }
        let mut left = self.unit() * total;
        let mut last = None;
        for (at, weight) in weights.enumerate() {
            if weight > 0.0 {
                last = Some(at);
                left -= weight;
                if left < 0.0 {
                    break;
                }
            }
        }
        last
    }

    /// `n` different positions, each drawn in proportion to its weight: the largest keys `ln(u) / w` (Efraimidis and
    /// Spirakis, 2006). Positions without weight are never drawn.
    pub(crate) fn sample(&mut self, weights: impl Iterator<Item = f64>, n: usize) -> Vec<usize> {
        let mut keys: Vec<(f64, usize)> = Vec::new();
        for (at, weight) in weights.enumerate() {
            if weight > 0.0 {
                keys.push((libm::log(1.0 - self.unit()) / weight, at));
            }
        }
        keys.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        keys.truncate(n);
        keys.into_iter().map(|(_, at)| at).collect()
    }
}

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// About normal with deviation 1, a pure function of the pair: what a person thinks of a thing for no visible reason.
pub(crate) fn whim(seed: u64, a: u64, b: u64) -> f64 {
    let bits = mix(seed ^ mix(a ^ mix(b)));
    // Irwin and Hall: four uniforms of 16 bits, mean 2 and variance 4/12.
    let sum: u64 = (0..4).map(|at| bits >> (16 * at) & 0xffff).sum();
    (sum as f64 / 65_536.0 - 2.0) * 3.0_f64.sqrt()
}

/// The logistic function.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(n: usize, mut draw: impl FnMut() -> f64) -> f64 {
        (0..n).map(|_| draw()).sum::<f64>() / n as f64
    }

    #[test]
    fn draws_have_the_moments_that_they_promise() {
        let mut chance = Chance::stream(1, "moments", 0);
        assert!(mean(20_000, || chance.normal()).abs() < 0.03);
        assert!((mean(20_000, || chance.normal().powi(2)) - 1.0).abs() < 0.05);
        assert!((mean(20_000, || chance.poisson(3.0) as f64) - 3.0).abs() < 0.1);
        assert!((mean(20_000, || chance.poisson(50.0) as f64) - 50.0).abs() < 0.5);
        assert!((mean(20_000, || chance.exponential(2.0)) - 2.0).abs() < 0.1);
        let mut at = 0;
        assert!(
            (mean(20_000, || {
                at += 1;
                whim(7, at, 3).powi(2)
            }) - 1.0)
                .abs()
                < 0.05
        );
    }

    #[test]
    fn weights_decide_what_is_drawn() {
        let mut chance = Chance::stream(1, "weights", 0);
        let weights = [0.0, 1.0, 3.0];
        let thirds = mean(20_000, || f64::from(chance.weighted(weights.into_iter()) == Some(2)));
        assert!((thirds - 0.75).abs() < 0.02, "{thirds}");
        assert_eq!(chance.weighted([0.0].into_iter()), None);
        let mut both = chance.sample(weights.into_iter(), 5);
        both.sort_unstable();
        assert_eq!(both, [1, 2], "without replacement, and never what has no weight");
    }

    #[test]
    fn streams_are_fixed_for_all_time() {
        let mut chance = Chance::stream(42, "fixed", 7);
        let draws: Vec<u64> = (0..3).map(|_| (chance.unit() * 1e6) as u64).collect();
        assert_eq!(draws, [33_882, 234_671, 123_529]);
    }
}
