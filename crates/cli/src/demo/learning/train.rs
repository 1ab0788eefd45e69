//! From the log to a promoted artifact: the join, the trainer, the store.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::source::{Source, Step};

/// What a training gave, in a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trained {
    /// `channel_browser_v0_lr@2026-05-29-…`.
    pub(crate) artifact: String,
    pub(crate) rows: usize,
    pub(crate) positives: usize,
    /// Area under the curve on people of the validation part, whom it did not learn from.
    pub(crate) auc: Option<f64>,
    /// What mattered most to it.
    pub(crate) important: Vec<String>,
}

/// Writes the training spec of a step, so that everybody can train the same again with `recommend train`.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn write_spec(data: &Path, source: &Source, step: Step) -> Result<PathBuf> {
    let file = data.join("specs").join(format!("{}.toml", source.artifact(step)));
    std::fs::create_dir_all(data.join("specs"))?;
    std::fs::write(&file, step.spec(source)).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

/// Joins what the log has of a source, trains a step's model, publishes and promotes it.
///
/// # Errors
/// When the log cannot be joined or the training fails.
#[cfg(feature = "training")]
pub(crate) async fn train(log: &Path, data: &Path, source: &Source, spec: PathBuf) -> Result<Trained> {
    use recommend_core::Name;
    use recommend_training::join::{JoinOptions, JoinSpec, join};

    let (corpus, from) = (Name::literal(source.corpus), Name::literal(source.source));
    let joined = JoinSpec::new(corpus, from, source.objective());
    let set = data.join("datasets").join(source.source);
    join(log, &set, &joined, &JoinOptions::default(), &|_| {}).await?;
    let data = data.to_owned();
    // Training takes all cores.
    tokio::task::spawn_blocking(move || learn(&data, &set, &spec)).await?
}

/// Says how to build a binary that can.
///
/// # Errors
/// Always.
#[cfg(not(feature = "training"))]
pub(crate) async fn train(_: &Path, _: &Path, source: &Source, spec: PathBuf) -> Result<Trained> {
    anyhow::bail!(
        "cannot train {} for {}: this binary was built without the join and XGBoost; `make demo` builds one with both",
        spec.display(),
        source.source
    )
}

#[cfg(feature = "training")]
fn learn(data: &Path, set: &Path, spec: &Path) -> Result<Trained> {
    use recommend_artifacts::{ArtifactStore, Part};
    use recommend_training::dataset::Dataset;
    use recommend_training::evaluate::Options;
    use recommend_training::spec::Spec;
    use recommend_training::trainers::Silent;

    let spec = Spec::load(spec)?;
    let rows = Dataset::read(set)?;
    let options = Options { cutoffs: vec![5], ..Options::default() };
    let learned = recommend_training::learn(&spec, &rows, &options, &Silent)?;
    let store = ArtifactStore::open(&data.join("artifacts").to_string_lossy());
    let version = store.publish(&learned.draft)?;
    store.promote(&spec.name, &version)?;

    let mut important: Vec<_> = learned.draft.importances.iter().collect();
    important.sort_by(|a, b| b.share.total_cmp(&a.share));
    let important = important.iter().take(4).map(|one| format!("{} {:.0} %", one.feature, one.share * 100.0));
    Ok(Trained {
        artifact: format!("{}@{version}", spec.name),
        rows: rows.len(),
        positives: rows.positives(),
        auc: learned
            .evaluations
            .get(&Part::Validation)
            .and_then(|evaluation| evaluation.figures.get("auc"))
            .map(|figure| figure.value),
        important: important.collect(),
    })
}
