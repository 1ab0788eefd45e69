//! Where words begin and end.

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

/// How a text is cut into words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// Runs of two or more letters, digits and underscores: scikit-learn's default `(?u)\b\w\w+\b`.
    #[default]
    Words,
    /// The words of Unicode's text segmentation (UAX #29), one character long or more.
    Unicode,
    /// What spaces separate, without the punctuation at its ends.
    Spaces,
}

impl Tokens {
    /// Calls `each` with the words of a text, in their order.
    ///
    /// ```
    /// use recommend_text::Tokens;
    ///
    /// let mut words = Vec::new();
    /// Tokens::Words.each("Can't open /etc/hosts: I/O error", |word| words.push(word.to_owned()));
    /// assert_eq!(words, ["Can", "open", "etc", "hosts", "error"]);
    /// ```
    pub fn each(self, text: &str, mut each: impl FnMut(&str)) {
        match self {
            Tokens::Words if text.is_ascii() => ascii_words(text, each),
            Tokens::Words => {
                text.split(|c| !is_word(c)).filter(|word| word.chars().nth(1).is_some()).for_each(each);
            }
            Tokens::Unicode => text.unicode_words().for_each(each),
            Tokens::Spaces => {
                for word in text.split_whitespace() {
                    let word = word.trim_matches(|c: char| !is_word(c));
                    if !word.is_empty() {
                        each(word);
                    }
                }
            }
        }
    }
}

fn ascii_words(text: &str, mut each: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut word = |from: usize, to: usize| {
        if to > from + 1
            && let Some(word) = text.get(from..to)
        {
            each(word);
        }
    };
    for (at, byte) in bytes.iter().enumerate() {
        if !(byte.is_ascii_alphanumeric() || *byte == b'_') {
            word(from, at);
            from = at + 1;
        }
    }
    word(from, bytes.len());
}

/// Python's `\w`: letters, numbers of any kind, the underscore. Marks do not count, as they don't there.
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(tokens: Tokens, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        tokens.each(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn letters_of_any_script_are_words() {
        assert_eq!(words(Tokens::Words, "größe данные 数据 a ½x"), ["größe", "данные", "数据", "½x"]);
    }

    #[test]
    fn marks_end_a_word_as_in_python() {
        // U+0301 is a combining accent: `re.findall(r"(?u)\b\w\w+\b", "cafe\u0301s x")` gives `["cafe"]`.
        assert_eq!(words(Tokens::Words, "cafe\u{301}s x"), ["cafe"]);
    }

    #[test]
    fn unicode_segmentation_keeps_what_is_inside_a_word() {
        assert_eq!(words(Tokens::Unicode, "can't stop 3.5 x"), ["can't", "stop", "3.5", "x"]);
    }

    #[test]
    fn spaces_keep_all_but_the_punctuation_at_the_ends() {
        assert_eq!(words(Tokens::Spaces, "(a.b-c) -- d!"), ["a.b-c", "d"]);
    }

    proptest! {
        #[test]
        fn the_quick_way_for_ascii_finds_the_same_words(text in "[ -~]{0,60}") {
            let mut slow = Vec::new();
            text.split(|c| !is_word(c)).filter(|word| word.len() > 1).for_each(|word| slow.push(word.to_owned()));
            prop_assert_eq!(words(Tokens::Words, &text), slow);
        }
    }
}
