//! Places where otherwise equal texts have different words: names that no mask can know.
//!
//! `service checkout is out of sync`, `service cart is out of sync`, `service ledger is out of sync`: one word differs and
//! nothing else, so it is a name and says nothing about which alert this is. A mask cannot know; the texts together do.
//! For every text and place the rest of the text is hashed; where enough different texts agree in a rest that is long enough,
//! the place is a slot. It is the idea of frequent-pattern log parsers (Vaarandi, *A data clustering algorithm for
//! mining patterns from event logs*, 2003), from the other side, and linear.

use serde::{Deserialize, Serialize};

/// When a place is a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slots {
    /// So many different words must be there, at least 2.
    pub words: usize,
    /// So many other terms the texts must have in common.
    pub context: usize,
    /// How often to look again: a text with two slots shows the second when the first is known.
    pub rounds: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Slots { words: 3, context: 6, rounds: 2 }
    }
}

/// What stands for a word in a slot.
pub(crate) const SLOT: u32 = u32::MAX;

impl Slots {
    /// Sets the terms in slots to [`SLOT`]. The sequences that are given are all different; those that are returned need not be.
    pub(crate) fn find(&self, sequences: &mut [Vec<u32>]) {
        for _ in 0..self.rounds {
            let mut rests: Vec<u64> = Vec::new();
            // After the first round sequences may be equal: only different ones count.
            let mut order: Vec<usize> = (0..sequences.len()).collect();
            order.sort_unstable_by(|a, b| sequences[*a].cmp(&sequences[*b]));
            order.dedup_by(|a, b| sequences[*a] == sequences[*b]);
            for at in &order {
                self.each_rest(&sequences[*at], |_, rest| rests.push(rest));
            }
            rests.sort_unstable();
            let enough = rests.chunk_by(|a, b| a == b).filter(|run| run.len() >= self.words.max(2));
            let slots: rustc_hash::FxHashSet<u64> = enough.map(|run| run[0]).collect();
            if slots.is_empty() {
                return;
            }
            for sequence in sequences.iter_mut() {
                let mut places = Vec::new();
                self.each_rest(sequence, |place, rest| {
                    if slots.contains(&rest) {
                        places.push(place);
                    }
                });
                for place in places {
                    sequence[place] = SLOT;
                }
            }
        }
    }

    /// Calls `each` with every place that could be a slot and a hash of the rest of the sequence and the place.
    fn each_rest(&self, sequence: &[u32], mut each: impl FnMut(usize, u64)) {
        let known = sequence.iter().filter(|term| **term != SLOT).count();
        if known <= self.context {
            return;
        }
        let mut power = 1_u64;
        let mut sum = 0_u64;
        for term in sequence {
            sum = sum.wrapping_add(mix(*term).wrapping_mul(power));
            power = power.wrapping_mul(BASE);
        }
        let mut power = 1_u64;
        for (place, term) in sequence.iter().enumerate() {
            if *term != SLOT {
                let rest = mix(SLOT).wrapping_sub(mix(*term)).wrapping_mul(power).wrapping_add(sum);
                each(place, rest);
            }
            power = power.wrapping_mul(BASE);
        }
    }
}

const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads a term over 64 bits (the finaliser of `splitmix64`).
fn mix(term: u32) -> u64 {
    let mut x = u64::from(term).wrapping_add(1).wrapping_mul(BASE);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use crate::{Analyzer, Documents, Slots};

    fn distinct(texts: &[&str]) -> usize {
        Documents::of(&Analyzer::default(), texts).without_slots(Slots::default()).distinct()
    }

    #[test]
    fn a_word_that_is_all_that_differs_is_dropped() {
        let texts = [
            "service cart run by argo is late",
            "service ledger run by argo is late",
            "service auth run by argo is late",
        ];
        let documents = Documents::of(&Analyzer::default(), &texts).without_slots(Slots::default());
        assert_eq!(documents.which(), [0, 0, 0]);
        assert_eq!(documents.weights(), [3]);
        assert_eq!(documents.terms(0).collect::<Vec<_>>(), ["service", "run", "by", "argo", "is", "late"]);
    }

    #[test]
    fn two_words_are_a_choice_and_stay() {
        assert_eq!(
            distinct(&[
                "this alert is now firing on the cluster",
                "this alert is now resolved on the cluster"
            ]),
            2
        );
    }

    #[test]
    fn short_texts_differ_by_a_word_for_a_reason() {
        assert_eq!(distinct(&["redis is down", "mysql is down", "kafka is down"]), 3);
    }

    #[test]
    fn a_second_slot_shows_when_the_first_is_known() {
        let mut texts = Vec::new();
        for name in ["cart", "auth", "mail"] {
            for space in ["prod", "stage", "edge"] {
                texts.push(format!("the certificate {name} in namespace {space} is not ready yet"));
            }
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(distinct(&texts), 1);
    }
}
