//! Words of the configuration that the data never uses: kinds of interaction and of relation.

use recommend_core::error::closest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::data::Data;
use super::finding::Finding;

/// What a key of the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Interaction,
    Relation,
}

/// A word, what it names, and where it starts in the text.
type Word = (What, String, usize);

/// Looks for words without data.
pub(super) fn check(file: &str, text: &str, data: &Data, findings: &mut Vec<Finding>) {
    if data.is_empty() {
        return;
    }
    for (what, word, at) in words(text) {
        let (known, name) = match what {
            What::Interaction => (data.kinds(), "interaction"),
            What::Relation => (data.relations(), "relation"),
        };
        if known.iter().any(|known| *known == word) {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let hint = match closest(known.iter().copied(), &word) {
            Some(close) => format!("; did you mean {close:?}?"),
            None if known.is_empty() => "; it has none at all".to_owned(),
            None => format!("; there are {}", known.join(", ")),
        };
        let message = format!("the data has no {name} {word:?}{hint}");
        findings.push(Finding::warning(format!("{file}:{line}"), message));
    }
}

/// All words of a text that parses; a text that does not was reported before.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        for (key, value) in table.get_ref() {
            walk(key.get_ref(), value, &mut words);
        }
    }
    words
}

fn walk(key: &str, value: &Spanned<DeValue<'_>>, words: &mut Vec<Word>) {
    let at = value.span().start;
    match (key, value.get_ref()) {
        ("relation", DeValue::String(word)) => words.push((What::Relation, word.to_string(), at)),
        ("interactions", DeValue::Array(list)) => {
            for item in list {
                if let DeValue::String(word) = item.get_ref() {
                    words.push((What::Interaction, word.to_string(), item.span().start));
                }
            }
        }
        ("interactions", DeValue::Table(weights)) => {
            let kinds = weights.keys();
            words
                .extend(kinds.map(|kind| (What::Interaction, kind.get_ref().to_string(), kind.span().start)));
        }
        (_, DeValue::Array(list)) => list.iter().for_each(|item| walk("", item, words)),
        (_, DeValue::Table(table)) => table.iter().for_each(|(key, value)| walk(key.get_ref(), value, words)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let text = "[features.a]\ninteractions = [\"read\"]\n\n[[recommender]]\nfetchers = [\n  \
                    { kind = \"popular\", interactions = { join = 3.0 } },\n  \
                    { kind = \"fallback\", fetchers = [{ kind = \"relations\", relation = \"member\" }] },\n]\n";
        let found: Vec<(String, usize)> = words(text)
            .into_iter()
            .map(|(_, word, at)| (word, text[..at].matches('\n').count() + 1))
            .collect();
        assert_eq!(found, [("read".to_owned(), 2), ("join".to_owned(), 6), ("member".to_owned(), 7)]);
    }
}
