//! Training beside its peers: logistic regression and XGBoost on 400,000 of 500,000 × 50 rows, and a ranker on public data whose
//! trees must be those of XGBoost's Python package.
//!
//! The peers train first (`make peers-training` runs both halves): `benches/peers/training.py train` leaves the rows,
//! its times and its losses in `target/bench/training`. The feature `xgboost` trains XGBoost here too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use recommend_benches::report::{Better, Report};
use recommend_core::{EntityId, FeatureSchema, Name, RequestId, TenantId, Timestamp, UserId};
use recommend_training::dataset::{About, Dataset, Group, Rows};
use recommend_training::evaluate::judge;
use recommend_training::spec::{Judge, ModelSpec, Spec};
use recommend_training::trainers::{self, Silent};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let work = work();
    let peers = fs::read(work.join("peers.json"))
        .context("run `make peers-training`, which trains the peers first")?;
    let peers: Value = serde_json::from_slice(&peers)?;
    let mut report = Report::new("training");
    let rows = read(&work, &peers)?;
    let cut = usize::try_from(peers["train"].as_u64().context("train")?)?;
    let (train, validation) = (dataset(&rows, 0..cut)?, dataset(&rows, cut..rows.labels.len())?);
    let lr = Spec::new("lr", ModelSpec::logistic_regression())?;
    versus(
        &mut report,
        "logistic regression",
        &lr,
        &train,
        &validation,
        &peers["logistic"],
        "scikit-learn lbfgs",
    )?;
    smartcore(&mut report, &train, &validation)?;
    if cfg!(feature = "xgboost") {
        let model = with(ModelSpec::xgboost_classifier(), &peers["boost"], &peers["rounds"])?;
        let spec = Spec::new("xgb", model)?;
        versus(
            &mut report,
            "XGBoost, 100 rounds",
            &spec,
            &train,
            &validation,
            &peers["xgboost"],
            "xgboost (Python)",
        )?;
    }
    ranking(&mut report, &work, &peers)?;
    Ok(report.finish()?)
}

fn work() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/training")
}

/// The peers' rows.
struct Raw {
    cells: Vec<f32>,
    labels: Vec<f32>,
    width: usize,
}

