//! The settings of `logistic-regression`.

use std::collections::BTreeMap;

use recommend_core::Name;
use recommend_core::registry::suggest;
use serde::Deserialize;

use crate::spec::Spec;
use crate::trainers::TrainError;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// The weight of the penalty.
    pub(super) l2: f64,
    /// After so many steps it ends, whatever the gradient.
    pub(super) max_iterations: u64,
    /// The length of the gradient of the mean loss below which it ends.
    pub(super) tolerance: f64,
    /// Features that become steps instead of a slope.
    pub(super) buckets: BTreeMap<Name, Buckets>,
    /// Pairs whose product is a column too.
    pub(super) crosses: Vec<[Name; 2]>,
}

/// Where the steps are.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Buckets {
    /// At quantiles that make so many buckets of equal size, or fewer where values repeat.
    Count(usize),
    /// At these bounds.
    Bounds(Vec<f32>),
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            l2: 1.0,
            max_iterations: 200,
            tolerance: 1e-6,
            buckets: BTreeMap::new(),
            crosses: Vec::new(),
        }
    }
}

impl Settings {
    pub(super) fn read(spec: &Spec) -> Result<Self, TrainError> {
        let wrong = |key: &str, reason: String| TrainError::Setting {
            name: spec.name.clone(),
            key: key.to_owned(),
            reason,
        };
        let read: Result<Settings, _> = toml::Value::Table(spec.model.settings.clone()).try_into();
        let settings =
            read.map_err(|error: toml::de::Error| wrong(&spec.model.kind, suggest(error.message())))?;
        if !(settings.l2 >= 0.0 && settings.l2.is_finite()) {
            return Err(wrong("l2", format!("is {}; write a number of at least 0", settings.l2)));
        }
        if !(settings.tolerance > 0.0 && settings.tolerance < 1.0) {
            return Err(wrong("tolerance", format!("is {}; write for example 1e-6", settings.tolerance)));
        }
        for (feature, buckets) in &settings.buckets {
            let fits = match buckets {
                Buckets::Count(count) => (2..=256).contains(count),
                Buckets::Bounds(bounds) => {
                    !bounds.is_empty()
                        && bounds.iter().all(|bound| bound.is_finite())
                        && bounds.windows(2).all(|pair| pair[0] < pair[1])
                }
            };
            if !fits {
                let reason =
                    "needs a number of buckets from 2 to 256, or bounds in ascending order".to_owned();
                return Err(wrong(&format!("buckets.{feature}"), reason));
            }
        }
        Ok(settings)
    }
}
