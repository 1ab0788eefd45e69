//! Many texts as sequences of numbered terms, equal ones once.

use std::hash::BuildHasher;
use std::num::NonZero;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::analyzer::Scratch;
use crate::slots::SLOT;
use crate::vocabulary::Vocabulary;
use crate::{Analyzer, Slots};

/// The terms of many texts. Texts with the same terms in the same order are kept once, because an alert is rarely
/// alone: memory follows what is different, plus four bytes a text.
///
/// ```
/// use recommend_text::{Analyzer, Documents};
///
/// let documents = Documents::of(&Analyzer::alerts(), &["disk 1 full", "disk 2 full", "hello you"]);
/// assert_eq!((documents.len(), documents.distinct()), (3, 2));
/// assert_eq!(documents.which(), [0, 0, 1]);
/// assert_eq!(documents.terms(0).collect::<Vec<_>>(), ["disk", "full"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Documents {
    vocabulary: Vocabulary,
    sequences: Sequences,
    which: Vec<u32>,
}

/// Sequences of numbers, each once.
#[derive(Debug, Clone, Default)]
struct Sequences {
    numbers: Vec<u32>,
    ends: Vec<usize>,
    weights: Vec<u32>,
    table: HashTable<u32>,
}

impl Sequences {
    fn get(&self, at: u32) -> &[u32] {
        sequence(&self.numbers, &self.ends, at)
    }

    /// Adds a sequence `times`; its position.
    fn add(&mut self, new: &[u32], times: u32) -> u32 {
        let Sequences { numbers, ends, weights, table } = self;
        let entry = table.entry(
            FxBuildHasher.hash_one(new),
            |at| sequence(numbers, ends, *at) == new,
            |at| FxBuildHasher.hash_one(sequence(numbers, ends, *at)),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => {
                weights[*entry.get() as usize] += times;
                *entry.get()
            }
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let at = ends.len() as u32;
                entry.insert(at);
                numbers.extend_from_slice(new);
                ends.push(numbers.len());
                weights.push(times);
                at
            }
        }
    }
}

fn sequence<'a>(numbers: &'a [u32], ends: &[usize], at: u32) -> &'a [u32] {
    let at = at as usize;
    let from = at.checked_sub(1).map_or(0, |before| ends[before]);
    &numbers[from..ends[at]]
}

/// Below this many texts a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 2_000;

impl Documents {
    /// The terms of these texts. Uses all cores.
    ///
    /// # Panics
    /// With more than 2³² texts or different terms.
    pub fn of<T: AsRef<str> + Sync>(analyzer: &Analyzer, texts: &[T]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(texts.len().div_ceil(WORTH_A_THREAD)).max(1);
        Self::with_threads(analyzer, texts, threads)
    }

    pub(crate) fn with_threads<T: AsRef<str> + Sync>(
        analyzer: &Analyzer,
        texts: &[T],
        threads: usize,
    ) -> Self {
        assert!(u32::try_from(texts.len()).is_ok(), "{} texts", texts.len());
        let share = texts.len().div_ceil(threads).max(1);
        let mut parts: Vec<Documents> = std::thread::scope(|scope| {
            let spawn = |texts| scope.spawn(move || Self::read(analyzer, texts));
            let handles: Vec<_> = texts.chunks(share).map(spawn).collect();
            handles.into_iter().filter_map(|handle| handle.join().ok()).collect()
        });
        assert_eq!(parts.iter().map(Documents::len).sum::<usize>(), texts.len(), "a thread panicked");
        let mut parts = parts.drain(..);
        let mut all = parts.next().unwrap_or_default();
        for part in parts {
            all.append(&part);
        }
        all
    }

    fn read<T: AsRef<str>>(analyzer: &Analyzer, texts: &[T]) -> Self {
        let mut reader = Reader::new(analyzer);
        let mut documents = Documents { which: Vec::with_capacity(texts.len()), ..Documents::default() };
        for text in texts {
            reader.read(text.as_ref(), &mut documents.vocabulary);
            documents.which.push(documents.sequences.add(&reader.terms, 1));
        }
        documents
    }

    /// Puts other documents behind these.
    fn append(&mut self, other: &Documents) {
        let terms: Vec<u32> = other.vocabulary.words().map(|word| self.vocabulary.add(word)).collect();
        let mut renumbered = Vec::new();
        let places: Vec<u32> = (0..other.distinct())
            .map(|at| {
                renumbered.clear();
                renumbered.extend(other.sequences.get(at as u32).iter().map(|term| terms[*term as usize]));
                self.sequences.add(&renumbered, other.sequences.weights[at])
            })
            .collect();
        self.which.extend(other.which.iter().map(|at| places[*at as usize]));
    }

