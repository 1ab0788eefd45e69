//! Ablation: a recommender without one of its components.

use std::fmt;
use std::str::FromStr;

use recommend_core::error::closest;
use recommend_server::config::{ComponentConfig, RecommenderConfig};
use toml::Value;

/// Which component to leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Without {
    /// Each fetcher, filter, reranker and feature in turn.
    Each,
    /// A fetcher, and the features that it provides.
    Fetcher(String),
    /// A filter.
    Filter(String),
    /// A feature, of a model that says in its settings which ones it reads.
    Feature(String),
    /// A reranker.
    Reranker(String),
}

impl FromStr for Without {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let parsed = match text.split_once(':') {
            None if text == "each" => Some(Without::Each),
            Some(("fetcher", name)) => named(name).map(Without::Fetcher),
            Some(("filter", name)) => named(name).map(Without::Filter),
            Some(("feature", name)) => named(name).map(Without::Feature),
            Some(("reranker", name)) => named(name).map(Without::Reranker),
            _ => None,
        };
        let usage =
            || format!("{text:?}: write fetcher:NAME, filter:NAME, feature:NAME, reranker:NAME, or each");
        parsed.ok_or_else(usage)
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Without::Each => f.write_str("without each"),
            Without::Fetcher(name) => write!(f, "without fetcher:{name}"),
            Without::Filter(name) => write!(f, "without filter:{name}"),
            Without::Feature(name) => write!(f, "without feature:{name}"),
            Without::Reranker(name) => write!(f, "without reranker:{name}"),
        }
    }
}

impl Without {
    /// What was asked for, with `each` spelt out.
    pub(super) fn each(asked: &[Without], config: &RecommenderConfig) -> Vec<Without> {
        let mut once: Vec<Without> = Vec::new();
        for one in asked {
            let more = match one {
                Without::Each => everything(config),
                other => vec![other.clone()],
            };
            for one in more {
                if !once.contains(&one) {
                    once.push(one);
                }
            }
        }
        once
    }

    /// The recommender that is left.
    ///
    /// # Errors
    /// When there is no such component, with those that there are.
    pub(super) fn from(&self, config: &RecommenderConfig) -> Result<RecommenderConfig, String> {
        let mut left = config.clone();
        match self {
            Without::Each => {}
            Without::Fetcher(name) => {
                remove(&mut left.fetchers, "fetcher", name)?;
                if left.fetchers.is_empty() {
                    return Err(format!("{name:?} is the only fetcher; without it there is nothing to rank"));
                }
                let provided = format!("{name}.");
                let gone = |feature: &str| feature.starts_with(&provided);
                left.features.retain(|(feature, _)| !gone(feature.as_str()));
                if let Some(model) = &mut left.model {
                    strip(&mut model.table, &gone);
                }
            }
            Without::Filter(name) => remove(&mut left.filters, "filter", name)?,
            Without::Reranker(name) => remove(&mut left.rerankers, "reranker", name)?,
            Without::Feature(name) => {
                let known = read_by_model(config);
                if !known.contains(name) {
                    return Err(unknown("feature that its settings name", name, &known, "the model has"));
                }
                if let Some(model) = &mut left.model {
                    strip(&mut model.table, &|feature| feature == name);
                }
            }
        }
        Ok(left)
    }
}

fn everything(config: &RecommenderConfig) -> Vec<Without> {
    let mut all: Vec<Without> = Vec::new();
    if config.fetchers.len() > 1 {
        all.extend(names(&config.fetchers).into_iter().map(Without::Fetcher));
    }
    all.extend(names(&config.filters).into_iter().map(Without::Filter));
    let features = read_by_model(config);
    if features.len() > 1 {
        all.extend(features.into_iter().map(Without::Feature));
    }
    all.extend(names(&config.rerankers).into_iter().map(Without::Reranker));
    all
}

