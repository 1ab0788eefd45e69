//! The sections `[[recommender]]`: lists of components, not built yet.

use std::time::Duration;

use recommend_core::{Name, duration};
use toml::de::DeValue;

use super::error::ConfigError;
use super::reading::{Node, unknown};
use super::server::check_timeout;

/// One component as the file spells it.
#[derive(Debug, Clone)]
pub struct ComponentConfig {
    /// `kind`, the keys that every component has, and its own settings.
    pub table: toml::Table,
    /// Where it starts, from 1.
    pub line: usize,
    /// Its text and the line of each word in it are needed to say where an error is.
    pub(super) text: String,
}

/// Two components are equal when they say the same, wherever they stand.
impl PartialEq for ComponentConfig {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
    }
}

impl ComponentConfig {
    /// The line of the word that a message quotes first, or the one where the component starts.
    pub(super) fn line_of(&self, message: &str) -> usize {
        let quoted = message.split(['`', '"']).skip(1).step_by(2);
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        for word in quoted.filter(|word| !word.is_empty()) {
            // The kind stands in every message, so it says nothing about the line unless it is alone.
            if self.table.get("kind").and_then(toml::Value::as_str) == Some(word) {
                continue;
            }
            let whole = |at: usize| {
                !self.text[..at].ends_with(inside) && !self.text[at + word.len()..].starts_with(inside)
            };
            if let Some((at, _)) = self.text.match_indices(word).find(|(at, _)| whole(*at)) {
                return self.line + self.text[..at].matches('\n').count();
            }
        }
        self.line
    }
}

/// One recommender as the file spells it.
#[derive(Debug, Clone)]
pub struct RecommenderConfig {
    /// The type of entity.
    pub corpus: Name,
    /// The part of the product that asks.
    pub source: Name,
    /// The deadline of a request that brings none, when not that of the server.
    pub timeout: Option<Duration>,
    /// The most candidates of a run.
    pub max_candidates: Option<usize>,
    /// Who proposes candidates.
    pub fetchers: Vec<ComponentConfig>,
    /// Who drops candidates.
    pub filters: Vec<ComponentConfig>,
    /// Features to log beside those that the model reads, with the line of each.
    pub features: Vec<(Name, usize)>,
    /// Who provides features beside the declared ones.
    pub feature_sources: Vec<ComponentConfig>,
    /// Who scores.
    pub model: Option<ComponentConfig>,
    /// Who applies the rules of the whole slate.
    pub rerankers: Vec<ComponentConfig>,
    /// Where it starts, from 1.
    pub line: usize,
    /// The experiment and the variant that it is of, when it is not a recommender of its own.
    pub variant: Option<(Name, Name)>,
}

/// Two recommenders are equal when they say the same, wherever they stand.
impl PartialEq for RecommenderConfig {
    fn eq(&self, other: &Self) -> bool {
        let features =
            |config: &Self| config.features.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        self.corpus == other.corpus
            && self.source == other.source
            && self.timeout == other.timeout
            && self.max_candidates == other.max_candidates
            && self.fetchers == other.fetchers
            && self.filters == other.filters
            && features(self) == features(other)
            && self.feature_sources == other.feature_sources
            && self.model == other.model
            && self.rerankers == other.rerankers
    }
}

impl RecommenderConfig {
    /// What messages call it.
    pub fn place(&self) -> String {
        match &self.variant {
            Some((experiment, variant)) => format!("experiment {experiment}, variant {variant}"),
            None => format!("recommender {}/{}", self.corpus, self.source),
        }
    }
}

const KEYS: [&str; 10] = [
    "corpus",
    "source",
    "timeout",
    "max_candidates",
    "fetchers",
    "filters",
    "features",
    "feature_sources",
    "model",
    "rerankers",
];

impl<'t> Node<'t> {
    /// The recommenders: an array of tables.
    pub(super) fn recommenders(self, errors: &mut Vec<ConfigError>) -> Vec<RecommenderConfig> {
        let (at, lines) = (self.extent().start, self.lines);
        let DeValue::Array(items) = self.value.into_inner() else {
            let reason = "write `[[recommender]]` with two brackets, once for each recommender".into();
            errors.push(lines.at(at, None, reason));
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| Node::new(lines, "recommender", item).recommender(errors))
            .collect()
    }

