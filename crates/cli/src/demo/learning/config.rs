//! The configuration of each phase: the example's, with what serves, what explores and what is on trial.

use std::path::Path;

use anyhow::{Context, Result};
use recommend_server::Config;
use toml::{Table, Value};

use super::source::{SOURCES, Source, Step};
use crate::demo::stage;

/// What a phase changes about the example.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phase {
    /// While it collects: the share of places that are given to a candidate drawn by chance, so that the log knows of more
    /// than what was thought best.
    pub(crate) explore: f64,
    /// What serves each of [`SOURCES`].
    pub(crate) serving: [Option<Step>; SOURCES.len()],
    /// The experiments, by the place of their source.
    pub(crate) experiments: Vec<Experiment>,
}

/// Variants of one source, side by side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Experiment {
    /// Its name; it salts the assignment.
    pub(crate) name: String,
    /// Which of [`SOURCES`].
    pub(crate) source: usize,
    /// Name and model of each variant, the control first.
    pub(crate) variants: Vec<(String, Step)>,
}

impl Experiment {
    fn table(&self) -> Table {
        let Source { corpus, source, .. } = SOURCES[self.source];
        let variant = |(name, step): &(String, Step)| {
            let mut table = Table::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
            table.extend(model(&SOURCES[self.source], *step).map(|model| ("model".to_owned(), model.into())));
            Value::Table(table)
        };
        Table::from_iter([
            ("name".to_owned(), Value::from(self.name.as_str())),
            ("corpus".to_owned(), Value::from(corpus)),
            ("source".to_owned(), Value::from(source)),
            ("variants".to_owned(), self.variants.iter().map(variant).collect::<Vec<_>>().into()),
        ])
    }
}

/// The model of a step, as a configuration says it; `None` keeps the hand-tuned one.
fn model(source: &Source, step: Step) -> Option<Table> {
    let artifact = [("kind", "artifact".to_owned()), ("artifact", source.artifact(step))];
    let table = artifact.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    (step != Step::HandTuned).then_some(table)
}

/// The configuration of a phase, with its data in one folder and the artifacts in another.
///
/// # Errors
/// When what comes out is no configuration.
pub(crate) fn config(phase: &Phase, data: &Path, artifacts: &Path) -> Result<Config> {
    let text = text(phase)?;
    let mut config = Config::parse("the configuration of the demo", &text)?;
    stage::local(&mut config, data, 0, 0);
    config.server.artifacts = Some(artifacts.to_string_lossy().into_owned());
    Ok(config)
}

fn text(phase: &Phase) -> Result<String> {
    let mut whole: Table = stage::CONFIG.parse().context("the example that was built in")?;
    let recommenders = whole.get_mut("recommender").and_then(Value::as_array_mut);
    for recommender in recommenders.into_iter().flatten().filter_map(Value::as_table_mut) {
        let is = |source: &Source| recommender.get("source").and_then(Value::as_str) == Some(source.source);
        let Some(at) = SOURCES.iter().position(is) else { continue };
        if let Some(model) = phase.serving[at].and_then(|step| model(&SOURCES[at], step)) {
            recommender.insert("model".to_owned(), Value::Table(model));
        }
        if phase.explore > 0.0 {
            let explore = Table::from_iter([
                ("kind".to_owned(), Value::from("explore")),
                ("epsilon".to_owned(), Value::from(phase.explore)),
                // All of them: a model that has never seen what is bad does not know it when it meets it.
                ("pool".to_owned(), Value::from(1_000)),
            ]);
            let rerankers = recommender.entry("rerankers").or_insert_with(|| Value::Array(Vec::new()));
            rerankers.as_array_mut().context("`rerankers` is a list")?.push(Value::Table(explore));
        }
    }
    if !phase.experiments.is_empty() {
        let tables = phase.experiments.iter().map(|experiment| Value::Table(experiment.table()));
        whole.insert("experiment".to_owned(), Value::Array(tables.collect()));
    }
    Ok(toml::to_string(&whole)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_the_example_with_what_it_changes() {
        let plain = config(&Phase::default(), Path::new("data"), Path::new("artifacts")).unwrap();
        assert_eq!(plain.recommenders.len(), 7);
        let experiment = Experiment {
            name: "composer-dms-ranker".to_owned(),
            source: 1,
            variants: vec![("hand-tuned".to_owned(), Step::HandTuned), ("ranker".to_owned(), Step::Ranker)],
        };
        let phase = Phase {
            explore: 0.2,
            serving: [Some(Step::Logistic), None, Some(Step::HandTuned)],
            experiments: vec![experiment],
        };
        let changed = config(&phase, Path::new("data"), Path::new("artifacts")).unwrap();
        assert_eq!(changed.server.artifacts.as_deref(), Some("artifacts"));
        let of = |source: &str| {
            changed.recommenders.iter().find(|recommender| recommender.source.as_str() == source).unwrap()
        };
        let kind =
            |source: &str| of(source).model.as_ref().unwrap().table["kind"].as_str().unwrap().to_owned();
        assert_eq!(kind("channel-browser"), "artifact");
        assert_eq!(
            (kind("composer-dms"), kind("slackbot-leave")),
            ("linear".to_owned(), "linear".to_owned())
        );
        let last = |source: &str| of(source).rerankers.last().map(|reranker| reranker.table["kind"].clone());
        assert_eq!(last("channel-browser"), Some("explore".into()));
        assert_eq!(last("people-browser"), None, "what does not learn does not explore");
        let [on_trial] = &changed.experiments[..] else { panic!("one experiment") };
        assert_eq!(on_trial.variants.len(), 2);
        let trained = &on_trial.variants[1].recommender;
        assert_eq!(trained.model.as_ref().unwrap().table["artifact"].as_str(), Some("composer_dms_v0_xgbr"));
        assert_eq!(trained.fetchers, of("composer-dms").fetchers);
    }
}