fn read(work: &Path, peers: &Value) -> Result<Raw> {
    let floats = |name: &str| -> Result<Vec<f32>> {
        let bytes = fs::read(work.join(name))?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let width = usize::try_from(peers["features"].as_u64().context("features")?)?;
    let raw = Raw { cells: floats("x.f32")?, labels: floats("y.f32")?, width };
    ensure!(raw.cells.len() == raw.labels.len() * width, "as many cells as rows times features");
    Ok(raw)
}

fn dataset(raw: &Raw, rows: std::ops::Range<usize>) -> Result<Dataset> {
    let count = rows.len();
    let names = (0..raw.width).map(|at| Name::new(&format!("f{at}"))).collect::<Result<Vec<_>, _>>()?;
    let cells = raw.cells[rows.start * raw.width..rows.end * raw.width].to_vec();
    let groups = (0..count.div_ceil(100)).map(|at| Group {
        request: RequestId(at as u128),
        time: Timestamp(at as i64),
        tenant: TenantId(0),
        user: UserId(0),
        model: "".into(),
        variant: None,
        rows: at * 100..((at + 1) * 100).min(count),
    });
    let columns = Rows {
        entities: (0..count as u64).map(EntityId).collect(),
        positions: vec![0; count],
        scores: vec![f32::NAN; count],
        propensities: vec![1.0; count],
        labels: raw.labels[rows].to_vec(),
        weights: vec![1.0; count],
    };
    let about = About::foreign(Name::literal("row"), Name::literal("bench"));
    let matrix = Array2::from_shape_vec((count, raw.width), cells)?;
    Ok(Dataset::new(about, Arc::new(FeatureSchema::new(names)), matrix, columns, groups.collect())?)
}

/// A model with the peer's parameters.
fn with(mut model: ModelSpec, parameters: &Value, rounds: &Value) -> Result<ModelSpec> {
    for (key, value) in parameters.as_object().context("parameters")? {
        model.settings.insert(key.clone(), toml::Value::try_from(value)?);
    }
    Ok(model.with("n_estimators", rounds.as_i64().context("rounds")?))
}

/// The least time of a few runs, because other work on the machine only adds.
struct Least {
    /// By the clock.
    seconds: f64,
    /// Of all threads.
    cpu: f64,
}

fn timed<T>(runs: usize, call: impl Fn() -> Result<T>) -> Result<(Least, T)> {
    let cpu = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (mut least, mut last) = (Least { seconds: f64::INFINITY, cpu: f64::INFINITY }, None);
    for _ in 0..runs {
        let (start, cpu_before) = (Instant::now(), cpu());
        last = Some(call()?);
        least.seconds = least.seconds.min(start.elapsed().as_secs_f64());
        least.cpu = least.cpu.min(cpu() - cpu_before);
    }
    Ok((least, last.context("at least one run")?))
}

fn versus(
    report: &mut Report,
    case: &str,
    spec: &Spec,
    train: &Dataset,
    validation: &Dataset,
    peer: &Value,
    who: &str,
) -> Result<()> {
    let (took, trained) = timed(3, || Ok(trainers::train(spec, train, validation, &Silent)?))?;
    let scores = trainers::score(&*trained.model("m")?, validation)?;
    let loss = judge(Judge::LogLoss, validation, &scores);
    let theirs = |key: &str| peer[key].as_f64().with_context(|| format!("{key} of {who}"));
    report.versus(case, "training, s by the clock", took.seconds, who, theirs("seconds")?, Better::Less);
    report.versus(case, "training, s of CPU", took.cpu, who, theirs("cpu_seconds")?, Better::Less);
    report.versus(case, "validation log loss", loss, who, theirs("loss")?, Better::Less);
    Ok(())
}

/// The logistic regression of smartcore, on a fiftieth of the rows: its matrix is one of owned rows of f64.
fn smartcore(report: &mut Report, train: &Dataset, validation: &Dataset) -> Result<()> {
    use smartcore::linalg::basic::arrays::Array;
    use smartcore::linalg::basic::matrix::DenseMatrix;
    use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

    const PART: usize = 50;
    const SMARTCORE: &str = "smartcore 0.7";
    let few: Vec<usize> = (0..train.groups().len() / PART).collect();
    let part = train.of_groups(&few);
    let spec = Spec::new("lr", ModelSpec::logistic_regression())?;
    let (took, ours) = timed(2, || Ok(trainers::train(&spec, &part, validation, &Silent)?))?;
    let moments: Vec<(f64, f64)> = (0..part.features().len())
        .map(|column| {
            let values = || part.column(column).into_iter().map(|value| f64::from(*value));
            let mean = values().sum::<f64>() / part.len() as f64;
            (mean, (values().map(|value| (value - mean).powi(2)).sum::<f64>() / part.len() as f64).sqrt())
        })
        .collect();
    let standard = |value: f32, column: usize| (f64::from(value) - moments[column].0) / moments[column].1;
    let matrix = part.matrix();
    let rows = matrix.rows().into_iter();
    let rows: Vec<Vec<f64>> = rows
        .map(|row| row.iter().enumerate().map(|(column, value)| standard(*value, column)).collect())
        .collect();
    let labels: Vec<u32> = part.labels().iter().map(|label| u32::from(*label > 0.0)).collect();
    let matrix = DenseMatrix::from_2d_vec(&rows)?;
    let parameters = LogisticRegressionParameters::default().with_alpha(1.0);
    let (peer, theirs) = timed(2, || Ok(LogisticRegression::fit(&matrix, &labels, parameters.clone())?))?;
    let case = format!("logistic regression, {} rows", part.len());
    report.versus(&case, "training, s of CPU", took.cpu, SMARTCORE, peer.cpu, Better::Less);

    // Its predictions are classes; probabilities follow from its coefficients.
    let (weights, bias) = (theirs.coefficients(), theirs.intercept().get((0, 0)));
    let matrix = validation.matrix();
    let scores: Vec<f32> = matrix
        .rows()
        .into_iter()
        .map(|row| {
            let values = row.iter().enumerate().map(|(column, value)| standard(*value, column));
            let raw = values.zip(weights.iterator(0)).map(|(value, weight)| value * weight).sum::<f64>();
            (1.0 / (1.0 + (-raw - bias).exp())) as f32
        })
        .collect();
    let loss = judge(Judge::LogLoss, validation, &trainers::score(&*ours.model("m")?, validation)?);
    let theirs = judge(Judge::LogLoss, validation, &scores);
    report.versus(&case, "validation log loss", loss, SMARTCORE, theirs, Better::Less);
    Ok(())
}

/// The public ranking data: equal trees, equal nDCG, and the logistic regression beside them.
fn ranking(report: &mut Report, work: &Path, peers: &Value) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/lightgbm-lambdarank");
    if !folder.exists() || peers.get("ranker").is_none() {
        println!("no ranking data beside the repository: its part is left out");
        return Ok(());
    }
    let (train, test) = ranking_data(&folder)?;
    let mut models = vec![("logistic-regression", ModelSpec::logistic_regression().with("l2", 10.0))];
    if cfg!(feature = "xgboost") {
        models.push((
            "xgboost-classifier",
            ModelSpec::xgboost_classifier().with("max_depth", 4).with("eta", 0.1),
        ));
        let parameters = (&peers["ranker_parameters"], &peers["ranker_rounds"]);
        models.push(("xgboost-ranker", with(ModelSpec::xgboost_ranker(), parameters.0, parameters.1)?));
    }
    for (kind, model) in models {
        let spec = Spec::new("rank", model)?;
        let trained = trainers::train(&spec, &train, &test, &Silent)?;
        let scores = trainers::score(&*trained.model("m")?, &test)?;
        let found = judge(Judge::Ndcg(10), &test, &scores);
        if kind == "xgboost-ranker" {
            let theirs = peers["ranker"]["ndcg"].as_f64().context("ndcg")?;
            report.versus(kind, "nDCG@10", found, "xgboost (Python)", theirs, Better::More);
            let same = same_trees(&trained.file, &fs::read(work.join("ranker.json"))?)?;
            report.figure(kind, "trees equal to those of Python, share", same);
        } else {
            report.figure(kind, "nDCG@10", found);
        }
        if kind == "logistic-regression" {
            // Peers divide the average precision by all that is relevant, whatever the cut-off: one that cuts nothing is compared.
            let options = recommend_training::evaluate::Options { cutoffs: vec![5, 10, 1000], seed: 0 };
            let found = recommend_training::evaluate::Evaluation::of(kind, &test, &scores, true, &options);
            let metrics: serde_json::Map<_, _> =
                found.figures.iter().map(|(name, figure)| (name.clone(), json!(figure.value))).collect();
            let scored = json!({"labels": test.labels(), "scores": scores, "groups": test.group_sizes(), "metrics": metrics});
            fs::write(work.join("scored.json"), scored.to_string())?;
        }
    }
    Ok(())
}

