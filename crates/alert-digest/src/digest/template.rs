//! What messages have in common: their words in order, with `<*>` where they differ.

use std::hash::Hasher;

use recommend_text::{Mask, Tokens};
use siphasher::sip::SipHasher13;

/// How many different messages are compared. More hardly change a template, and all would take their square in time.
pub(super) const SAMPLE: usize = 40;

/// What stands for what differs.
const WILD: &str = "<*>";

/// Longer texts are compared up to here.
const WORDS: usize = 120;

/// The longest common subsequence of the words of all texts, step by step, in the form of the first text.
///
/// Without masking, placeholders are looked for all the same: a number in a template says less than that there is one.
pub(super) fn template<'a>(texts: impl Iterator<Item = &'a str>, masked: bool) -> String {
    let mut common: Option<Vec<String>> = None;
    for text in texts {
        let words = words(text, masked);
        common = Some(match common {
            None => words,
            Some(common) => merge(&common, &words),
        });
    }
    common.unwrap_or_default().join(" ")
}

fn words(text: &str, masked: bool) -> Vec<String> {
    let text = if masked { Mask::alerts().apply_as(text, WILD) } else { text.to_owned() };
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = word.replace("<*><*>", WILD);
        // Several wild words in a row are one.
        if word != WILD || words.last().is_none_or(|last| last != WILD) {
            words.push(word);
        }
        if words.len() == WORDS {
            break;
        }
    }
    words
}

/// The common subsequence of two lists of words; where either has others in between, there is a wild one.
fn merge(a: &[String], b: &[String]) -> Vec<String> {
    if a == b {
        return a.to_vec();
    }
    let width = b.len() + 1;
    let mut longest = vec![0_u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] && a[i] != WILD {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let mut merged: Vec<String> = Vec::new();
    let gap = |merged: &mut Vec<String>| {
        if merged.last().is_none_or(|last| last != WILD) {
            merged.push(WILD.to_owned());
        }
    };
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] && a[i] != WILD {
            merged.push(a[i].clone());
            i += 1;
            j += 1;
        } else {
            gap(&mut merged);
            if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
                i += 1;
            } else {
                j += 1;
            }
        }
    }
    if i < a.len() || j < b.len() {
        gap(&mut merged);
    }
    merged
}

/// A name of a template that does not change with the version of anything: a keyed hash of its words in lower case.
pub(super) fn key(template: &str) -> String {
    let mut hasher = SipHasher13::new_with_keys(0x616c_6572_7464_6967, 0x6573_7400_0000_0001);
    for word in terms(template) {
        hasher.write(word.as_bytes());
        hasher.write_u8(0);
    }
    format!("{:016x}", hasher.finish())
}

/// The words of a template without what is wild, in lower case.
pub(super) fn terms(template: &str) -> Vec<String> {
    let mut terms = Vec::new();
    Tokens::Words.each(&template.replace(WILD, " "), |word| terms.push(word.to_lowercase()));
    terms
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(texts: &[&str]) -> String {
        template(texts.iter().copied(), true)
    }

    #[test]
    fn what_differs_is_wild_and_case_and_punctuation_stay() {
        assert_eq!(
            of(&[
                "Redis down (instance 10.0.0.1:6379), job cart",
                "Redis down (instance redis-2:6379), job mail"
            ]),
            "Redis down (instance <*>), job <*>"
        );
    }

    #[test]
    fn texts_of_different_length_have_one_wild_place_for_many_words() {
        assert_eq!(of(&["disk full on a b c now", "disk full on d now"]), "disk full on <*> now");
        assert_eq!(of(&["disk full", "disk full again"]), "disk full <*>");
    }

    #[test]
    fn one_text_is_its_own_template() {
        assert_eq!(of(&["took 5ms for <b>x</b>"]), "took <*> for <b>x</b>");
        assert_eq!(template(["took 5ms"].into_iter(), false), "took 5ms");
    }

    #[test]
    fn the_key_depends_on_words_alone() {
        assert_eq!(key("Disk <*> full"), key("disk full: <*>"));
        assert_ne!(key("disk full"), key("disk fill"));
        // Whoever muted it last year still has.
        assert_eq!(key("disk full"), "1ce697abc2a2933d");
    }

    proptest! {
        #[test]
        fn every_word_of_a_template_is_in_every_text_in_order(
            texts in prop::collection::vec("[abc]( [abcd]){0,8}", 1..6)
        ) {
            let template = of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            for text in &texts {
                let mut rest = text.split(' ');
                for word in template.split(' ').filter(|word| *word != WILD) {
                    prop_assert!(rest.any(|other| other == word), "{} in {}", template, text);
                }
            }
        }
    }
}
