//! `ListRecommenders`: what can be asked for, and which experiments are on it.

use recommend_core::Stage;
use recommend_experiments::assignment::Unit;
use tonic::Status;

use super::Api;
use crate::config::{ExperimentConfig, Method};
use crate::proto::{self, ExperimentMethod, ExperimentState, ExperimentUnit, ExperimentVariant};
use crate::serving::{Served, Serving};

impl Api {
    pub(crate) fn list_recommenders(
        &self,
        _: &proto::ListRecommendersRequest,
    ) -> Result<proto::ListRecommendersResponse, Status> {
        let serving = self.serving.load();
        let recommenders = serving.recommenders().map(|served| recommender(&serving, served));
        Ok(proto::ListRecommendersResponse { recommenders: recommenders.collect() })
    }
}

fn recommender(serving: &Serving, served: &Served) -> proto::Recommender {
    let recommender = &served.recommender;
    let names = |stage| recommender.components(stage).iter().map(ToString::to_string).collect();
    let experiments = serving.experiments(recommender.corpus(), recommender.source());
    proto::Recommender {
        corpus: recommender.corpus().to_string(),
        source: recommender.source().to_string(),
        model_version: recommender.model_version().to_owned(),
        fetchers: names(Stage::Fetch),
        filters: names(Stage::Filter),
        rerankers: names(Stage::Rerank),
        features: recommender.schema().names().iter().map(ToString::to_string).collect(),
        schema: format!("{:016x}", recommender.schema().hash()),
        experiments: experiments.map(|(config, arms)| experiment(config, &arms)).collect(),
    }
}

/// `models` has the model of each variant, and then that of each shadow.
fn experiment(config: &ExperimentConfig, models: &[&str]) -> proto::Experiment {
    let assignment = &config.assignment;
    let state = match (config.stop, config.winner) {
        (true, _) => ExperimentState::Stopped,
        (false, Some(_)) => ExperimentState::Decided,
        (false, None) => ExperimentState::Running,
    };
    let unit = match assignment.unit {
        Unit::User => ExperimentUnit::User,
        Unit::Tenant => ExperimentUnit::Tenant,
    };
    let method = match config.method {
        Method::Split => ExperimentMethod::Split,
        Method::Interleave => ExperimentMethod::Interleave,
    };
    let variants = assignment.variants.iter().map(|variant| (&variant.name, variant.weight));
    let shadows = assignment.shadows.iter().map(|name| (name, 0.0));
    let mut arms = variants.chain(shadows).zip(models).map(|((name, weight), model)| ExperimentVariant {
        name: name.to_string(),
        weight,
        model_version: (*model).to_owned(),
    });
    proto::Experiment {
        name: assignment.name.to_string(),
        state: state.into(),
        unit: unit.into(),
        method: method.into(),
        ramp: assignment.ramp,
        holdout: assignment.holdout,
        layer: assignment.layer.as_ref().map(|layer| proto::ExperimentLayer {
            name: layer.name.to_string(),
            from: layer.from,
            to: layer.to,
        }),
        variants: arms.by_ref().take(assignment.variants.len()).collect(),
        shadows: arms.collect(),
        winner: config
            .winner
            .and_then(|at| assignment.variants.get(at))
            .map(|variant| variant.name.to_string())
            .unwrap_or_default(),
    }
}
