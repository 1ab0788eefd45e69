//! XGBoost's classifier and ranker, trained by XGBoost itself.

mod parameters;
mod prune;

use std::collections::BTreeMap;
use std::fmt::Display;

use recommend_artifacts::{Golden, ModelKind};
use recommend_models::explain::importances;
use recommend_models::xgboost as served;
use serde_json::json;
use xgb::parameters::BoosterParameters;
use xgb::{Booster, DMatrix};

use self::parameters::Parameters;
use super::{Progress, TrainError, Trained, golden_rows, rows, shares};
use crate::dataset::Dataset;
use crate::spec::Spec;

/// Trains the model of a spec.
pub(super) fn fit(
    spec: &Spec,
    train: &Dataset,
    validation: &Dataset,
    progress: &dyn Progress,
) -> Result<Trained, TrainError> {
    let failed =
        |error: &dyn Display| TrainError::Xgboost { name: spec.name.clone(), reason: error.to_string() };
    let parameters = Parameters::read(spec, train)?;
    let data = Data { spec, parameters: &parameters };
    let learn = data.matrix(train).map_err(|error| failed(&error))?;
    let judge = match parameters.early_stopping {
        Some(_) => Some(data.matrix(validation).map_err(|error| failed(&error))?),
        None => None,
    };
    let cached: Vec<&DMatrix> = std::iter::once(&learn).chain(&judge).collect();
    let boosted = boost(&parameters, &data.names(train), &learn, judge.as_ref(), &cached, progress);
    let (mut booster, mut chosen) = boosted.map_err(|error| failed(&error))?;
    if spec.debias.position {
        let text = booster.save_buffer(false).map_err(|error| failed(&error))?;
        let column = train.features().len();
        let pruned = prune::without(&text, column, rows::position(0)).map_err(|reason| failed(&reason))?;
        booster = Booster::load_buffer(&pruned).map_err(|error| failed(&error))?;
    }
    let file = booster.save_buffer(true).map_err(|error| failed(&error))?;
    let features = train.features().to_vec();
    let read = served::Booster::read(&file, &served::LoadOptions::default())
        .map_err(|error| TrainError::Unreadable { kind: parameters.kind, reason: error.to_string() })?;
    let gains = importances(&read).into_iter().map(|importance| importance.total_gain);
    let importances = shares(&features, gains);
    let golden = golden(&booster, train, parameters.kind).map_err(|error| failed(&error))?;
    chosen.insert(
        "parameters".to_owned(),
        json!(parameters.passed.iter().cloned().collect::<BTreeMap<_, _>>()),
    );
    Ok(Trained { kind: parameters.kind, file, features, golden, chosen, importances })
}

/// Rows of the training data with what XGBoost predicts for them.
fn golden(booster: &Booster, train: &Dataset, kind: ModelKind) -> Result<Golden, xgb::XGBError> {
    let chosen: Vec<Vec<f32>> =
        golden_rows(train).into_iter().map(|row| train.matrix().row(row).to_vec()).collect();
    let matrix = DMatrix::from_dense(&chosen.concat(), chosen.len())?;
    let scores = match kind.is_probability() {
        true => booster.predict(&matrix)?,
        false => booster.predict_margin(&matrix)?,
    };
    Ok(Golden::new(chosen, scores))
}

struct Data<'a> {
    spec: &'a Spec,
    parameters: &'a Parameters,
}

impl Data<'_> {
    /// The names of the columns.
    fn names(&self, data: &Dataset) -> Vec<String> {
        let position = self.spec.debias.position.then(|| rows::POSITION.to_owned());
        data.features().iter().map(ToString::to_string).chain(position).collect()
    }

    fn matrix(&self, data: &Dataset) -> Result<DMatrix, xgb::XGBError> {
        let mut matrix = match self.spec.debias.position {
            false => DMatrix::from_dense(data.values(), data.len())?,
            true => DMatrix::from_dense(&with_position(data), data.len())?,
        };
        let weights = rows::weights(data, &self.spec.debias);
        let weighed = weights.iter().any(|weight| *weight != 1.0);
        matrix.set_labels(&self.parameters.labels(data.labels()))?;
        if self.parameters.kind == ModelKind::XgboostRanker {
            quietly(&matrix)?;
            // In this order: XGBoost wants a weight for each group once it knows of groups.
            matrix.set_group(&data.group_sizes())?;
            if weighed {
                matrix.set_weights(&of_groups(data, &weights))?;
            }
        } else if weighed {
            matrix.set_weights(&weights)?;
        }
        Ok(matrix)
    }
}

