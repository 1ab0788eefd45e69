//! Log lines of sixteen made-up systems: templates of words, with numbers, addresses and names in them.

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const SYSTEMS: usize = 16;
const TEMPLATES: usize = 40;

/// So many lines, in turn of all systems; within a system a few templates make most of them.
pub(crate) fn lines(count: usize) -> Vec<String> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let words: Vec<String> = (0..1200).map(|_| word(&mut rng)).collect();
    let names: Vec<String> = (0..60).map(|_| word(&mut rng)).collect();
    let mut systems: Vec<Vec<Vec<Part>>> = Vec::new();
    for _ in 0..SYSTEMS {
        let template = |rng: &mut Xoshiro256PlusPlus| {
            (0..rng.random_range(6..16)).map(|_| Part::any(rng, words.len())).collect()
        };
        systems.push((0..TEMPLATES).map(|_| template(&mut rng)).collect());
    }
    (0..count)
        .map(|at| {
            let templates = &systems[at % SYSTEMS];
            // The square of a uniform number: the first templates are the most frequent.
            let chosen = rng.random::<f64>().powi(2) * templates.len() as f64;
            let parts: Vec<String> =
                templates[chosen as usize].iter().map(|part| part.write(&mut rng, &words, &names)).collect();
            parts.join(" ")
        })
        .collect()
}

/// A place in a template.
enum Part {
    Word(usize),
    Number,
    Address,
    Name,
    Block,
}

impl Part {
    fn any(rng: &mut impl Rng, words: usize) -> Part {
        match rng.random_range(0..16) {
            0 | 1 => Part::Number,
            2 => Part::Address,
            3 => Part::Name,
            4 => Part::Block,
            _ => Part::Word(rng.random_range(0..words)),
        }
    }

    fn write(&self, rng: &mut impl Rng, words: &[String], names: &[String]) -> String {
        match self {
            Part::Word(at) => words[*at].clone(),
            Part::Number => rng.random_range(0..5000).to_string(),
            Part::Address => {
                format!("10.{}.{}.{}:50010", rng.random_range(0..9), rng.random::<u8>(), rng.random::<u8>())
            }
            Part::Name => names[rng.random_range(0..names.len())].clone(),
            Part::Block => format!("blk_{}", rng.random::<u64>()),
        }
    }
}

fn word(rng: &mut impl Rng) -> String {
    const SYLLABLES: [&str; 20] = [
        "re", "con", "fig", "ser", "ver", "lo", "ad", "ti", "mer", "que", "ry", "no", "de", "ca", "che",
        "sys", "tem", "po", "li", "cy",
    ];
    (0..rng.random_range(2..5)).map(|_| SYLLABLES[rng.random_range(0..SYLLABLES.len())]).collect()
}