    fn recommender(self, errors: &mut Vec<ConfigError>) -> Option<RecommenderConfig> {
        let (start, lines) = (self.extent().start, self.lines);
        let table = self.into_table(errors)?;
        let place = {
            let text = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str()).unwrap_or("?");
            Some(format!("recommender {}/{}", text("corpus"), text("source")))
        };
        let known = errors.len();
        let (mut corpus, mut source, mut read) = (None, None, RecommenderConfig::empty(lines.line(start)));
        for (key, value) in table {
            let node = Node::new(lines, key.get_ref(), value);
            let at = key.span().start;
            match key.get_ref().as_ref() {
                "corpus" => corpus = note(node.parse::<Name>(place.clone()), errors),
                "source" => source = note(node.parse::<Name>(place.clone()), errors),
                part if PARTS.contains(&part) => read.part(node, at, &place, errors),
                other => errors.push(lines.at(at, place.clone(), unknown("there is no key", other, &KEYS))),
            }
        }
        for (key, value) in [("corpus", &corpus), ("source", &source)] {
            if value.is_none() && errors.len() == known {
                let reason = format!("has no `{key}`; write for example {key} = \"channel\"");
                errors.push(lines.at(start, place.clone(), reason));
                return None;
            }
        }
        Some(RecommenderConfig { corpus: corpus?, source: source?, ..read })
    }

    fn components(self, place: &Option<String>, errors: &mut Vec<ConfigError>) -> Vec<ComponentConfig> {
        let (at, lines, key) = (self.extent().start, self.lines, self.key);
        match self.value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .filter_map(|item| Node::new(lines, &key, item).component(place, errors))
                .collect(),
            other => {
                let reason = format!(
                    "`{key}` must be a list, not {}; write for example {key} = [ {{ kind = \"…\" }} ]",
                    other.type_str()
                );
                errors.push(lines.at(at, place.clone(), reason));
                Vec::new()
            }
        }
    }

    fn component(self, place: &Option<String>, errors: &mut Vec<ConfigError>) -> Option<ComponentConfig> {
        let (extent, line) = (self.extent(), self.line());
        let table = match self.value.get_ref() {
            DeValue::String(kind) => {
                toml::Table::from_iter([("kind".to_owned(), toml::Value::String(kind.to_string()))])
            }
            DeValue::Table(_) => note(self.parse(place.clone()), errors)?,
            other => {
                let reason = format!(
                    "`{}`: a component is a table {{ kind = \"…\" }} or the kind as a string, not {}",
                    self.key,
                    other.type_str()
                );
                errors.push(self.lines.at(extent.start, place.clone(), reason));
                return None;
            }
        };
        Some(ComponentConfig { table, line, text: self.lines.slice(extent).to_owned() })
    }

    fn names(self, place: &Option<String>, errors: &mut Vec<ConfigError>) -> Vec<(Name, usize)> {
        let (at, lines) = (self.extent().start, self.lines);
        let DeValue::Array(items) = self.value.into_inner() else {
            let reason =
                "`features` must be a list of names such as [\"messages_7d\", \"popular.score\"]".into();
            errors.push(lines.at(at, place.clone(), reason));
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| {
                let node = Node::new(lines, "features", item);
                let line = node.line();
                note(node.parse::<Name>(place.clone()), errors).map(|name| (name, line))
            })
            .collect()
    }
}

/// The keys that a variant of an experiment may say anew.
pub(super) const PARTS: [&str; 8] =
    ["timeout", "max_candidates", "fetchers", "filters", "features", "feature_sources", "model", "rerankers"];

impl RecommenderConfig {
    /// Reads one of [`PARTS`], whose key is at this place of the text.
    pub(super) fn part(
        &mut self,
        node: Node<'_>,
        at: usize,
        place: &Option<String>,
        errors: &mut Vec<ConfigError>,
    ) {
        let lines = node.lines;
        match node.key.as_str() {
            "timeout" => match note(node.parse::<String>(place.clone()), errors).map(|text| {
                duration::parse(&text).and_then(|timeout| check_timeout(timeout).map(|()| timeout))
            }) {
                Some(Ok(timeout)) => self.timeout = Some(timeout),
                Some(Err(reason)) => {
                    errors.push(lines.at(at, place.clone(), format!("`timeout`: {reason}")));
                }
                None => {}
            },
            "max_candidates" => match node.value.get_ref().as_integer().and_then(|n| n.as_str().parse().ok())
            {
                Some(n @ 1..=1_000_000_usize) => self.max_candidates = Some(n),
                _ => {
                    let reason = "`max_candidates` must be a whole number from 1 to 1000000".into();
                    errors.push(lines.at(at, place.clone(), reason));
                }
            },
            "fetchers" => self.fetchers = node.components(place, errors),
            "filters" => self.filters = node.components(place, errors),
            "feature_sources" => self.feature_sources = node.components(place, errors),
            "rerankers" => self.rerankers = node.components(place, errors),
            "model" => self.model = node.component(place, errors),
            "features" => self.features = node.names(place, errors),
            other => errors.push(lines.at(at, place.clone(), unknown("there is no key", other, &KEYS))),
        }
    }

    /// This recommender with those of [`PARTS`] that `changes` has said anew.
    pub(super) fn changed(&self, said: &[String], changes: &RecommenderConfig) -> RecommenderConfig {
        let mut changed = RecommenderConfig { line: changes.line, ..self.clone() };
        for key in said {
            match key.as_str() {
                "timeout" => changed.timeout = changes.timeout,
                "max_candidates" => changed.max_candidates = changes.max_candidates,
                "fetchers" => changed.fetchers = changes.fetchers.clone(),
                "filters" => changed.filters = changes.filters.clone(),
                "feature_sources" => changed.feature_sources = changes.feature_sources.clone(),
                "rerankers" => changed.rerankers = changes.rerankers.clone(),
                "model" => changed.model = changes.model.clone(),
                "features" => changed.features = changes.features.clone(),
                _ => {}
            }
        }
        changed
    }

    pub(super) fn empty(line: usize) -> Self {
        let nameless = Name::literal("x");
        RecommenderConfig {
            corpus: nameless.clone(),
            source: nameless,
            timeout: None,
            max_candidates: None,
            fetchers: Vec::new(),
            filters: Vec::new(),
            features: Vec::new(),
            feature_sources: Vec::new(),
            model: None,
            rerankers: Vec::new(),
            line,
            variant: None,
        }
    }
}

pub(super) fn note<T>(result: Result<T, ConfigError>, errors: &mut Vec<ConfigError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}
