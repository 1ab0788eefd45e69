//! Alerts that nobody had to suffer: rules rendered into the messages of a day.
//!
//! A [`Rule`] is a Prometheus alert rule's name and annotations, in Go's template syntax. [`built_in`] has some; [`read`]
//! reads those of rule files. [`Day`] lets them fire: most rules seldom, some in bursts, some only later or no longer. Which
//! rule a message comes from is known, so a clustering can be judged.

mod day;
mod render;
mod rules;

pub use day::{Alert, Day};
pub use render::Style;
pub use rules::{Rule, RuleError, built_in, read};
