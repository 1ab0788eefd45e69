//! Reads a learner: parameters, objective, feature names, and the booster, in whatever order the file has them.

use std::sync::Arc;

use super::document::{Document, Kind, Result};
use super::error::{DocumentError, LoadError, Problem};
use super::json::Json;
use super::objective::Objective;
use super::tree::TreeArrays;
use super::ubjson::Ubjson;
use super::{Booster, Ensemble, Iterations, LinearWeights, LoadOptions};
use crate::forest::{Engine, ForestBuilder, ForestShape, MAX_FEATURES};

/// More classes or targets than this are refused.
const MAX_GROUPS: usize = 1 << 16;

/// What the file says, before it is put together.
#[derive(Default)]
struct Learner {
    version: Option<[u32; 3]>,
    features: Option<usize>,
    classes: usize,
    targets: usize,
    base_score: Vec<f32>,
    objective: Option<String>,
    names: Vec<String>,
    types: Vec<String>,
    best_iteration: Option<usize>,
    best_tree_limit: Option<usize>,
    booster: Option<String>,
    trees: ForestBuilder,
    ids: Vec<i64>,
    tree_info: Vec<i64>,
    iterations: Vec<i64>,
    parallel: Option<usize>,
    weight_drop: Vec<f32>,
    weights: Vec<f32>,
    /// Whether `model` has been seen: `learner` of a full snapshot lies in `Model`.
    seen: bool,
}

/// Reads a model from the bytes of a file.
pub(super) fn read(bytes: &[u8], options: &LoadOptions) -> std::result::Result<Booster, LoadError> {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let mut start = bytes.iter().skip_while(blank);
    match (start.next(), start.find(|byte| !blank(byte))) {
        (Some(b'{'), Some(b'"' | b'}') | None) => learner(&mut Json::new(bytes), options),
        (Some(b'{'), _) => learner(&mut Ubjson::new(bytes), options),
        _ if binary(bytes) => Err(LoadError::DeprecatedBinary),
        _ => {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).into_owned();
            Err(LoadError::UnknownFormat { start })
        }
    }
}

/// Whether these are the bytes of the format of before 1.0: marked, or a base score, the number of features, and of classes.
fn binary(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"binf") || bytes.starts_with(b"bs64") {
        return true;
    }
    let Some(head) = bytes.get(..136) else { return false };
    let word = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
    let (base, features) = (f32::from_le_bytes(word(0)), u32::from_le_bytes(word(4)));
    base.is_finite() && (base == 0.0 || base.abs() > 1e-20) && (1..1 << 24).contains(&features)
}

fn learner<D: Document>(document: &mut D, options: &LoadOptions) -> std::result::Result<Booster, LoadError> {
    let mut learner = Learner::default();
    document.object(&mut |document, key| learner.top(document, key))?;
    document.end()?;
    let offset = document.offset();
    learner
        .finish(options)
        .map_err(|(path, problem)| LoadError::Document(DocumentError { path, offset, problem }))
}

impl Learner {
    fn top<D: Document>(&mut self, document: &mut D, key: &str) -> Result<()> {
        match key {
            "learner" => {
                self.seen = true;
                document.object(&mut |document, key| self.learner(document, key))
            }
            // A snapshot (`Booster.save_raw` has none, pickles do) wraps the model.
            "Model" if !self.seen => document.object(&mut |document, key| self.top(document, key)),
            "version" => {
                let mut numbers = Vec::new();
                document.integers(&mut numbers)?;
                if let [major, minor, patch] = numbers[..] {
                    let small = |part: i64| u32::try_from(part).unwrap_or(0);
                    self.version = Some([small(major), small(minor), small(patch)]);
                }
                Ok(())
            }
            _ => document.skip(),
        }
    }

