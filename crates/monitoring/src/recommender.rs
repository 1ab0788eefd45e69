//! The metric handles of one recommender, taken once when it is loaded.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus::{Histogram, IntCounter, IntCounterVec};
use recommend_core::{Cause, Name, Report, Stage};

use crate::Inner;
use crate::codes::ByCode;

/// Counts what one recommender does. Cloning is reference counting.
///
/// ```
/// # use recommend_core::{Name, Report};
/// # use recommend_monitoring::Metrics;
/// # use std::time::Duration;
/// let metrics = Metrics::new("0.1.0")?;
/// let handles = metrics.recommender(&Name::literal("channel"), &Name::literal("browser"));
/// handles.ran(&Report::default());
/// handles.answered(Duration::from_micros(90), 0);
/// assert!(metrics.encode()?.contains(
///     "recommend_requests_total{code=\"ok\",corpus=\"channel\",source=\"browser\"} 1"
/// ));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RecommenderMetrics(Arc<Handles>);

struct Handles {
    corpus: Name,
    source: Name,
    requests: IntCounterVec,
    by_code: ByCode,
    duration: Histogram,
    stages: [(Histogram, IntCounter); Stage::ALL.len()],
    drops: Few<(Name, &'static str)>,
    drops_of: IntCounterVec,
    artifacts: [IntCounter; 2],
    degraded: Few<(Stage, Name, Cause)>,
    degraded_of: IntCounterVec,
}

impl RecommenderMetrics {
    pub(crate) fn new(metrics: &Inner, corpus: &Name, source: &Name) -> Self {
        let labels = [corpus.as_str(), source.as_str()];
        let stages = Stage::ALL.map(|stage| {
            let labels = [corpus.as_str(), source.as_str(), stage.name()];
            (metrics.stage_duration.with_label_values(&labels), metrics.candidates.with_label_values(&labels))
        });
        RecommenderMetrics(Arc::new(Handles {
            corpus: corpus.clone(),
            source: source.clone(),
            requests: metrics.requests.clone(),
            by_code: ByCode::default(),
            duration: metrics.request_duration.with_label_values(&labels),
            stages,
            artifacts: ["failed", "ok"]
                .map(|result| metrics.artifacts.with_label_values(&[labels[0], labels[1], result])),
            drops: Few::default(),
            drops_of: metrics.drops.clone(),
            degraded: Few::default(),
            degraded_of: metrics.degraded.clone(),
        }))
    }

    pub(crate) fn is(&self, corpus: &Name, source: &Name) -> bool {
        self.0.corpus == *corpus && self.0.source == *source
    }

    /// What the stages of a run did.
    pub fn ran(&self, report: &Report) {
        let handles = &*self.0;
        let (corpus, source) = (handles.corpus.as_str(), handles.source.as_str());
        for stage in &report.stages {
            let (duration, candidates) = &handles.stages[stage.stage as usize];
            duration.observe(stage.time.as_secs_f64());
            candidates.inc_by(stage.candidates_out as u64);
        }
        for drop in &report.drops {
            handles.drops.with(
                |(component, reason)| *component == drop.component && *reason == drop.reason,
                || {
                    let labels = [corpus, source, drop.component.as_str(), drop.reason];
                    ((drop.component.clone(), drop.reason), handles.drops_of.with_label_values(&labels))
                },
                |counter| counter.inc_by(drop.count as u64),
            );
        }
        for degraded in &report.degraded {
            self.degraded(degraded.stage, &degraded.component, Cause::from(&degraded.error));
        }
    }

    /// One failure of an optional component.
    pub fn degraded(&self, stage: Stage, component: &Name, cause: Cause) {
        let handles = &*self.0;
        handles.degraded.with(
            |key| key.0 == stage && key.1 == *component && key.2 == cause,
            || {
                let (corpus, source) = (handles.corpus.as_str(), handles.source.as_str());
                let labels = [corpus, source, stage.name(), component.as_str(), cause.name()];
                ((stage, component.clone(), cause), handles.degraded_of.with_label_values(&labels))
            },
            IntCounter::inc,
        );
    }

    /// An artifact took the place of the model, or was refused.
    pub fn artifact(&self, took: bool) {
        self.0.artifacts[usize::from(took)].inc();
    }

    /// A request ended with this gRPC status code (0 is OK) after this long.
    pub fn answered(&self, took: Duration, code: i32) {
        let handles = &*self.0;
        if code == 0 {
            handles.duration.observe(took.as_secs_f64());
        }
        handles.by_code.count(code, |code| {
            handles.requests.with_label_values(&[handles.corpus.as_str(), handles.source.as_str(), code])
        });
    }
}

impl std::fmt::Debug for RecommenderMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecommenderMetrics({}/{})", self.0.corpus, self.0.source)
    }
}

/// A handful of counters found by looking at all of them, which beats hashing labels.
struct Few<K>(RwLock<Vec<(K, IntCounter)>>);

impl<K> Default for Few<K> {
    fn default() -> Self {
        Few(RwLock::new(Vec::new()))
    }
}

impl<K> Few<K> {
    fn with(
        &self,
        is: impl Fn(&K) -> bool,
        make: impl FnOnce() -> (K, IntCounter),
        act: impl FnOnce(&IntCounter),
    ) {
        if let Some((_, counter)) = self.0.read().iter().find(|(key, _)| is(key)) {
            return act(counter);
        }
        let (key, counter) = make();
        act(&counter);
        let mut known = self.0.write();
        // Another thread may have been faster; labels lead both to one counter, so nothing is lost.
        if !known.iter().any(|(key, _)| is(key)) {
            known.push((key, counter));
        }
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::{ComponentError, Degradation, DropCount, StageReport};

    use super::*;
    use crate::Metrics;

    #[test]
    fn a_run_is_counted_by_stage_reason_and_cause() {
        let metrics = Metrics::new("0").unwrap();
        let (corpus, source) = (Name::literal("channel"), Name::literal("browser"));
        let report = Report {
            stages: vec![StageReport {
                stage: Stage::Filter,
                time: Duration::from_micros(3),
                candidates_in: 9,
                candidates_out: 7,
            }],
            drops: vec![DropCount { component: Name::literal("not-private"), reason: "private", count: 2 }],
            degraded: vec![Degradation {
                stage: Stage::Fetch,
                component: Name::literal("related"),
                error: ComponentError::Timeout,
            }],
            ..Report::default()
        };
        for _ in 0..2 {
            // Handles asked for again, as after a reload, go on counting.
            metrics.recommender(&corpus, &source).ran(&report);
        }
        metrics.recommender(&corpus, &source).answered(Duration::from_millis(1), 8);
        metrics.recommender(&corpus, &source).answered(Duration::from_millis(1), 99);
        let text = metrics.encode().unwrap();
        let of = "corpus=\"channel\"";
        for line in [
            format!(
                "recommend_drops_total{{component=\"not-private\",{of},reason=\"private\",source=\"browser\"}} 4"
            ),
            format!(
                "recommend_degradations_total{{cause=\"timeout\",component=\"related\",{of},source=\"browser\",stage=\"fetch\"}} 2"
            ),
            format!("recommend_candidates_total{{{of},source=\"browser\",stage=\"filter\"}} 14"),
            format!("recommend_requests_total{{code=\"resource_exhausted\",{of},source=\"browser\"}} 1"),
            format!("recommend_requests_total{{code=\"unknown\",{of},source=\"browser\"}} 1"),
            format!("recommend_stage_duration_seconds_count{{{of},source=\"browser\",stage=\"filter\"}} 2"),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