    /// The same without the words in [`Slots`]: places where texts that are otherwise equal have different words.
    #[must_use]
    pub fn without_slots(&self, slots: Slots) -> Documents {
        let mut sequences: Vec<Vec<u32>> =
            (0..self.distinct()).map(|at| self.sequence(at).to_vec()).collect();
        slots.find(&mut sequences);
        let mut documents = Documents { vocabulary: self.vocabulary.clone(), ..Documents::default() };
        let place = |(sequence, times): (Vec<u32>, &u32)| {
            let known: Vec<u32> = sequence.into_iter().filter(|term| *term != SLOT).collect();
            documents.sequences.add(&known, *times)
        };
        let places: Vec<u32> = sequences.into_iter().zip(self.weights()).map(place).collect();
        documents.which = self.which.iter().map(|at| places[*at as usize]).collect();
        documents
    }

    /// How many texts.
    pub fn len(&self) -> usize {
        self.which.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.which.is_empty()
    }

    /// How many different sequences of terms.
    pub fn distinct(&self) -> usize {
        self.sequences.ends.len()
    }

    /// For each text the number of its sequence; they count up from 0 in the order of their first texts.
    pub fn which(&self) -> &[u32] {
        &self.which
    }

    /// How many texts have each sequence.
    pub fn weights(&self) -> &[u32] {
        &self.sequences.weights
    }

    /// The terms of a sequence, in their order.
    ///
    /// # Panics
    /// When there is no such sequence.
    pub fn terms(&self, sequence: usize) -> impl Iterator<Item = &str> {
        self.sequence(sequence).iter().map(|term| self.vocabulary.word(*term))
    }

    pub(crate) fn sequence(&self, at: usize) -> &[u32] {
        self.sequences.get(at as u32)
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

const UNKNOWN: u32 = u32::MAX;
const DROPPED: u32 = u32::MAX - 1;

/// Reads texts one after the other; decides on a word's stem once.
struct Reader<'a> {
    analyzer: &'a Analyzer,
    stemmer: Option<rust_stemmers::Stemmer>,
    scratch: Scratch,
    words: Vocabulary,
    /// By word: the number of its term.
    decided: Vec<u32>,
    /// The terms of the text that was read last.
    terms: Vec<u32>,
    run: String,
}

impl<'a> Reader<'a> {
    fn new(analyzer: &'a Analyzer) -> Self {
        Reader {
            analyzer,
            stemmer: analyzer.stemmer(),
            scratch: Scratch::default(),
            words: Vocabulary::default(),
            decided: Vec::new(),
            terms: Vec::new(),
            run: String::new(),
        }
    }

    fn read(&mut self, text: &str, vocabulary: &mut Vocabulary) {
        let Reader { analyzer, stemmer, scratch, words, decided, terms, run } = self;
        terms.clear();
        let runs = analyzer.lengths() != (1, 1);
        analyzer.words(text, scratch, |word| {
            let number = words.add(word);
            if decided.len() <= number as usize {
                decided.push(UNKNOWN);
            }
            let slot = &mut decided[number as usize];
            if *slot == UNKNOWN {
                *slot = match stemmer {
                    _ if analyzer.is_stop_word(word) => DROPPED,
                    // With runs, single words need not be terms: their numbers are those of `words`.
                    _ if runs => number,
                    Some(stemmer) => vocabulary.add(&stemmer.stem(word)),
                    None => vocabulary.add(word),
                };
            }
            if *slot != DROPPED {
                terms.push(*slot);
            }
        });
        if runs {
            let singles = std::mem::take(terms);
            let (shortest, longest) = analyzer.lengths();
            for length in shortest..=longest.min(singles.len()) {
                for window in singles.windows(length) {
                    run.clear();
                    for (at, word) in window.iter().enumerate() {
                        if at > 0 {
                            run.push(' ');
                        }
                        match stemmer {
                            Some(stemmer) => run.push_str(&stemmer.stem(words.word(*word))),
                            None => run.push_str(words.word(*word)),
                        }
                    }
                    terms.push(vocabulary.add(run));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Language;

    proptest! {
        #[test]
        fn any_number_of_threads_gives_the_same_documents(
            texts in prop::collection::vec("(disk|full|disks|on|web){0,4}( (disk|full|node|the|10)){0,4}", 0..40),
            threads in 1_usize..5,
            longest in 1_usize..4,
        ) {
            let analyzer =
                Analyzer::alerts().stop_words(Language::English).stems(Language::English).ngrams(1, longest);
            let one = Documents::with_threads(&analyzer, &texts, 1);
            let many = Documents::with_threads(&analyzer, &texts, threads);
            prop_assert_eq!(one.which(), many.which());
            prop_assert_eq!(one.weights(), many.weights());
            for (text, at) in texts.iter().zip(one.which()) {
                let terms: Vec<String> = many.terms(*at as usize).map(str::to_owned).collect();
                prop_assert_eq!(terms, analyzer.terms(text));
            }
        }
    }

    #[test]
    fn no_texts_are_no_documents() {
        assert!(Documents::of(&Analyzer::default(), &[] as &[&str]).is_empty());
    }
}
