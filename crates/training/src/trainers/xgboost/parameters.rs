//! The parameters of XGBoost: the spec's own go through as they are, the rest follows from the spec.

use recommend_artifacts::ModelKind;
use recommend_core::error::closest;

use crate::dataset::Dataset;
use crate::spec::{CLASSIFIER, Judge, Spec};
use crate::trainers::TrainError;

/// The parameters of XGBoost 3, to tell a misspelt one from one that this list does not know yet.
const KNOWN: &str = "alpha approx_objective base_score booster colsample_bylevel colsample_bynode colsample_bytree device \
    disable_default_eval_metric eta eval_metric feature_selector gamma grow_policy huber_slope interaction_constraints \
    lambda lambdarank_bias_norm lambdarank_normalization lambdarank_num_pair_per_sample lambdarank_pair_method \
    lambdarank_score_normalization lambdarank_unbiased learning_rate max_bin max_cached_hist_node max_cat_threshold \
    max_cat_to_onehot max_delta_step max_depth max_leaves min_child_weight min_split_loss missing monotone_constraints \
    multi_strategy n_jobs ndcg_exp_gain normalize_type nthread num_class num_parallel_tree objective one_drop \
    process_type quantile_alpha random_state rate_drop refresh_leaf reg_alpha reg_lambda sample_type sampling_method \
    scale_pos_weight seed seed_per_iteration skip_drop subsample top_k tree_method tweedie_variance_power updater \
    validate_parameters verbosity";

/// What is passed to XGBoost, and what training makes of the rest.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) kind: ModelKind,
    /// Boosting rounds at most.
    pub(super) rounds: usize,
    /// Rounds without an improvement after which it ends.
    pub(super) early_stopping: Option<usize>,
    /// Names and values, in the order of setting.
    pub(super) passed: Vec<(String, String)>,
    /// Whether labels are grades rather than yes or no.
    graded: bool,
}

impl Parameters {
    pub(super) fn read(spec: &Spec, train: &Dataset) -> Result<Self, TrainError> {
        let wrong = |key: &str, reason: &str| TrainError::Setting {
            name: spec.name.clone(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        };
        let mut settings = spec.model.settings.clone();
        let mut whole = |key: &str| match settings.remove(key) {
            None => Ok(None),
            Some(value) => match value.as_integer().and_then(|n| usize::try_from(n).ok()) {
                Some(n @ 1..=1_000_000) => Ok(Some(n)),
                _ => Err(wrong(key, "must be a whole number from 1 to 1000000")),
            },
        };
        let rounds = whole("n_estimators")?.unwrap_or(100);
        let early_stopping = whole("early_stopping_rounds")?;
        let kind = match spec.model.kind == CLASSIFIER {
            true => ModelKind::XgboostClassifier,
            false => ModelKind::XgboostRanker,
        };
        let objective = settings.remove("objective");
        let objective = match (&objective, kind) {
            (Some(value), _) => {
                value.as_str().ok_or_else(|| wrong("objective", "must be a string"))?.to_owned()
            }
            (None, ModelKind::XgboostClassifier) => "binary:logistic".to_owned(),
            (None, _) => "rank:ndcg".to_owned(),
        };
        let fits = match kind {
            ModelKind::XgboostClassifier => objective == "binary:logistic",
            _ => objective.starts_with("rank:"),
        };
        if !fits {
            let reason = "does not go with this kind: a classifier has binary:logistic, a ranker rank:map, rank:ndcg \
                 or rank:pairwise";
            return Err(wrong("objective", reason));
        }
        let graded = kind == ModelKind::XgboostRanker && objective != "rank:map";
        let mut passed =
            vec![("objective".to_owned(), objective), ("seed".to_owned(), spec.seed.to_string())];
        // XGBoost collects metrics, and one has to say when to stop.
        if !settings.contains_key("eval_metric") {
            passed.push(("eval_metric".to_owned(), metric(spec.metric, kind)));
        }
        if !spec.monotone.is_empty() {
            passed.push(("monotone_constraints".to_owned(), monotone(spec, train)));
        }
        let this = Parameters { kind, rounds, early_stopping, passed, graded };
        let gains_overflow = |label: &f32| label.fract() != 0.0 || *label > 31.0;
        if graded && this.labels(train.labels()).iter().any(gains_overflow) {
            // 2^label − 1 is for whole grades up to 31; anything else gains what it says.
            return this.and("ndcg_exp_gain", "0", settings, spec);
        }
        this.and("", "", settings, spec)
    }

    /// With one more parameter, and the spec's own after all others.
    fn and(mut self, key: &str, value: &str, settings: toml::Table, spec: &Spec) -> Result<Self, TrainError> {
        if !key.is_empty() {
            self.passed.push((key.to_owned(), value.to_owned()));
        }
        for (key, value) in settings {
            let known: Vec<&str> = KNOWN.split_ascii_whitespace().collect();
            if !known.contains(&key.as_str()) {
                let hint = closest(known, &key)
                    .map_or_else(String::new, |close| format!("; did you mean {close:?}?"));
                tracing::warn!(spec = %spec.name, "model.{key} is no parameter of XGBoost that is known here{hint}");
            }
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Boolean(yes) => u8::from(yes).to_string(),
                toml::Value::Array(_) | toml::Value::Table(_) => {
                    let reason =
                        "must be one value; write lists as XGBoost does, in a string: \"[[0, 1], [2]]\""
                            .to_owned();
                    return Err(TrainError::Setting { name: spec.name.clone(), key, reason });
                }
                other => other.to_string(),
            };
            self.passed.push((key, value));
        }
        Ok(self)
    }

    /// Labels as the objective wants them: yes or no, or grades of at least 0. A negative label is below nothing, so all
    /// grades rise until the least is 0.
    pub(super) fn labels(&self, labels: &[f32]) -> Vec<f32> {
        if !self.graded {
            return labels.iter().map(|label| f32::from(u8::from(*label > 0.0))).collect();
        }
        let least = labels.iter().copied().fold(0.0, f32::min);
        labels.iter().map(|label| label - least).collect()
    }
}

/// The metric of XGBoost that is nearest to the spec's; a classifier's rows are not grouped, so it has no ranking metric.
fn metric(judge: Judge, kind: ModelKind) -> String {
    match (judge, kind) {
        (Judge::Auc, _) => "auc".to_owned(),
        (_, ModelKind::XgboostClassifier) => "logloss".to_owned(),
        (Judge::Map(_) | Judge::Ndcg(_), _) => judge.to_string(),
        (Judge::Mrr | Judge::LogLoss, _) => "map".to_owned(),
    }
}

/// `(1,0,-1)`, a sign for each column; the position has none.
fn monotone(spec: &Spec, train: &Dataset) -> String {
    let signs = train.features().iter().map(|name| spec.monotone.get(name).copied().unwrap_or(0));
    let signs = signs.chain(spec.debias.position.then_some(0)).map(|sign| sign.to_string());
    format!("({})", signs.collect::<Vec<_>>().join(","))
}
