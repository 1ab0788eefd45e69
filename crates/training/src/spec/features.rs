//! Which features a model reads: names, patterns, or a named set of them.

use std::collections::BTreeMap;

use recommend_core::Name;
use recommend_core::error::closest;
use serde::{Deserialize, Serialize};

/// A list of names and patterns, or the name of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FeatureChoice {
    /// `"all"`, or the name of one of the feature sets.
    Set(String),
    /// Names; one that ends in `*` stands for all that begin like it, and one that begins with `!` takes out again.
    List(Vec<String>),
}

/// The word for every feature of the dataset.
const ALL: &str = "all";

impl Default for FeatureChoice {
    fn default() -> Self {
        FeatureChoice::Set(ALL.to_owned())
    }
}

impl FeatureChoice {
    /// The chosen features, in the order of the choice and each once.
    pub(super) fn choose(
        &self,
        known: &[Name],
        sets: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<Name>, String> {
        let list = match self {
            FeatureChoice::List(list) => list,
            FeatureChoice::Set(set) => match sets.get(set) {
                Some(list) => list,
                None if set == ALL => return Ok(known.to_vec()),
                None => return Err(no_set(set, sets)),
            },
        };
        let mut chosen: Vec<Name> = Vec::new();
        for word in list {
            let (out, pattern) = word.strip_prefix('!').map_or((false, word.as_str()), |rest| (true, rest));
            let matches: Vec<&Name> = known.iter().filter(|name| is_match(pattern, name.as_str())).collect();
            if matches.is_empty() {
                return Err(nothing(pattern, known));
            }
            if out {
                chosen.retain(|name| !matches.contains(&name));
            } else {
                let new: Vec<Name> =
                    matches.into_iter().filter(|name| !chosen.contains(name)).cloned().collect();
                chosen.extend(new);
            }
        }
        match chosen.is_empty() {
            true => Err("`features` chooses none; a model needs at least one".to_owned()),
            false => Ok(chosen),
        }
    }
}

fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

fn no_set(wanted: &str, sets: &BTreeMap<String, Vec<String>>) -> String {
    let known: Vec<&str> = sets.keys().map(String::as_str).chain([ALL]).collect();
    match closest(known.iter().copied(), wanted) {
        Some(close) => format!("there is no feature set {wanted:?}; did you mean {close:?}?"),
        None => format!(
            "there is no feature set {wanted:?}, only {}; declare it under [feature_sets], or in feature-sets.toml \
             beside the spec",
            known.join(", ")
        ),
    }
}

fn nothing(pattern: &str, known: &[Name]) -> String {
    let names = || known.iter().map(Name::as_str);
    match closest(names(), pattern) {
        Some(close) => format!("the dataset has no feature {pattern:?}; did you mean {close:?}?"),
        None => format!(
            "the dataset has no feature {pattern:?}, only {}; a feature that is to be learned from must be logged first",
            names().collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Name> {
        ["clicks", "popular.score", "popular.rank", "age"].map(Name::literal).to_vec()
    }

    fn choose(choice: FeatureChoice) -> Result<Vec<String>, String> {
        let sets = BTreeMap::from([("base".to_owned(), vec!["age".to_owned(), "clicks".to_owned()])]);
        choice.choose(&known(), &sets).map(|names| names.iter().map(ToString::to_string).collect())
    }

    fn list(words: &[&str]) -> FeatureChoice {
        FeatureChoice::List(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_patterns_exceptions_and_sets_choose() {
        assert_eq!(choose(FeatureChoice::default()).unwrap().len(), 4);
        assert_eq!(choose(FeatureChoice::Set("base".into())).unwrap(), ["age", "clicks"]);
        assert_eq!(choose(list(&["popular.*", "age"])).unwrap(), ["popular.score", "popular.rank", "age"]);
        assert_eq!(choose(list(&["*", "!popular.*"])).unwrap(), ["clicks", "age"]);
    }

    #[test]
    fn what_chooses_nothing_says_what_there_is() {
        assert!(choose(FeatureChoice::Set("bse".into())).unwrap_err().contains("did you mean \"base\""));
        assert!(choose(list(&["click"])).unwrap_err().contains("did you mean \"clicks\""));
        assert!(choose(list(&["phase_of_the_moon"])).unwrap_err().contains("logged first"));
        assert!(choose(list(&["age", "!age"])).unwrap_err().contains("chooses none"));
    }
}
