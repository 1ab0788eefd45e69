//! The join against a plain loop over the same log, and what it promises about runs, files and memory.
#![cfg(feature = "join")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod logs;
mod oracle;
mod runs;

use std::collections::BTreeMap;
use std::path::Path;

use recommend_core::{Name, hours};
use recommend_training::join::{JoinOptions, JoinOutcome, JoinSpec, join};

/// What is joined unless a test says otherwise: a click is worth 1, a message 3, a dismissal -1; within two hours.
pub(crate) fn spec() -> JoinSpec {
    let objective = [("click", 1.0), ("message", 3.0), ("dismiss", -1.0)];
    let objective: BTreeMap<Name, f32> =
        objective.into_iter().map(|(kind, weight)| (Name::literal(kind), weight)).collect();
    JoinSpec {
        window: hours(2),
        ..JoinSpec::new(Name::literal("channel"), Name::literal("browser"), objective)
    }
}

/// Runs a join, silently.
pub(crate) async fn run(log: &Path, output: &Path, spec: &JoinSpec, options: &JoinOptions) -> JoinOutcome {
    join(log, output, spec, options, &|_| ()).await.unwrap()
}
