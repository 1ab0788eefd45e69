//! The sections `[[experiment]]`: variants of a recommender, and who sees which.

mod check;
mod read;

use recommend_core::Name;
use recommend_experiments::assignment::Experiment;

use super::recommender::RecommenderConfig;
use super::{Config, ConfigError};

/// An experiment on one recommender.
///
/// ```toml
/// [[experiment]]
/// name = "browser-learned"         # in the log, the answers and the metrics
/// corpus = "channel"
/// source = "channel-browser"
/// # all that follows but `variants` is optional
/// unit = "user"                    # or "tenant": all users of a workspace see the same
/// salt = "second try"              # another one deals everybody anew; by default the name
/// ramp = 0.2                       # the share of the units that takes part; raising it adds units and moves none
/// holdout = 0.05                   # the share that no experiment with a holdout touches, the same units in all of them
/// layer = { name = "ranking", from = 0.0, to = 0.5 }   # excludes experiments in other parts of the layer
/// method = "split"                 # or "interleave": everybody sees both variants in one slate, by team draft
/// stop = true                      # nobody takes part, everybody sees the recommender as it is
/// winner = "learned"               # everybody but the holdout sees this variant, and the experiment is over
///
/// # The first variant is what the others are compared with. A variant is the recommender with what it says anew:
/// # timeout, max_candidates, fetchers, filters, features, feature_sources, model, rerankers.
/// variants = [
///     { name = "control" },
///     { name = "learned", weight = 2.0, model = { kind = "artifact", artifact = "channel_browser" } },
///     { name = "forest", shadow = true, model = { kind = "artifact", artifact = "channel_forest" } },
/// ]
/// ```
///
/// A shadow runs for everybody in the experiment after they have their answer, is logged, and nobody sees it.
#[derive(Debug, Clone)]
pub struct ExperimentConfig {
    /// The corpus of its recommender.
    pub corpus: Name,
    /// Its source.
    pub source: Name,
    /// Who sees which of the variants. The names are those of [`ExperimentConfig::variants`], in the same order.
    pub assignment: Experiment,
    /// How the variants are compared.
    pub method: Method,
    /// Whether it is stopped.
    pub stop: bool,
    /// The place of the variant that everybody sees now, if it is decided.
    pub winner: Option<usize>,
    /// What people see; the first is the control.
    pub variants: Vec<VariantConfig>,
    /// What runs beside it.
    pub shadows: Vec<VariantConfig>,
    /// Where it starts, from 1.
    pub line: usize,
}

/// One variant: the recommender that it is.
#[derive(Debug, Clone)]
pub struct VariantConfig {
    /// Its name.
    pub name: Name,
    /// The recommender of the experiment with all that the variant says anew.
    pub recommender: RecommenderConfig,
}

/// How the variants of an experiment are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Each unit sees one of them.
    #[default]
    Split,
    /// Everybody sees both in one slate.
    Interleave,
}

/// Two experiments are equal when they say the same, wherever they stand.
impl PartialEq for ExperimentConfig {
    fn eq(&self, other: &Self) -> bool {
        self.corpus == other.corpus
            && self.source == other.source
            && self.assignment == other.assignment
            && self.method == other.method
            && self.stop == other.stop
            && self.winner == other.winner
            && self.variants == other.variants
            && self.shadows == other.shadows
    }
}

impl PartialEq for VariantConfig {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.recommender == other.recommender
    }
}

impl ExperimentConfig {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.assignment.name
    }

    /// What messages call it.
    pub fn place(&self) -> String {
        format!("experiment {}", self.name())
    }

    /// Whether it assigns anybody to anything.
    pub fn runs(&self) -> bool {
        !self.stop && self.winner.is_none()
    }
}

/// All that a configuration builds: its recommenders, then the variants that differ from them, each once.
pub(crate) struct Pipelines {
    /// What to build.
    pub(crate) list: Vec<RecommenderConfig>,
    /// For each experiment, the places in `list` of its variants and of its shadows.
    pub(crate) of: Vec<(Vec<usize>, Vec<usize>)>,
}

impl Config {
    /// What there is to build. Variants that say the same as a recommender or as each other are one pipeline.
    pub(crate) fn pipelines(&self) -> Pipelines {
        let mut list = self.recommenders.clone();
        let mut place = |variant: &VariantConfig| {
            let known = list.iter().position(|known| *known == variant.recommender);
            known.unwrap_or_else(|| {
                list.push(variant.recommender.clone());
                list.len() - 1
            })
        };
        let of = self
            .experiments
            .iter()
            .map(|experiment| {
                let variants = experiment.variants.iter().map(&mut place).collect();
                (variants, experiment.shadows.iter().map(&mut place).collect())
            })
            .collect();
        Pipelines { list, of }
    }

    fn experiment_error(&self, experiment: &ExperimentConfig, reason: String) -> ConfigError {
        self.error(experiment.line, Some(experiment.place()), reason)
    }
}

#[cfg(test)]
mod tests;