    fn learner<D: Document>(&mut self, document: &mut D, key: &str) -> Result<()> {
        match key {
            "attributes" => document.object(&mut |document, key| {
                match key {
                    "best_iteration" => self.best_iteration = document.parameter()?.parse().ok(),
                    "best_ntree_limit" => self.best_tree_limit = document.parameter()?.parse().ok(),
                    _ => document.skip()?,
                }
                Ok(())
            }),
            "feature_names" => texts(document, &mut self.names),
            "feature_types" => texts(document, &mut self.types),
            "gradient_booster" => document.object(&mut |document, key| self.booster(document, key)),
            "learner_model_param" => document.object(&mut |document, key| self.parameter(document, key)),
            "objective" => document.object(&mut |document, key| match key {
                "name" => {
                    self.objective = Some(document.text()?);
                    Ok(())
                }
                _ => document.skip(),
            }),
            _ => document.skip(),
        }
    }

    fn parameter<D: Document>(&mut self, document: &mut D, key: &str) -> Result<()> {
        match key {
            "num_feature" => self.features = Some(whole(document, "num_feature", MAX_FEATURES)?),
            "num_class" => self.classes = whole(document, "num_class", MAX_GROUPS)?,
            "num_target" => self.targets = whole(document, "num_target", MAX_GROUPS)?,
            "base_score" => match document.kind()? {
                Kind::Array => document.floats(&mut self.base_score)?,
                _ => {
                    let text = document.parameter()?;
                    self.base_score = intercepts(&text).map_err(|problem| document.error(problem))?;
                }
            },
            _ => document.skip()?,
        }
        Ok(())
    }

    fn booster<D: Document>(&mut self, document: &mut D, key: &str) -> Result<()> {
        match key {
            "name" => {
                let name = document.text()?;
                // DART holds a `gbtree`, whose name must not hide its own.
                if self.booster.as_deref() != Some("dart") {
                    self.booster = Some(name);
                }
                Ok(())
            }
            "gbtree" => document.object(&mut |document, key| match key {
                "name" => document.skip(),
                key => self.booster(document, key),
            }),
            "weight_drop" => document.floats(&mut self.weight_drop),
            "model" => document.object(&mut |document, key| self.model(document, key)),
            _ => document.skip(),
        }
    }

    fn model<D: Document>(&mut self, document: &mut D, key: &str) -> Result<()> {
        match key {
            "trees" => {
                let mut arrays = TreeArrays::default();
                document.array(&mut |document, _| {
                    let (raw, id) = arrays.read(document)?;
                    self.ids.push(id.unwrap_or(self.ids.len() as i64));
                    self.trees.push(raw).map_err(|error| {
                        document.error(Problem::Tree { node: error.node, fault: error.fault })
                    })
                })
            }
            "tree_info" => document.integers(&mut self.tree_info),
            "iteration_indptr" => document.integers(&mut self.iterations),
            "weights" => document.floats(&mut self.weights),
            // XGBoost 3.3 and later keep DART's weights here.
            "weight_drop" => document.floats(&mut self.weight_drop),
            "gbtree_model_param" => document.object(&mut |document, key| {
                match key {
                    "num_parallel_tree" => self.parallel = document.parameter()?.parse().ok(),
                    _ => document.skip()?,
                }
                Ok(())
            }),
            _ => document.skip(),
        }
    }

