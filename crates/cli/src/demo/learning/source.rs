//! The recommenders that learn, and the models that they graduate to.

use std::collections::BTreeMap;

use recommend_core::Name;
use recommend_simulator::action_of;

/// A recommender of the demo that learns from what people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) corpus: &'static str,
    pub(crate) source: &'static str,
    /// How many recommendations the product shows at once.
    pub(crate) slate: u32,
    /// Features whose effect is no straight line: the regression learns a step for each of ten buckets.
    steps: &'static [&'static str],
}

/// Those whose lifts the framework that this follows has published.
pub(crate) const SOURCES: [Source; 3] = [
    Source {
        corpus: "channel",
        source: "channel-browser",
        slate: 5,
        steps: &[
            "related.score",
            "related.rank",
            "ease.score",
            "ease.rank",
            "user-neighbours.score",
            "user-neighbours.rank",
            "popular.rank",
            "messages_14d",
            "people_14d",
            "readers_30d",
            "joins_30d",
            "quiet_days",
            "liveliness",
            "age_days",
        ],
    },
    Source {
        corpus: "user",
        source: "composer-dms",
        slate: 5,
        steps: &[
            "co-participants.score",
            "co-participants.rank",
            "contacts.score",
            "contacts.rank",
            "my_dms_30d",
            "my_attention_90d",
            "talks_with_those_there",
            "attention_of_those_there",
            "dms_received_30d",
        ],
    },
    Source {
        corpus: "channel",
        source: "slackbot-leave",
        slate: 3,
        steps: &[
            "my_reads_30d",
            "my_reads_90d",
            "my_share_of_reads",
            "my_messages_30d",
            "my_words_90d",
            "my_last_visit_days",
            "member_days",
            "messages_30d",
            "readers_30d",
            "quiet_days",
            "liveliness",
            "all_my_reads_30d",
        ],
    },
];

impl Source {
    /// What each kind of interaction is worth.
    pub(crate) fn objective(&self) -> BTreeMap<Name, f32> {
        let weights = [("click", 1.0), (action_of(self.source), 2.0), ("dismiss", -1.0)];
        weights.into_iter().map(|(kind, weight)| (Name::literal(kind), weight)).collect()
    }

    /// What the artifact of a model is called: `channel_browser_v0_lr`.
    pub(crate) fn artifact(&self, step: Step) -> String {
        format!("{}_v0_{}", self.source.replace('-', "_"), step.suffix())
    }
}

/// The models of a recommender's career.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Weights that somebody thought of.
    HandTuned,
    /// Logistic regression.
    Logistic,
    /// XGBoost, one yes or no per row.
    Classifier,
    /// XGBoost, one ranking per request.
    Ranker,
}

/// What both kinds of forest have in common: small steps, until people of the validation part gain nothing any more.
const TREES: &str = "n_estimators = 400, early_stopping_rounds = 30, learning_rate = 0.08, max_depth = 5, \
     subsample = 0.7, colsample_bytree = 0.7";

impl Step {
    /// The learned ones, in the order of graduation.
    pub(crate) const LEARNED: [Step; 3] = [Step::Logistic, Step::Classifier, Step::Ranker];

    /// What the variant is called in experiments.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::HandTuned => "hand-tuned",
            Step::Logistic => "logistic-regression",
            Step::Classifier => "xgboost-classifier",
            Step::Ranker => "xgboost-ranker",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Step::HandTuned => "hand",
            Step::Logistic => "lr",
            Step::Classifier => "xgbc",
            Step::Ranker => "xgbr",
        }
    }

    /// Whether this binary can train it.
    pub(crate) fn available(self) -> bool {
        match self {
            Step::HandTuned => true,
            Step::Logistic => cfg!(feature = "training"),
            Step::Classifier | Step::Ranker => cfg!(all(feature = "training", feature = "xgboost")),
        }
    }

    /// The training spec, as somebody would write it; empty for what is not trained.
    pub(crate) fn spec(self, source: &Source) -> String {
        let model = match self {
            Step::HandTuned => return String::new(),
            Step::Logistic => {
                let steps: Vec<String> = source.steps.iter().map(|name| format!("\"{name}\" = 10")).collect();
                format!(
                    "{{ kind = \"logistic-regression\", l2 = 10.0, buckets = {{ {} }} }}",
                    steps.join(", ")
                )
            }
            Step::Classifier => {
                format!("{{ kind = \"xgboost-classifier\", {TREES}, min_child_weight = 20 }}")
            }
            Step::Ranker => {
                format!(
                    "{{ kind = \"xgboost-ranker\", objective = \"rank:pairwise\", {TREES}, min_child_weight = 5 }}"
                )
            }
        };
        let objective: Vec<String> =
            source.objective().iter().map(|(kind, weight)| format!("{kind} = {weight:.1}")).collect();
        format!(
            "name = \"{name}\"\nmodel = {model}\ninput = {{ corpus = \"{corpus}\", source = \"{from}\" }}\n\
             objective = {{ {objective} }}\nsplit = {{ by = \"user\", validation = 0.2 }}\ndebias = {{ position = true }}\n",
            name = source.artifact(self),
            corpus = source.corpus,
            from = source.source,
            objective = objective.join(", "),
        )
    }
}

#[cfg(test)]
mod tests {
    use recommend_training::spec::Spec;

    use super::*;

    #[test]
    fn specs_are_as_the_trainer_reads_them() {
        for source in SOURCES {
            for step in Step::LEARNED {
                let spec = Spec::parse("a test", &step.spec(&source)).unwrap();
                assert_eq!(spec.name.as_str(), source.artifact(step));
                assert_eq!(spec.objective, source.objective());
                assert!(spec.debias.position);
            }
        }
        assert_eq!(SOURCES[2].artifact(Step::Ranker), "slackbot_leave_v0_xgbr");
    }
}
