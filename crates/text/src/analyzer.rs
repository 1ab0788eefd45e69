//! From a text to its terms: mask, lower case, words, stop words, stems, n-grams; each optional.

use rustc_hash::FxHashSet;

use crate::mask::{self, Mask};
use crate::{Language, Tokens};

/// The steps from a text to its terms, in the order in which they are done.
///
/// [`Analyzer::default`] does what scikit-learn's `TfidfVectorizer` does when nothing is said, [`Analyzer::alerts`] masks
/// before. Every step can be changed:
///
/// ```
/// use recommend_text::{Analyzer, Language, Mask};
///
/// let analyzer = Analyzer::alerts().stop_words(Language::English).stems(Language::English);
/// assert_eq!(analyzer.terms("The disks of web-12 are leaking 93 MB"), ["disk", "leak"]);
/// assert_eq!(Analyzer::default().ngrams(1, 2).terms("disk is full"), ["disk", "is", "full", "disk is", "is full"]);
/// ```
#[derive(Debug, Clone)]
pub struct Analyzer {
    mask: Mask,
    placeholders: bool,
    lowercase: bool,
    tokens: Tokens,
    stop_words: FxHashSet<String>,
    stems: Option<Language>,
    ngrams: (usize, usize),
}

impl Default for Analyzer {
    fn default() -> Self {
        Analyzer {
            mask: Mask::none(),
            placeholders: false,
            lowercase: true,
            tokens: Tokens::Words,
            stop_words: FxHashSet::default(),
            stems: None,
            ngrams: (1, 1),
        }
    }
}

/// Room that is used again from one text to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    masked: String,
    lower: String,
}

impl Analyzer {
    /// Masks what varies in alerts; what stands for it is no term.
    pub fn alerts() -> Self {
        Analyzer { mask: Mask::alerts(), ..Analyzer::default() }
    }

    /// What is masked first.
    #[must_use]
    pub fn mask(self, mask: Mask) -> Self {
        Analyzer { mask, ..self }
    }

    /// Whether placeholders are terms (`num`, `ip`…) when something is masked. They are not by default: they say
    /// little, and are in nearly every alert.
    #[must_use]
    pub fn placeholders(self, kept: bool) -> Self {
        Analyzer { placeholders: kept, ..self }
    }

    /// Whether upper case is lower case. It is by default.
    #[must_use]
    pub fn lowercase(self, lowercase: bool) -> Self {
        Analyzer { lowercase, ..self }
    }

    /// How words are found.
    #[must_use]
    pub fn tokens(self, tokens: Tokens) -> Self {
        Analyzer { tokens, ..self }
    }

    /// Drops the stop words of a language, besides those that are dropped already.
    #[must_use]
    pub fn stop_words(self, language: Language) -> Self {
        self.stop_words_of(language.stop_words().iter().copied())
    }

    /// Drops these words too. They are compared after lower-casing and before stemming.
    #[must_use]
    pub fn stop_words_of<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.stop_words.extend(words.into_iter().map(str::to_owned));
        self
    }

    /// Replaces words by their stems (Snowball).
    #[must_use]
    pub fn stems(self, language: Language) -> Self {
        Analyzer { stems: Some(language), ..self }
    }

    /// Terms are runs of `shortest` to `longest` words, joined by a space. `(1, 1)` by default; 0 counts as 1.
    #[must_use]
    pub fn ngrams(self, shortest: usize, longest: usize) -> Self {
        let shortest = shortest.max(1);
        Analyzer { ngrams: (shortest, longest.max(shortest)), ..self }
    }

    /// The masked text.
    pub fn masked(&self, text: &str) -> String {
        self.mask.apply(text)
    }

    /// The terms of a text, in their order: all single words, then all pairs…
    pub fn terms(&self, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let stemmer = self.stems.map(Language::stemmer);
        self.words(text, &mut Scratch::default(), |word| {
            if !self.stop_words.contains(word) {
                words.push(match &stemmer {
                    Some(stemmer) => stemmer.stem(word).into_owned(),
                    None => word.to_owned(),
                });
            }
        });
        if self.ngrams == (1, 1) {
            return words;
        }
        let lengths = self.ngrams.0..=self.ngrams.1.min(words.len());
        lengths.flat_map(|length| words.windows(length).map(|run| run.join(" "))).collect()
    }

    /// Calls `each` with the words before stop words and stems.
    pub(crate) fn words(&self, text: &str, scratch: &mut Scratch, mut each: impl FnMut(&str)) {
        let masks = self.mask != Mask::none();
        let text = if masks {
            scratch.masked.clear();
            self.mask.apply_to(text, &mut scratch.masked);
            scratch.masked.as_str()
        } else {
            text
        };
        let text = if self.lowercase {
            scratch.lower.clear();
            if text.is_ascii() {
                scratch.lower.push_str(text);
                scratch.lower.make_ascii_lowercase();
            } else {
                scratch.lower = text.to_lowercase();
            }
            scratch.lower.as_str()
        } else {
            text
        };
        if masks && !self.placeholders {
            mask::between_placeholders(text, |piece| self.tokens.each(piece, &mut each));
        } else {
            self.tokens.each(text, each);
        }
    }

    pub(crate) fn is_stop_word(&self, word: &str) -> bool {
        self.stop_words.contains(word)
    }

    pub(crate) fn stemmer(&self) -> Option<rust_stemmers::Stemmer> {
        self.stems.map(Language::stemmer)
    }

    pub(crate) fn lengths(&self) -> (usize, usize) {
        self.ngrams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_terms_unless_asked_for() {
        let text = "redis down (instance 10.0.0.1:6379)";
        assert_eq!(Analyzer::alerts().terms(text), ["redis", "down", "instance"]);
        assert_eq!(Analyzer::alerts().placeholders(true).terms(text), ["redis", "down", "instance", "ip"]);
    }

    #[test]
    fn stop_words_are_dropped_before_stems_and_runs() {
        let analyzer = Analyzer::default().stop_words_of(["of"]).stems(Language::English).ngrams(2, 2);
        assert_eq!(analyzer.terms("failing of disks"), ["fail disk"]);
    }

    #[test]
    fn a_longer_run_than_the_text_is_none() {
        assert_eq!(Analyzer::default().ngrams(1, 3).terms("disk full"), ["disk", "full", "disk full"]);
        assert!(Analyzer::default().ngrams(3, 3).terms("disk full").is_empty());
    }

    #[test]
    fn lower_case_follows_unicode() {
        assert_eq!(Analyzer::default().terms("ΟΔΟΣ GRÖSSE"), ["οδος", "grösse"]);
    }
}
