//! Who was active, for distinct counts: each actor once at its latest hour, exactly below a size and as a sketch above.
//!
//! The sketch is a sliding HyperLogLog (Chabchoub and Hébrail, *Sliding HyperLogLog: Estimating cardinality in a data
//! stream over a sliding window*, ICDMW 2010): every register holds the ranks that are the largest of some window that
//! ends now, each with its latest hour, so that one sketch answers windows of every length. What it holds is a function
//! of the set of (actor, hour) alone: the order in which they came does not matter. With 512 registers the standard
//! error is 4.6 %.

use rustc_hash::FxHashMap;

use crate::embedded::decode::Input;
use crate::embedded::encode::varint;

/// How many actors are held exactly.
pub(crate) const EXACT: usize = 256;

const BITS: u32 = 9;
const REGISTERS: usize = 1 << BITS;

/// Actors by their latest hour.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Actors {
    /// All of them.
    Exact(FxHashMap<u64, i64>),
    /// By register: hours descending, ranks ascending.
    Sketch(Vec<Vec<(i64, u8)>>),
}

impl Default for Actors {
    fn default() -> Self {
        Actors::Exact(FxHashMap::default())
    }
}

impl Actors {
    /// Notes that an actor was active in an hour.
    pub(crate) fn add(&mut self, actor: u64, hour: i64) {
        match self {
            Actors::Exact(latest) => {
                let known = latest.entry(actor).or_insert(hour);
                *known = hour.max(*known);
                if latest.len() > EXACT {
                    let mut registers = vec![Vec::new(); REGISTERS];
                    latest.iter().for_each(|(actor, hour)| note(&mut registers, *actor, *hour));
                    *self = Actors::Sketch(registers);
                }
            }
            Actors::Sketch(registers) => note(registers, actor, hour),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Actors::Exact(latest) => {
                out.push(0);
                varint(out, latest.len() as u64);
                let mut all: Vec<_> = latest.iter().collect();
                all.sort_unstable();
                for (actor, hour) in all {
                    out.extend_from_slice(&actor.to_le_bytes());
                    zigzag(out, *hour);
                }
            }
            Actors::Sketch(registers) => {
                out.push(1);
                for register in registers {
                    out.push(register.len() as u8);
                    for (hour, rank) in register {
                        out.push(*rank);
                        zigzag(out, *hour);
                    }
                }
            }
        }
    }

    pub(crate) fn decode(input: &mut Input<'_>) -> Result<Self, &'static str> {
        match input.byte()? {
            0 => {
                let count = input.varint()?;
                let mut latest = FxHashMap::default();
                for _ in 0..count {
                    latest.insert(u64::from_le_bytes(input.take()?), unzigzag(input)?);
                }
                Ok(Actors::Exact(latest))
            }
            1 => {
                let mut registers = vec![Vec::new(); REGISTERS];
                for register in &mut registers {
                    for _ in 0..input.byte()? {
                        let rank = input.byte()?;
                        register.push((unzigzag(input)?, rank));
                    }
                }
                Ok(Actors::Sketch(registers))
            }
            _ => Err("it has actors of a kind that this program does not know"),
        }
    }
}

/// How many actors were active at `from` (an hour) or later, over several sets; those of `Exact` sets count into the
/// same registers.
pub(crate) fn estimate<'a>(
    sets: impl Iterator<Item = &'a Actors>,
    more: impl Iterator<Item = u64>,
    from: i64,
) -> f64 {
    let mut ranks = [0_u8; REGISTERS];
    let mut seen = |actor: u64| {
        let (at, rank) = place(actor);
        ranks[at] = ranks[at].max(rank);
    };
    more.for_each(&mut seen);
    let mut sketches = Vec::new();
    for set in sets {
        match set {
            Actors::Exact(latest) => {
                latest.iter().filter(|(_, hour)| **hour >= from).for_each(|(actor, _)| seen(*actor));
            }
            Actors::Sketch(registers) => sketches.push(registers),
        }
    }
    for registers in sketches {
        for (rank, register) in ranks.iter_mut().zip(registers) {
            let largest = register.iter().take_while(|(hour, _)| *hour >= from).last();
            *rank = (*rank).max(largest.map_or(0, |(_, rank)| *rank));
        }
    }
    let m = REGISTERS as f64;
    let raw =
        0.7213 / (1.0 + 1.079 / m) * m * m / ranks.iter().map(|rank| (-f64::from(*rank)).exp2()).sum::<f64>();
    let empty = ranks.iter().filter(|rank| **rank == 0).count();
    if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw }.round()
}

/// The register of an actor, and its rank there.
fn place(actor: u64) -> (usize, u8) {
    // SplitMix64: ids may be small numbers.
    let mut hash = actor.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let rest = hash << BITS | 1 << (BITS - 1);
    ((hash >> (64 - BITS)) as usize, rest.leading_zeros() as u8 + 1)
}

fn note(registers: &mut [Vec<(i64, u8)>], actor: u64, hour: i64) {
    let (at, rank) = place(actor);
    let register = &mut registers[at];
    if register.iter().any(|(h, r)| *h >= hour && *r >= rank) {
        return;
    }
    register.retain(|(h, r)| *h > hour || *r > rank);
    let at = register.partition_point(|(h, _)| *h > hour);
    register.insert(at, (hour, rank));
}

pub(crate) fn zigzag(out: &mut Vec<u8>, number: i64) {
    varint(out, (number << 1 ^ number >> 63) as u64);
}

pub(crate) fn unzigzag(input: &mut Input<'_>) -> Result<i64, &'static str> {
    let number = input.varint()?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sketch_answers_every_window_within_its_error() {
        let mut actors = Actors::default();
        for actor in 0..20_000_u64 {
            actors.add(actor, (actor / 1000) as i64);
        }
        for from in 0..20_i64 {
            let exact = (20 - from) as f64 * 1000.0;
            let got = estimate(std::iter::once(&actors), std::iter::empty(), from);
            assert!((got - exact).abs() < 0.15 * exact, "{got} for {exact}");
        }
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter_and_what_is_written_comes_back(
            mut seen in prop::collection::vec((0_u64..2_000, -50_i64..50), 0..1_500),
        ) {
            let fold = |seen: &[(u64, i64)]| {
                let mut actors = Actors::default();
                seen.iter().for_each(|(actor, hour)| actors.add(*actor, *hour));
                actors
            };
            let one = fold(&seen);
            seen.reverse();
            let other = fold(&seen);
            prop_assert_eq!(&one, &other);
            let mut bytes = Vec::new();
            one.encode(&mut bytes);
            let mut input = Input(&bytes);
            prop_assert_eq!(Actors::decode(&mut input).unwrap(), one);
            prop_assert!(input.0.is_empty());
        }
    }
}