    fn finish(mut self, options: &LoadOptions) -> std::result::Result<Booster, (String, Problem)> {
        let at = |path: &str| {
            let path = path.to_owned();
            move |problem| (path, problem)
        };
        if !self.seen {
            return Err(at("")(Problem::Missing("learner")));
        }
        let parameters = at("learner.learner_model_param");
        let Some(features) = self.features else { return Err(parameters(Problem::Missing("num_feature"))) };
        let groups = self.classes.max(self.targets).max(1);
        let name = self.objective.take().ok_or_else(|| at("learner.objective")(Problem::Missing("name")))?;
        let objective = Objective::named(&name).map_err(at("learner.objective.name"))?;
        let mut base: Vec<f32> = match self.base_score.len() {
            0 => vec![0.5; groups],
            1 => vec![self.base_score[0]; groups],
            len if len == groups => std::mem::take(&mut self.base_score),
            len => return Err(parameters(Problem::Lengths { what: "base_score", len, expected: groups })),
        };
        for score in &mut base {
            *score = objective.margin(*score);
            if !score.is_finite() {
                return Err(parameters(Problem::Range {
                    what: "base_score",
                    value: format!("{:?}", self.base_score),
                    must: format!("one that {name} can turn into a finite margin"),
                }));
            }
        }
        for (what, len) in [("feature_names", self.names.len()), ("feature_types", self.types.len())] {
            if len != 0 && len != features {
                return Err(at("learner")(Problem::Lengths { what, len, expected: features }));
            }
        }
        let rounds = Rounds::of(&self, groups);
        let keep = rounds.keep(options.iterations);
        let booster = self.booster.take().unwrap_or_default();
        let ensemble = match booster.as_str() {
            "gbtree" | "dart" => {
                let shape = self.shape(features, groups, keep)?;
                let forest = self.trees.build(&shape).map_err(|error| {
                    let path = format!("learner.gradient_booster.model.trees[{}]", error.tree());
                    (path, Problem::Unsupported(error.to_string()))
                })?;
                Ensemble::Trees(Box::new(Engine::comparing(Arc::new(forest), options.compare)))
            }
            "gblinear" => {
                let expected = (features + 1) * groups;
                let len = self.weights.len();
                let place = at("learner.gradient_booster.model");
                if len != expected {
                    return Err(place(Problem::Lengths { what: "weights", len, expected }));
                }
                if let Some(weight) = self.weights.iter().find(|weight| !weight.is_finite()) {
                    let value = weight.to_string();
                    return Err(place(Problem::Range { what: "a weight", value, must: "finite".into() }));
                }
                // libxgboost gives every group of a linear booster the first intercept.
                let first = base[0];
                base.fill(first);
                Ensemble::Linear(LinearWeights::new(self.weights, groups))
            }
            other => {
                return Err(at("learner.gradient_booster.name")(Problem::Unsupported(format!(
                    "the booster {other:?} is not read; gbtree, dart and gblinear are"
                ))));
            }
        };
        Ok(Booster {
            version: self.version,
            booster,
            objective_name: name,
            objective,
            base,
            names: self.names,
            types: self.types,
            features,
            rounds: rounds.total,
            best_iteration: self.best_iteration,
            kept: keep.0,
            ensemble,
        })
    }

    /// Checks what is said about trees one by one, and brings them into order.
    fn shape(
        &mut self,
        features: usize,
        groups: usize,
        keep: (usize, usize),
    ) -> std::result::Result<ForestShape, (String, Problem)> {
        let count = self.trees.len();
        let place = "learner.gradient_booster.model".to_owned();
        for (what, len, required) in
            [("tree_info", self.tree_info.len(), groups > 1), ("weight_drop", self.weight_drop.len(), false)]
        {
            if len != count && (required || len != 0) {
                return Err((place, Problem::Lengths { what, len, expected: count }));
            }
        }
        if !self.ids.iter().enumerate().all(|(at, id)| *id == at as i64) {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|tree| self.ids[*tree]);
            if let Some(at) = (0..count).find(|at| self.ids[order[*at]] != *at as i64) {
                let value = self.ids[order[at]].to_string();
                let must = format!("each of 0 to {} once", count.saturating_sub(1));
                return Err((place, Problem::Range { what: "a tree's id", value, must }));
            }
            self.trees.reorder(&order);
        }
        let tree_groups = self.tree_info.iter().map(|group| usize::try_from(*group).unwrap_or(usize::MAX));
        Ok(ForestShape {
            features,
            groups,
            tree_groups: tree_groups.collect(),
            weights: std::mem::take(&mut self.weight_drop),
            keep: keep.1,
        })
    }
}

/// Boosting rounds and where their trees end.
struct Rounds {
    total: usize,
    /// The number of trees after each round, when the file lists them.
    ends: Vec<usize>,
    per_round: usize,
    trees: usize,
    best: Option<usize>,
}