/// Both files with the columns of the wider one.
fn ranking_data(folder: &Path) -> Result<(Dataset, Dataset)> {
    use recommend_training::dataset::libsvm::{FirstIndex, read};
    let (train, test) = (
        read(&folder.join("rank.train"), FirstIndex::Zero)?,
        read(&folder.join("rank.test"), FirstIndex::Zero)?,
    );
    let width = train.features().len().max(test.features().len());
    let widened = |data: &Dataset| -> Result<Dataset> {
        let names = (0..width).map(|at| Name::new(&at.to_string())).collect::<Result<Vec<_>, _>>()?;
        let mut matrix = Array2::from_elem((data.len(), width), f32::NAN);
        matrix.slice_mut(ndarray::s![.., ..data.features().len()]).assign(&data.matrix());
        let schema = Arc::new(FeatureSchema::new(names));
        Ok(Dataset::new(data.about().clone(), schema, matrix, data.rows().clone(), data.groups().to_vec())?)
    };
    Ok((widened(&train)?, widened(&test)?))
}

/// The share of trees that are the same, node by node: features, thresholds, directions and leaves.
fn same_trees(ours: &[u8], theirs: &[u8]) -> Result<f64> {
    use recommend_models::xgboost::{Booster, LoadOptions};
    let read = |bytes: &[u8]| Booster::read(bytes, &LoadOptions::default());
    let (ours, theirs) = (read(ours)?, read(theirs)?);
    let (a, b) = (ours.forest().context("trees")?, theirs.forest().context("trees")?);
    ensure!(a.trees().len() == b.trees().len(), "{} trees and {}", a.trees().len(), b.trees().len());
    let same = a.trees().iter().zip(b.trees()).filter(|(x, y)| a.nodes()[x.nodes()] == b.nodes()[y.nodes()]);
    Ok(same.count() as f64 / a.trees().len() as f64)
}
