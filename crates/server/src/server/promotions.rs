//! Following promotions: when another version of an artifact is promoted, it becomes the model of those that follow it.

use std::sync::Arc;
use std::time::Duration;

use recommend_artifacts::{ArtifactStore, Taken};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::reload::Reloader;

/// After a refusal, the same promotion is tried again after this many looks, then after twice as many, and so on: it
/// may have been a store that did not answer, or a file that somebody mends.
const FIRST_PAUSE: u32 = 1;
/// Never rarer than this many looks.
const LONGEST_PAUSE: u32 = 64;

/// A promotion that was refused, and when to try it again.
struct Refused {
    recommender: String,
    wanted: Vec<Taken>,
    pause: u32,
    looks_left: u32,
}

impl Reloader {
    /// Looks for promotions until the server stops.
    pub(super) fn follow(
        self: Arc<Self>,
        every: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> Option<JoinHandle<()>> {
        if every.is_zero() {
            return None;
        }
        Some(tokio::spawn(async move {
            let mut refused = Vec::new();
            loop {
                tokio::select! {
                    () = tokio::time::sleep(every) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                }
                let this = self.clone();
                // Reading and verifying a model takes a disk or a network, and a core.
                let looked = tokio::task::spawn_blocking(move || {
                    this.look(&mut refused);
                    refused
                });
                match looked.await {
                    Ok(still) => refused = still,
                    Err(error) => {
                        tracing::error!(%error, "looking for promoted artifacts");
                        refused = Vec::new();
                    }
                }
            }
        }))
    }

    /// Takes every promotion that is not taken yet.
    fn look(&self, refused: &mut Vec<Refused>) {
        let followed = self.api.serving.load().pipelines().any(|served| !served.artifacts.is_empty());
        if !followed {
            return;
        }
        let _one_at_a_time = self.one_at_a_time.lock();
        let serving = self.api.serving.load_full();
        let store = serving.artifact_store();
        for (at, served) in serving.pipelines().enumerate() {
            let (corpus, source) = (served.recommender.corpus(), served.recommender.source());
            let Some(wanted) = changed(store, &served.artifacts) else { continue };
            let recommender = serving.name(at);
            let known = refused.iter().position(|refused| refused.recommender == recommender);
            if let Some(known) = known
                && refused[known].wanted == wanted
                && refused[known].looks_left > 0
            {
                refused[known].looks_left -= 1;
                continue;
            }
            // Not `serving`: an earlier round of this loop may have replaced it.
            let now = self.api.serving.load_full();
            match now.with_model(at, &self.api.stores, &self.registry, &self.api.metrics) {
                Ok(next) => {
                    tracing::info!(%corpus, %source, of = recommender, model = next.model(at), "artifact loaded");
                    self.api.serving.store(Arc::new(next));
                    refused.retain(|refused| refused.recommender != recommender);
                }
                Err(errors) => {
                    served.metrics.artifact(false);
                    tracing::error!(
                        %corpus, %source, of = recommender, serving = &*served.model,
                        "promoted artifact refused, the old model keeps serving:\n{errors}"
                    );
                    let before = known.map(|known| refused.swap_remove(known));
                    let pause = match before {
                        Some(before) if before.wanted == wanted => (before.pause * 2).min(LONGEST_PAUSE),
                        _ => FIRST_PAUSE,
                    };
                    refused.push(Refused { recommender, wanted, pause, looks_left: pause });
                }
            }
        }
    }
}

/// What is promoted now, when it differs from what was taken. A store that does not answer is no change.
fn changed(store: &ArtifactStore, taken: &[Taken]) -> Option<Vec<Taken>> {
    let now = |taken: &Taken| {
        let pointer = store.pointer(&taken.name).inspect_err(|error| {
            tracing::warn!(%error, artifact = %taken.name, "looking for promoted artifacts");
        });
        let promotion = pointer.ok()?.map(|pointer| pointer.current);
        Some(Taken { name: taken.name.clone(), promotion })
    };
    let now: Vec<Taken> = taken.iter().map(now).collect::<Option<_>>()?;
    (now != taken).then_some(now)
}
