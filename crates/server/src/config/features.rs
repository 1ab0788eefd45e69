//! The section `[features]`: declared once, wanted by any number of recommenders.

use recommend_core::{Name, duration};
use recommend_features::{Declarations, Feature, FeatureError, FeatureErrors, FeatureSet};
use recommend_stores::{RedisOptions, Stores};

use super::error::ConfigError;
use super::reading::Node;
use super::{Config, RecommenderConfig};

/// One feature as the file spells it.
#[derive(Debug, Clone)]
pub(super) struct DeclaredFeature {
    pub(super) name: Name,
    pub(super) table: toml::Table,
    pub(super) line: usize,
}

impl<'t> Node<'t> {
    /// The features: a table of tables.
    pub(super) fn features(self, errors: &mut Vec<ConfigError>) -> (Declarations, Vec<DeclaredFeature>) {
        let lines = self.lines;
        let (mut declarations, mut declared) = (Declarations::new(), Vec::new());
        for (key, value) in self.into_table(errors).unwrap_or_default() {
            let (node, at) = (Node::new(lines, key.get_ref(), value), key.span().start);
            let name = match Name::new(&node.key) {
                Ok(name) => name,
                Err(error) => {
                    errors.push(lines.at(at, Some(format!("features.{}", node.key)), error.to_string()));
                    continue;
                }
            };
            match node.parse::<toml::Table>(Some(format!("features.{name}"))) {
                Ok(table) => {
                    match Feature::from_table(name.as_str(), table.clone()) {
                        Ok(feature) => declarations.insert(name.clone(), feature),
                        Err(error) => errors.push(lines.at(at, None, error.to_string())),
                    }
                    declared.push(DeclaredFeature { name, table, line: lines.line(at) });
                }
                Err(error) => errors.push(error),
            }
        }
        // The order of the file, whatever the order of the map.
        declared.sort_by_key(|feature| feature.line);
        (declarations, declared)
    }
}

impl Config {
    /// What works, but hardly as meant: windows that begin between what the stores hold apart.
    pub fn warnings(&self) -> Vec<ConfigError> {
        const DAY: u64 = 86_400;
        if self.stores.redis().is_none() {
            return Vec::new();
        }
        let warning = |declared: &DeclaredFeature| {
            let (scope, window, resolution) = self.features.get(declared.name.as_str())?.resolved()?;
            let by_the_hour = RedisOptions::by_the_hour(scope).filter(|most| window > *most)?;
            let by_the_day = resolution.subsec_nanos() == 0 && resolution.as_secs().is_multiple_of(DAY);
            (!by_the_day).then(|| {
                let [window, resolution, most] = [window, resolution, by_the_hour].map(duration::show);
                let reason = format!(
                    "Redis holds what is older than {most} by the day, so that a window of {window} cannot begin at a multiple \
                     of {resolution} and may count up to a day too much or too little; write resolution = \"1d\", or a window of at \
                     most \"{most}\""
                );
                self.error(declared.line, Some(format!("features.{}", declared.name)), reason)
            })
        };
        self.declared.iter().filter_map(warning).collect()
    }

    /// Plans every declared feature, so that one that nobody wants yet is checked too.
    pub(super) fn check_features(&self, stores: &Stores, errors: &mut Vec<ConfigError>) {
        let names: Vec<&Name> = self.declared.iter().map(|feature| &feature.name).collect();
        for feature in &self.declared {
            let window = self.features.get(feature.name.as_str()).and_then(Feature::window);
            if let (Some(window), Some(retention)) = (window, self.stores.retention)
                && window > retention
            {
                let reason = format!(
                    "looks back {}, and `stores.retention` keeps interactions for {}; shorten the window or keep them longer",
                    duration::show(window),
                    duration::show(retention)
                );
                errors.push(self.error(feature.line, Some(format!("features.{}", feature.name)), reason));
            }
        }
        if let Err(FeatureErrors(found)) = FeatureSet::new(stores, &self.features, names, &[]) {
            errors.extend(found.iter().map(|error| self.feature_error(error, None)));
        }
    }

    /// Puts an error where the feature is declared, or where the recommender asks for it.
    pub(super) fn feature_error(
        &self,
        error: &FeatureError,
        wanted_by: Option<&RecommenderConfig>,
    ) -> ConfigError {
        let declared = self.declared.iter().find(|feature| feature.name == *error.feature());
        match (error, declared, wanted_by) {
            (FeatureError::Declaration { .. }, Some(feature), _) => {
                self.error(feature.line, None, error.to_string())
            }
            (_, _, Some(recommender)) => {
                let listed = recommender.features.iter().find(|(name, _)| *name == *error.feature());
                let line = match (listed, &recommender.model) {
                    (Some((_, line)), _) => *line,
                    (None, Some(model)) => model.line_of(&error.to_string()),
                    (None, None) => recommender.line,
                };
                self.error(line, Some(recommender.place()), error.to_string())
            }
            (_, _, None) => ConfigError { line: None, ..self.error(0, None, error.to_string()) },
        }
    }
}
