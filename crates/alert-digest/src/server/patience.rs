//! Trying again: as long as Slack says, and with growing pauses when it says nothing.

use std::future::Future;
use std::time::Duration;

use rand::RngExt;

use super::app::App;
use crate::slack::{Retry, SlackError};

const LONGEST: Duration = Duration::from_secs(60);

/// Calls until it works, the error is one that stays, or it has failed [`Limits::attempts`](super::Limits::attempts) times
/// in a row. Being asked to wait is no failure; `expires` bounds that.
pub(super) async fn patiently<T, F: Future<Output = Result<T, SlackError>>>(
    app: &App,
    expires: jiff::Timestamp,
    mut call: impl FnMut() -> F,
) -> Result<T, SlackError> {
    let limits = &app.settings.limits;
    let mut failures = 0;
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let pause = match error.retry() {
            Retry::After(pause) if app.now() < expires => {
                app.metrics.limited_seconds.inc_by(pause.as_secs_f64());
                // Everybody who was told the same does not come back in the same instant.
                pause + jittered(limits.backoff)
            }
            Retry::Backoff if failures + 1 < limits.attempts => {
                failures += 1;
                jittered(limits.backoff.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST))
            }
            _ => return Err(error),
        };
        tracing::debug!(%error, ?pause, "trying again");
        tokio::time::sleep(pause).await;
    }
}

/// Between half of it and all of it.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..=1.0))
}