/// What the executor calls components: their name or kind, numbered where it repeats.
pub(crate) fn names(components: &[ComponentConfig]) -> Vec<String> {
    let text = |component: &ComponentConfig, key: &str| {
        component.table.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let mut names: Vec<String> = Vec::new();
    for component in components {
        let base = text(component, "name").or_else(|| text(component, "kind")).unwrap_or_default();
        let (mut name, mut n) = (base.clone(), 1);
        while names.contains(&name) {
            n += 1;
            name = format!("{base}-{n}");
        }
        names.push(name);
    }
    names
}

fn remove(components: &mut Vec<ComponentConfig>, what: &str, name: &str) -> Result<(), String> {
    let known = names(components);
    match known.iter().position(|other| other == name) {
        Some(at) => {
            components.remove(at);
            Ok(())
        }
        None => Err(unknown(what, name, &known, "there are")),
    }
}

fn unknown(what: &str, name: &str, known: &[String], there: &str) -> String {
    let hint = closest(known.iter().map(String::as_str), name);
    let hint = hint.map(|close| format!("did you mean {close:?}? ")).unwrap_or_default();
    format!("--without: there is no {what} {name:?}; {hint}{there} {}", known.join(", "))
}

/// The features that the settings of the model name: the keys of its `weights`.
fn read_by_model(config: &RecommenderConfig) -> Vec<String> {
    let weights = config.model.as_ref().and_then(|model| model.table.get("weights"));
    weights.and_then(Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// Takes features out of a model's settings: keys of tables, and words in lists.
fn strip(table: &mut toml::Table, gone: &dyn Fn(&str) -> bool) {
    table.retain(|key, _| !gone(key));
    for (_, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => strip(inner, gone),
            Value::Array(list) => list.retain(|item| !item.as_str().is_some_and(gone)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use recommend_server::Config;

    use super::*;

    fn config() -> RecommenderConfig {
        let text = "[[recommender]]\ncorpus = 'item'\nsource = 'x'\n\
            fetchers = [{ kind = 'popular' }, { kind = 'related' }, { kind = 'popular', window = '7d' }]\n\
            filters = ['not-interacted']\nfeatures = ['related.score', 'popular.rank']\n\
            [recommender.model]\nkind = 'linear'\n\
            weights = { 'popular.score' = 1.0, 'popular-2.score' = 1.0, 'related.score' = 2.0 }\n";
        Config::parse("x.toml", text).unwrap().recommenders.remove(0)
    }

    fn without(text: &str) -> Result<RecommenderConfig, String> {
        text.parse::<Without>()?.from(&config())
    }

    #[test]
    fn a_fetcher_takes_its_features_along() {
        let left = without("fetcher:popular").unwrap();
        assert_eq!(names(&left.fetchers), ["related", "popular"]);
        assert_eq!(left.features.len(), 1);
        assert_eq!(read_by_model(&left), ["popular-2.score", "related.score"]);
    }

    #[test]
    fn a_feature_leaves_the_model_alone_otherwise() {
        let left = without("feature:related.score").unwrap();
        assert_eq!((left.fetchers.len(), read_by_model(&left).len()), (3, 2));
    }

    #[test]
    fn each_names_every_component_once() {
        let asked = ["filter:not-interacted", "each"].map(|text| text.parse().unwrap());
        let all: Vec<String> = Without::each(&asked, &config()).iter().map(ToString::to_string).collect();
        assert_eq!(all.len(), 7, "{all:?}");
        assert_eq!(all.iter().filter(|one| one.contains("filter")).count(), 1);
    }

    #[test]
    fn what_there_is_not_cannot_be_left_out() {
        let error = without("fetcher:populer").unwrap_err();
        assert!(error.contains("did you mean \"popular\"?") && error.contains("popular-2"), "{error}");
        assert!(without("feature:x").unwrap_err().contains("related.score"));
        assert!("popular".parse::<Without>().unwrap_err().contains("fetcher:NAME"));
    }
}
