//! Words as numbers.

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// Words, each once, numbered in the order in which they came. All of them lie in one string.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vocabulary {
    text: String,
    ends: Vec<usize>,
    table: HashTable<u32>,
}

impl Vocabulary {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The word with this number.
    pub(crate) fn word(&self, number: u32) -> &str {
        word(&self.text, &self.ends, number)
    }

    /// The number of a word, if it is there.
    pub(crate) fn number(&self, of: &str) -> Option<u32> {
        self.table.find(FxBuildHasher.hash_one(of), |number| self.word(*number) == of).copied()
    }

    /// The number of a word, a new one if need be.
    pub(crate) fn add(&mut self, new: &str) -> u32 {
        let Vocabulary { text, ends, table } = self;
        let entry = table.entry(
            FxBuildHasher.hash_one(new),
            |number| word(text, ends, *number) == new,
            |number| FxBuildHasher.hash_one(word(text, ends, *number)),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let number = ends.len() as u32;
                entry.insert(number);
                text.push_str(new);
                ends.push(text.len());
                number
            }
        }
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.word(number))
    }
}

fn word<'a>(text: &'a str, ends: &[usize], number: u32) -> &'a str {
    let at = number as usize;
    let from = at.checked_sub(1).map_or(0, |before| ends[before]);
    &text[from..ends[at]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_number() {
        let mut vocabulary = Vocabulary::default();
        let words: Vec<String> = (0..1000).map(|at| format!("w{at}")).collect();
        for word in words.iter().chain(&words) {
            vocabulary.add(word);
        }
        assert_eq!(vocabulary.len(), 1000);
        assert_eq!(vocabulary.number("w77").map(|number| vocabulary.word(number)), Some("w77"));
        assert_eq!(vocabulary.number("none"), None);
        assert_eq!(vocabulary.words().nth(3), Some("w3"));
    }
}
