//! From experiments as they are written to experiments on recommenders, and what of it does not fit.

use recommend_core::Name;
use recommend_core::error::closest;
use recommend_experiments::assignment::{Experiment, Variant};

use super::super::error::ConfigError;
use super::read::{Written, WrittenVariant};
use super::{Config, ExperimentConfig, Method, VariantConfig};

impl Config {
    /// Takes the experiments of the file that fit, and notes what does not.
    pub(in super::super) fn take_experiments(
        &mut self,
        written: Vec<Written>,
        errors: &mut Vec<ConfigError>,
    ) {
        for written in written {
            let Some(experiment) = self.experiment(written, errors) else { continue };
            for reason in self.conflicts(&experiment) {
                errors.push(self.experiment_error(&experiment, reason));
            }
            self.experiments.push(experiment);
        }
    }

    /// One experiment with the recommenders that its variants are.
    fn experiment(&self, written: Written, errors: &mut Vec<ConfigError>) -> Option<ExperimentConfig> {
        let place = Some(format!("experiment {}", written.name));
        let mut fail = |reason: String| errors.push(self.error(written.line, place.clone(), reason));
        let on = |known: &&super::RecommenderConfig| {
            known.corpus == written.corpus && known.source == written.source
        };
        let Some(base) = self.recommenders.iter().find(on) else {
            let wanted = format!("{}/{}", written.corpus, written.source);
            let known: Vec<String> =
                self.recommenders.iter().map(|known| format!("{}/{}", known.corpus, known.source)).collect();
            fail(match closest(known.iter().map(String::as_str), &wanted) {
                Some(close) => format!("there is no recommender {wanted}; did you mean {close}?"),
                None => format!("there is no recommender {wanted}; there are {}", known.join(", ")),
            });
            return None;
        };
        let variant = |variant: &WrittenVariant| VariantConfig {
            name: variant.name.clone(),
            recommender: super::RecommenderConfig {
                variant: Some((written.name.clone(), variant.name.clone())),
                ..base.changed(&variant.said, &variant.changes)
            },
        };
        let (shadows, seen): (Vec<_>, Vec<_>) = written.variants.iter().partition(|variant| variant.shadow);
        let mut variants: Vec<VariantConfig> = seen.iter().map(|seen| variant(seen)).collect();
        let mut weights: Vec<f64> = seen.iter().map(|seen| seen.weight.unwrap_or(1.0)).collect();
        if variants.is_empty() && !shadows.is_empty() {
            // Shadows alone run beside the recommender as it is.
            variants.push(VariantConfig { name: Name::literal("control"), recommender: base.clone() });
            weights.push(1.0);
        }
        let names = variants.iter().map(|variant| variant.name.clone());
        let assignment = Experiment {
            variants: names.zip(weights).map(|(name, weight)| Variant { name, weight }).collect(),
            shadows: shadows.iter().map(|shadow| shadow.name.clone()).collect(),
            name: written.name.clone(),
            salt: written.salt.clone(),
            unit: written.unit,
            layer: written.layer.clone(),
            ramp: written.ramp,
            holdout: written.holdout,
        };
        if let Err(error) = assignment.validate() {
            // The place says which experiment it is.
            let reason = error.to_string();
            let prefix = format!("experiment {}: ", written.name);
            fail(reason.strip_prefix(&prefix).unwrap_or(&reason).to_owned());
            return None;
        }
        let mut winner = None;
        if let Some(wanted) = &written.winner {
            winner = variants.iter().position(|variant| variant.name == *wanted);
            if winner.is_none() {
                let known: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
                fail(format!("winner = {:?} is none of its variants {}", wanted.as_str(), known.join(", ")));
            }
            if written.stop {
                fail("has `stop` and `winner`; keep `winner` to show it to everybody, or `stop` to end without one".into());
            }
        }
        if written.method == Method::Interleave {
            let drafting = assignment.variants.iter().filter(|variant| variant.weight > 0.0).count();
            if assignment.variants.len() != 2 || drafting != 2 {
                fail(format!(
                    "interleaving compares two variants, not {drafting}; keep two, or write method = \"split\""
                ));
            }
        }
        Some(ExperimentConfig {
            corpus: written.corpus.clone(),
            source: written.source.clone(),
            assignment,
            method: written.method,
            stop: written.stop,
            winner,
            shadows: shadows.iter().map(|shadow| variant(shadow)).collect(),
            variants,
            line: written.line,
        })
    }

    /// What keeps an experiment from running beside those before it.
    fn conflicts(&self, experiment: &ExperimentConfig) -> Vec<String> {
        let mut found = Vec::new();
        for other in &self.experiments {
            if other.name() == experiment.name() {
                found.push(format!(
                    "is configured already in line {}; the log could not tell them apart, so rename one",
                    other.line
                ));
                continue;
            }
            if experiment.stop || other.stop {
                continue;
            }
            let layers = (&experiment.assignment.layer, &other.assignment.layer);
            let shared = match layers {
                (Some(a), Some(b)) if a.name == b.name => Some((a, b)),
                _ => None,
            };
            if let Some((a, b)) = shared {
                if experiment.assignment.unit != other.assignment.unit {
                    found.push(format!(
                        "shares the layer {} with experiment {}, which has another `unit`; a layer divides units of one kind",
                        a.name, other.name()
                    ));
                }
                if a.from < b.to && b.from < a.to {
                    found.push(format!(
                        "its part of the layer {} overlaps that of experiment {} ({} to {}); choose parts that don't",
                        a.name,
                        other.name(),
                        b.from,
                        b.to
                    ));
                }
            }
            let same = other.corpus == experiment.corpus && other.source == experiment.source;
            if same && (other.winner.is_some() || experiment.winner.is_some()) {
                found.push(format!(
                    "is on {}/{}, as is experiment {}, and one of them has a winner; write the winner's settings into the \
                     recommender and remove its experiment",
                    other.corpus, other.source, other.name()
                ));
            } else if same && shared.is_none() {
                found.push(format!(
                    "is on {}/{}, as is experiment {}, and nobody can see variants of both; give them parts of one layer, \
                     such as layer = {{ name = \"{}\", from = 0.0, to = 0.5 }} and from = 0.5, to = 1.0",
                    other.corpus, other.source, other.name(), other.source
                ));
            }
        }
        found
    }
}
