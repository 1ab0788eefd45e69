//! The search for settings: every trial is a spec of its own, judged on the validation part.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::json;

use super::{Progress, Silent, TrainError, Trained, fit, score};
use crate::dataset::Dataset;
use crate::evaluate::judge;
use crate::spec::{Method, Search, Spec};

/// In successive halving, one of so many goes on, with so many times the requests.
const ETA: usize = 3;
/// No round is trained on less than this part of the requests (3³): what is found on less says little.
const SMALLEST: usize = 27;

struct Trial {
    settings: toml::Table,
    trained: Trained,
    value: f64,
}

/// Trains with the best settings found.
pub(super) fn run(
    spec: &Spec,
    search: &Search,
    train: &Dataset,
    validation: &Dataset,
    progress: &dyn Progress,
) -> Result<Trained, TrainError> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(search.seed);
    let mut settings: Vec<toml::Table> = (0..search.trials).map(|_| search.draw(&mut rng)).collect();
    // A small space is drawn from more often than it has points.
    let mut seen = std::collections::HashSet::new();
    settings.retain(|table| seen.insert(table.to_string()));
    let sign = if spec.metric.larger_is_better() { 1.0 } else { -1.0 };
    let mut part = match search.method {
        Method::Random => 1,
        Method::Halving => {
            let rungs = std::iter::successors(Some(1), |part| Some(part * ETA));
            rungs
                .take_while(|part| *part <= SMALLEST && part * part <= settings.len() * ETA)
                .last()
                .unwrap_or(1)
        }
    };
    let (mut done, mut tried) = (0, Vec::new());
    let rounds: usize = std::iter::successors(Some((settings.len(), part)), |(left, part)| {
        (*part > 1).then(|| (left.div_ceil(ETA), part / ETA))
    })
    .map(|(left, _)| left)
    .sum();
    loop {
        let every: Vec<usize> = (0..train.groups().len()).step_by(part).collect();
        let sample = (part > 1).then(|| train.of_groups(&every));
        let learn_from = sample.as_ref().unwrap_or(train);
        let mut trials = Vec::with_capacity(settings.len());
        for settings in std::mem::take(&mut settings) {
            let trial = one(spec, settings, learn_from, validation)?;
            done += 1;
            progress.step(
                done,
                rounds,
                &format!("{} {:.4} with {}", spec.metric, trial.value, line(&trial.settings)),
            );
            tried.push(json!({"settings": trial.settings, "requests": learn_from.groups().len(), "value": trial.value}));
            trials.push(trial);
        }
        trials.sort_by(|a, b| (b.value * sign).total_cmp(&(a.value * sign)));
        if part == 1 {
            let Some(best) = trials.into_iter().next() else { return fit(spec, train, validation, progress) };
            let mut trained = best.trained;
            trained.chosen.insert("searched".to_owned(), json!(best.settings));
            trained.chosen.insert("search_value".to_owned(), json!(best.value));
            trained.chosen.insert("trials".to_owned(), json!(tried));
            return Ok(trained);
        }
        trials.truncate(trials.len().div_ceil(ETA));
        settings = trials.into_iter().map(|trial| trial.settings).collect();
        part /= ETA;
    }
}

fn one(
    spec: &Spec,
    settings: toml::Table,
    train: &Dataset,
    validation: &Dataset,
) -> Result<Trial, TrainError> {
    let mut spec = spec.clone();
    spec.model.settings.extend(settings.clone());
    let trained = fit(&spec, train, validation, &Silent)?;
    let scores = score(&*trained.model(spec.name.as_str())?, validation)?;
    let value = judge(spec.metric, validation, &scores);
    Ok(Trial { settings, trained, value })
}

fn line(settings: &toml::Table) -> String {
    settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::libsvm::{FirstIndex, parse};
    use crate::spec::{Judge, ModelSpec};

    /// Requests of four rows; feature 0 tells the positive one, feature 1 is noise.
    fn data() -> Dataset {
        let mut text = String::new();
        for request in 0..120 {
            for row in 0..4 {
                let label = u8::from(row == request % 4);
                let noise = (request * 7 + row * 13) % 10;
                text +=
                    &format!("{label} 0:{} 1:{noise}\n", f64::from(label) + f64::from((request + row) % 3));
            }
        }
        parse(&text, Some(&"4\n".repeat(120)), FirstIndex::Zero).unwrap()
    }

    fn spec(method: Method) -> Spec {
        let mut spec = Spec::new("lr", ModelSpec::logistic_regression()).unwrap();
        let space = "space = { l2 = { low = 0.001, high = 100000.0, log = true } }";
        spec.search = Some(Search { method, trials: 9, ..toml::from_str(space).unwrap() });
        spec.metric = Judge::LogLoss;
        spec
    }

    #[test]
    fn the_best_of_what_was_tried_is_kept_and_all_of_it_told() {
        let data = data();
        for (method, trainings) in [(Method::Random, 9), (Method::Halving, 9 + 3)] {
            let trained = crate::trainers::train(&spec(method), &data, &data, &Silent).unwrap();
            let trials = trained.chosen["trials"].as_array().unwrap().clone();
            assert_eq!(trials.len(), trainings, "{method:?}");
            let whole = trials.iter().filter(|trial| trial["requests"] == 120);
            let best = whole.map(|trial| trial["value"].as_f64().unwrap()).fold(f64::INFINITY, f64::min);
            assert_eq!(trained.chosen["search_value"].as_f64(), Some(best));
            assert!(
                trained.chosen["searched"]["l2"].as_f64().unwrap() < 1000.0,
                "a huge penalty learns nothing"
            );
        }
    }
}
