//! Languages: their stop words and their stemmers.

use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A language that has both stop words (the `stopwords-iso` lists) and a Snowball stemmer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[expect(missing_docs, reason = "a language is what its name says")]
pub enum Language {
    Arabic,
    Danish,
    Dutch,
    English,
    Finnish,
    French,
    German,
    Greek,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Romanian,
    Russian,
    Spanish,
    Swedish,
    Turkish,
}

use Language::{
    Arabic, Danish, Dutch, English, Finnish, French, German, Greek, Hungarian, Italian, Norwegian,
    Portuguese, Romanian, Russian, Spanish, Swedish, Turkish,
};

/// A code that names no language here.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no language has the code {code:?}: choose one of {}", codes())]
pub struct UnknownLanguage {
    /// What was given.
    pub code: String,
}

fn codes() -> String {
    Language::ALL.map(Language::code).join(", ")
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 17] = [
        Arabic, Danish, Dutch, English, Finnish, French, German, Greek, Hungarian, Italian, Norwegian,
        Portuguese, Romanian, Russian, Spanish, Swedish, Turkish,
    ];

    /// Its code in ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Arabic => "ar",
            Danish => "da",
            Dutch => "nl",
            English => "en",
            Finnish => "fi",
            French => "fr",
            German => "de",
            Greek => "el",
            Hungarian => "hu",
            Italian => "it",
            Norwegian => "no",
            Portuguese => "pt",
            Romanian => "ro",
            Russian => "ru",
            Spanish => "es",
            Swedish => "sv",
            Turkish => "tr",
        }
    }

    /// Its stop words, in lower case.
    pub fn stop_words(self) -> &'static [&'static str] {
        stop_words::lookup(self.code()).unwrap_or_default()
    }

    pub(crate) fn stemmer(self) -> Stemmer {
        Stemmer::create(match self {
            Arabic => Algorithm::Arabic,
            Danish => Algorithm::Danish,
            Dutch => Algorithm::Dutch,
            English => Algorithm::English,
            Finnish => Algorithm::Finnish,
            French => Algorithm::French,
            German => Algorithm::German,
            Greek => Algorithm::Greek,
            Hungarian => Algorithm::Hungarian,
            Italian => Algorithm::Italian,
            Norwegian => Algorithm::Norwegian,
            Portuguese => Algorithm::Portuguese,
            Romanian => Algorithm::Romanian,
            Russian => Algorithm::Russian,
            Spanish => Algorithm::Spanish,
            Swedish => Algorithm::Swedish,
            Turkish => Algorithm::Turkish,
        })
    }
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        let found = Language::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code));
        found.ok_or_else(|| UnknownLanguage { code: code.to_owned() })
    }
}

impl TryFrom<String> for Language {
    type Error = UnknownLanguage;

    fn try_from(code: String) -> Result<Self, UnknownLanguage> {
        code.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> String {
        language.code().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_stop_words_and_is_found_by_its_code() {
        for language in Language::ALL {
            assert!(language.stop_words().len() > 50, "{language:?}");
            assert_eq!(language.code().parse(), Ok(language));
        }
    }

    #[test]
    fn an_unknown_code_is_refused_with_those_that_are_known() {
        let error = "xx".parse::<Language>().unwrap_err().to_string();
        assert!(error.contains("\"xx\"") && error.contains("en, "), "{error}");
    }
}
