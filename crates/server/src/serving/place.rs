//! A recommender with the experiments on it: who is answered by what.

use std::sync::Arc;
use std::time::Duration;

use recommend_core::{IdCodec, Name};
use recommend_experiments::assignment::Assigner;
use recommend_monitoring::{Metrics, VariantMetrics};

use super::{Served, Shape};
use crate::config::{ExperimentConfig, Method};
use crate::proto::RecommendRequest;

/// A recommender and the experiments on it.
pub(crate) struct Place {
    /// The recommender outside of experiments.
    pub(crate) base: Arc<Served>,
    /// Those that are not stopped. They exclude each other.
    pub(crate) trials: Vec<Arc<Trial>>,
}

/// An experiment at work.
pub(crate) struct Trial {
    pub(crate) name: Name,
    assignment: Assigner,
    winner: Option<usize>,
    /// What people see; the first is the control.
    pub(crate) arms: Vec<Arm>,
    /// What runs beside it.
    pub(crate) shadows: Vec<Arm>,
    /// What the log holds of a slate that two arms made together, when they do.
    pub(crate) interleaved: Option<Shape>,
}

/// A variant at work.
pub(crate) struct Arm {
    pub(crate) name: Name,
    pub(crate) served: Arc<Served>,
    pub(crate) metrics: VariantMetrics,
}

/// Who answers a request.
pub(crate) enum Route {
    /// A recommender, without an experiment.
    Plain(Arc<Served>),
    /// A variant of an experiment.
    Variant(Arc<Trial>, usize),
    /// Both variants of an experiment, in one slate.
    Both(Arc<Trial>),
}

impl Trial {
    pub(super) fn new(
        experiment: &ExperimentConfig,
        (variants, shadows): &(Vec<usize>, Vec<usize>),
        pipelines: &[Arc<Served>],
        metrics: &Metrics,
    ) -> Self {
        let name = experiment.name();
        let arm = |(variant, at): (&Name, &usize)| Arm {
            name: variant.clone(),
            served: pipelines[*at].clone(),
            metrics: metrics.variant(&experiment.corpus, &experiment.source, name, variant),
        };
        let names = experiment.variants.iter().map(|variant| &variant.name);
        let arms: Vec<Arm> = names.zip(variants).map(arm).collect();
        let interleaved = match (experiment.method, arms.as_slice()) {
            (Method::Interleave, [control, treatment]) => {
                Some(Shape::both(&control.served, &treatment.served))
            }
            _ => None,
        };
        Trial {
            name: name.clone(),
            assignment: experiment.assignment.assigner(),
            winner: experiment.winner,
            shadows: experiment.shadows.iter().map(|shadow| &shadow.name).zip(shadows).map(arm).collect(),
            arms,
            interleaved,
        }
    }
}

impl Place {
    /// Who answers a request. An id that cannot be read is nobody's, and the request will be refused for it.
    pub(crate) fn route(&self, codec: IdCodec, request: &RecommendRequest) -> Route {
        let plain = || Route::Plain(self.base.clone());
        if self.trials.is_empty() {
            return plain();
        }
        let (Ok(tenant), Ok(user)) = (codec.encode(&request.tenant), codec.encode(&request.user)) else {
            return plain();
        };
        for trial in &self.trials {
            if let Some(winner) = trial.winner {
                return match trial.assignment.held_out(tenant, user) {
                    true => plain(),
                    false => Route::Plain(trial.arms[winner].served.clone()),
                };
            }
            match (trial.assignment.variant(tenant, user), &trial.interleaved) {
                (Some(_), Some(_)) => return Route::Both(trial.clone()),
                (Some(at), None) => return Route::Variant(trial.clone(), at),
                (None, _) => {}
            }
        }
        plain()
    }
}

impl Route {
    /// What answers; the control when two do.
    pub(crate) fn served(&self) -> &Arc<Served> {
        match self {
            Route::Plain(served) => served,
            Route::Variant(trial, at) => &trial.arms[*at].served,
            Route::Both(trial) => &trial.arms[0].served,
        }
    }

    /// The experiment, if there is one.
    pub(crate) fn trial(&self) -> Option<&Arc<Trial>> {
        match self {
            Route::Plain(_) => None,
            Route::Variant(trial, _) | Route::Both(trial) => Some(trial),
        }
    }

    /// The variant that answers, if it is one alone.
    pub(crate) fn variant(&self) -> Option<&Name> {
        match self {
            Route::Variant(trial, at) => Some(&trial.arms[*at].name),
            Route::Plain(_) | Route::Both(_) => None,
        }
    }

    /// A request ended with this gRPC status code after this long.
    pub(crate) fn answered(&self, took: Duration, code: i32) {
        match self {
            Route::Plain(_) => {}
            Route::Variant(trial, at) => trial.arms[*at].metrics.answered(took, code),
            Route::Both(trial) => trial.arms.iter().for_each(|arm| arm.metrics.answered(took, code)),
        }
    }
}