impl Rounds {
    fn of(learner: &Learner, groups: usize) -> Self {
        let trees = learner.trees.len();
        let mut ends: Vec<usize> = learner
            .iterations
            .iter()
            .skip(1)
            .map(|end| usize::try_from(*end).unwrap_or(usize::MAX))
            .collect();
        if !ends.is_sorted() || ends.last() != Some(&trees) {
            ends.clear();
        }
        // Before 1.6 the number of parallel trees is in no model file, except through the old tree limit.
        let parallel = learner.parallel.filter(|trees| *trees > 0).or_else(|| {
            let rounds = learner.best_iteration?.checked_add(1)?;
            learner.best_tree_limit.map(|limit| limit / rounds).filter(|trees| *trees > 0)
        });
        let per_round = parallel.unwrap_or(1).saturating_mul(groups);
        let total = if ends.is_empty() { trees.div_ceil(per_round) } else { ends.len() };
        Rounds { total, ends, per_round, trees, best: learner.best_iteration }
    }

    /// How many rounds, and how many trees, count.
    fn keep(&self, iterations: Iterations) -> (usize, usize) {
        let rounds = match iterations {
            Iterations::All => self.total,
            Iterations::First(rounds) => rounds,
            Iterations::Best => self.best.map_or(self.total, |best| best.saturating_add(1)),
        };
        if rounds >= self.total || rounds == 0 && iterations != Iterations::First(0) {
            return (self.total, self.trees);
        }
        let trees = match self.ends.get(rounds.wrapping_sub(1)) {
            Some(end) => *end,
            None => rounds.saturating_mul(self.per_round),
        };
        (rounds, trees.min(self.trees))
    }
}

fn texts<D: Document>(document: &mut D, out: &mut Vec<String>) -> Result<()> {
    document.array(&mut |document, _| {
        out.push(document.text()?);
        Ok(())
    })
}

fn whole<D: Document>(document: &mut D, what: &'static str, limit: usize) -> Result<usize> {
    let text = document.parameter()?;
    match text.trim().parse::<usize>() {
        Ok(value) if value <= limit => Ok(value),
        _ => {
            let must = format!("a whole number up to {limit}");
            Err(document.error(Problem::Range { what, value: text.chars().take(40).collect(), must }))
        }
    }
}

/// `5E-1` (1.x, 2.x), `[2.35E-1]` (3.x), or one number for each class (3.1).
fn intercepts(text: &str) -> std::result::Result<Vec<f32>, Problem> {
    let inner = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    inner
        .split(',')
        .map(|part| {
            part.trim().parse::<f32>().ok().filter(|value| !value.is_nan()).ok_or_else(|| Problem::Range {
                what: "base_score",
                value: text.chars().take(40).collect(),
                must: "a number, or a list of numbers in brackets".into(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intercept_comes_as_a_number_a_string_or_a_bracketed_list() {
        assert_eq!(intercepts("5E-1"), Ok(vec![0.5]));
        assert_eq!(intercepts("[2.35E-1]"), Ok(vec![0.235]));
        assert_eq!(intercepts("[1E-1, -2E0,3]"), Ok(vec![0.1, -2.0, 3.0]));
        for bad in ["", "[]", "x", "[1,]", "nan"] {
            assert!(intercepts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_deprecated_binary_format_is_recognised() {
        let options = LoadOptions::default();
        let mut old = vec![0u8; 200];
        old[..4].copy_from_slice(&0.5f32.to_le_bytes());
        old[4] = 126;
        assert!(matches!(read(&old, &options), Err(LoadError::DeprecatedBinary)));
        assert!(matches!(read(b"binf....", &options), Err(LoadError::DeprecatedBinary)));
        assert!(matches!(read(b"", &options), Err(LoadError::UnknownFormat { .. })));
        assert!(matches!(read(b"PK\x03\x04", &options), Err(LoadError::UnknownFormat { .. })));
    }
}