/// Has XGBoost say nothing on this thread until a booster is told otherwise: the crate names groups by a call that
/// XGBoost calls deprecated, on standard error, each time. A booster sets the verbosity of all once it is configured.
fn quietly(data: &DMatrix) -> Result<(), xgb::XGBError> {
    let mut booster = Booster::new_with_cached_dmats(&BoosterParameters::default(), &[data])?;
    booster.set_param("verbosity", "0")?;
    booster.save_buffer(true).map(drop)
}

/// The features of each row, and last its position.
fn with_position(data: &Dataset) -> Vec<f32> {
    let rows = data.values().chunks_exact(data.features().len()).zip(data.positions());
    rows.flat_map(|(row, position)| row.iter().copied().chain([rows::position(*position)])).collect()
}

/// A ranker's weights are of requests: the mean over the rows that were positive, which are what a request teaches.
fn of_groups(data: &Dataset, weights: &[f32]) -> Vec<f32> {
    let mean = |rows: &mut dyn Iterator<Item = usize>| {
        let (sum, count) = rows.fold((0.0, 0_u32), |(sum, count), row| (sum + weights[row], count + 1));
        (count > 0).then(|| sum / count as f32)
    };
    let of = |group: &crate::dataset::Group| {
        let positive = mean(&mut group.rows.clone().filter(|row| data.labels()[*row] > 0.0));
        positive.or_else(|| mean(&mut group.rows.clone())).unwrap_or(1.0)
    };
    data.groups().iter().map(of).collect()
}

/// Boosts until the rounds are over, or until the validation part has not improved for long enough.
fn boost(
    parameters: &Parameters,
    names: &[String],
    learn: &DMatrix,
    judge: Option<&DMatrix>,
    cached: &[&DMatrix],
    progress: &dyn Progress,
) -> Result<(Booster, BTreeMap<String, serde_json::Value>), xgb::XGBError> {
    let mut booster = Booster::new_with_cached_dmats(&BoosterParameters::default(), cached)?;
    booster.set_param("verbosity", "1")?;
    // The crate sets an intercept of 0.5; XGBoost and its Python package estimate one unless told.
    booster.set_param("boost_from_average", "1")?;
    for (key, value) in &parameters.passed {
        booster.set_param(key, value)?;
    }
    let mut best: Option<(f32, usize)> = None;
    let mut rounds = 0;
    for round in 0..parameters.rounds {
        booster.update(learn, i32::try_from(round).unwrap_or(i32::MAX))?;
        rounds = round + 1;
        let mut note = String::new();
        if let (Some(judge), Some(patience)) = (judge, parameters.early_stopping) {
            let (metric, value) = last(booster.evaluate(judge)?);
            note = format!("{metric} {value:.5}");
            let better = best.is_none_or(|(best, _)| match is_loss(&metric) {
                true => value < best,
                false => value > best,
            });
            if better {
                best = Some((value, round));
            } else if best.is_some_and(|(_, at)| round - at >= patience) {
                progress.step(parameters.rounds, parameters.rounds, &note);
                break;
            }
        }
        progress.step(rounds, parameters.rounds, &note);
    }
    let mut chosen = BTreeMap::from([("rounds".to_owned(), json!(rounds))]);
    if let Some((value, at)) = best {
        chosen.insert("rounds".to_owned(), json!(at + 1));
        chosen.insert("stopped_at".to_owned(), json!({"round": rounds, "value": value}));
        if at + 1 < rounds {
            booster = booster.slice(0, i32::try_from(at + 1).unwrap_or(i32::MAX))?;
        }
    }
    booster.set_feature_names(&names.iter().map(String::as_str).collect())?;
    Ok((booster, chosen))
}

/// The metric to stop by: there is one.
fn last(values: std::collections::HashMap<String, f32>) -> (String, f32) {
    values.into_iter().max_by(|a, b| a.0.cmp(&b.0)).unwrap_or_default()
}

/// Whether a smaller value is better.
fn is_loss(metric: &str) -> bool {
    let gains = ["auc", "aucpr", "map", "ndcg", "pre"];
    !gains.contains(&metric.split(['@', '-']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
