//! Models: one finite score per row of the feature matrix, and why.
//!
//! | kind | what it is | settings |
//! |---|---|---|
//! | `linear` | a hand-tuned weighted sum of transformed features ([`Linear`]) | `weights` (required), `bias = 0.0`, `version = "linear"` |
//! | `logistic` | the same sum as a probability ([`Logistic`]) | those of `linear` |
//! | `graduate` | one model while nothing is known and another as evidence grows ([`Graduate`]) | `hand_tuned` and `learned` (models; required), `evidence` (a feature that counts; required), `half` (its value at which both weigh the same; required) |
//! | `xgboost` | a model that XGBoost saved, JSON or UBJSON ([`xgboost::XgboostModel`]) | `path` (required; relative to the working directory), `features` (names in the order of its columns, where the file has none), `class` (which score ranks, where there are several), `output = "prediction"` or `"margin"`, `iterations = "best"`, `"all"`, or a number, `version` (the file's name) |
//!
//! A weight is a number, or a table with the keys `weight`, `transform`, what the transform needs, and `missing`:
//!
//! ```toml
//! [model]
//! kind = "linear"
//! bias = 0.0
//!
//! [model.weights]
//! "popular.score" = 1.0                                              # the feature times 1.0
//! messages_7d     = { weight = 0.4, transform = "log1p" }
//! member_share    = { weight = 2.0, transform = "clip", min = 0.0, max = 0.5 }
//! age_days        = { weight = 1.0, transform = "bucket", bounds = [7, 30], values = [1.0, 0.5, 0.0] }
//! activity        = { weight = 0.3, transform = "standardise", mean = 12.0, std = 4.5, missing = 12.0 }
//! ```
//!
//! A recommender that starts hand-tuned and graduates, user by user, to what is promoted:
//!
//! ```toml
//! model = { kind = "graduate", evidence = "my_clicks", half = 20, hand_tuned = { kind = "linear", weights = { "popular.score" = 1.0 } }, learned = { kind = "artifact", artifact = "channel_browser" } }
//! ```
//!
//! A missing feature (NaN) contributes nothing, unless `missing` says which value stands in for it. What the transforms do
//! exactly is in [`Transform`].

#![deny(unsafe_code)]

pub mod explain;
pub mod forest;
pub mod graduate;
#[cfg(feature = "xgboost")]
#[expect(unsafe_code, reason = "a C library, for tests and benches")]
pub mod libxgboost;
pub mod linear;
pub mod xgboost;

pub use explain::Explain;
pub use graduate::{Graduate, GraduateError};
pub use linear::{Cross, HandTuned, Linear, LinearError, Logistic, RegressionWeights, Transform, Weight};

use recommend_core::Registry;

/// Makes the models of this crate known to the configuration.
pub fn register(registry: &mut Registry) {
    registry.model("linear", |settings: linear::Settings, _| settings.build());
    registry.model("logistic", |settings: linear::LogisticSettings, _| settings.build());
    registry.model("graduate", |settings: graduate::Settings, context| settings.build(context));
    registry.model("xgboost", |settings: xgboost::Settings, _| settings.build());
}
