//! From a spec and a dataset to an artifact that can be published: split, train, evaluate, draft.

use std::collections::BTreeMap;

use recommend_artifacts::{Baseline, DataRange, Draft, Figure, Part};
use recommend_core::Timestamp;

use crate::dataset::{Dataset, Parts};
use crate::evaluate::{Evaluation, Options};
use crate::spec::Spec;
use crate::trainers::{self, Progress, TrainError, Trained};

/// What training a spec gave.
#[derive(Debug)]
pub struct Learned {
    /// What can be published.
    pub draft: Draft,
    /// How good it is on each part.
    pub evaluations: BTreeMap<Part, Evaluation>,
}

/// Splits a dataset as the spec says, trains, and evaluates on all parts.
///
/// ```
/// use recommend_training::dataset::libsvm;
/// use recommend_training::spec::{ModelSpec, Spec};
/// use recommend_training::trainers::Silent;
///
/// let rows = "1 0:3 1:1\n0 0:1 1:2\n0 0:2 1:0\n".repeat(50);
/// let data = libsvm::parse(&rows, Some(&"3\n".repeat(50)), libsvm::FirstIndex::Zero)?;
/// let spec = Spec::new("channels", ModelSpec::logistic_regression())?;
/// let learned = recommend_training::learn(&spec, &data, &Default::default(), &Silent)?;
/// assert_eq!(learned.draft.name.as_str(), "channels");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TrainError`], also when the dataset is of something else than the spec.
pub fn learn(
    spec: &Spec,
    data: &Dataset,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Learned, TrainError> {
    spec.fits(data.about())?;
    let parts = data.split(&spec.split)?;
    let trained = trainers::train(spec, &parts.train, &parts.validation, progress)?;
    let model = trained.model(spec.name.as_str())?;
    let mut evaluations = BTreeMap::new();
    for (part, data) in named(&parts) {
        let scores = trainers::score(&*model, data)?;
        let probabilities = trained.kind.is_probability();
        evaluations.insert(part, Evaluation::of(spec.name.as_str(), data, &scores, probabilities, options));
    }
    let metrics = evaluations.iter().map(|(part, found)| (*part, found.figures.clone())).collect();
    Ok(Learned { draft: draft(spec, &parts.train, trained, metrics)?, evaluations })
}

/// The parts that there are.
pub fn named(parts: &Parts) -> impl Iterator<Item = (Part, &Dataset)> {
    let known = [(Part::Train, Some(&parts.train)), (Part::Validation, Some(&parts.validation))];
    known
        .into_iter()
        .chain([(Part::Test, parts.test.as_ref())])
        .filter_map(|(part, data)| Some((part, data?)))
}

fn draft(
    spec: &Spec,
    train: &Dataset,
    trained: Trained,
    metrics: BTreeMap<Part, BTreeMap<String, Figure>>,
) -> Result<Draft, TrainError> {
    let read = train.with_features(&trained.features)?;
    let baseline = Baseline::of(&trained.features, read.values());
    let about = train.about();
    Ok(Draft {
        baseline,
        recommender: Some(format!("{}/{}", about.corpus, about.source)),
        spec: Some(spec.to_table()),
        chosen: trained.chosen,
        data: Some(range(train)),
        metrics,
        importances: trained.importances,
        ..Draft::new(spec.name.clone(), trained.kind, trained.file, trained.features, trained.golden)
    })
}

/// What a dataset covers.
fn range(data: &Dataset) -> DataRange {
    let text =
        |time: Timestamp| jiff::Timestamp::from_millisecond(time.millis()).ok().map(|time| time.to_string());
    let times = data.time_range();
    DataRange {
        from: times.and_then(|(from, _)| text(from)),
        to: times.and_then(|(_, to)| text(to)),
        rows: data.len() as u64,
        requests: data.groups().len() as u64,
        positives: data.positives() as u64,
    }
}
