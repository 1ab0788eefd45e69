//! The metric handles of one variant of an experiment, taken once when it is loaded.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntCounterVec};
use recommend_core::Name;

use crate::Inner;
use crate::codes::ByCode;

/// What became of a shadow's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShadowResult {
    /// It ran and was handed to the log.
    Ok,
    /// It failed.
    Failed,
    /// The deadline of its request had passed before it ran.
    Late,
    /// It was dropped because too many waited: what people see goes first.
    Busy,
}

impl ShadowResult {
    const ALL: [(ShadowResult, &'static str); 4] = [
        (ShadowResult::Ok, "ok"),
        (ShadowResult::Failed, "failed"),
        (ShadowResult::Late, "late"),
        (ShadowResult::Busy, "busy"),
    ];
}

/// Counts what one variant does. Cloning is reference counting.
///
/// ```
/// # use recommend_core::Name;
/// # use recommend_monitoring::Metrics;
/// # use std::time::Duration;
/// let metrics = Metrics::new("0.1.0")?;
/// let [corpus, source, experiment, variant] = ["channel", "browser", "learned", "control"].map(Name::literal);
/// let handles = metrics.variant(&corpus, &source, &experiment, &variant);
/// handles.answered(Duration::from_micros(90), 0);
/// assert!(metrics.encode()?.contains(
///     "recommend_variant_requests_total{code=\"ok\",corpus=\"channel\",experiment=\"learned\",source=\"browser\",variant=\"control\"} 1"
/// ));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct VariantMetrics(Arc<Handles>);

struct Handles {
    labels: [Name; 4],
    requests: IntCounterVec,
    by_code: ByCode,
    duration: Histogram,
    shadows: [IntCounter; 4],
}

impl VariantMetrics {
    pub(crate) fn new(metrics: &Inner, labels: [&Name; 4]) -> Self {
        let texts = labels.map(Name::as_str);
        let [corpus, source, experiment, variant] = texts;
        VariantMetrics(Arc::new(Handles {
            requests: metrics.variant_requests.clone(),
            by_code: ByCode::default(),
            duration: metrics.variant_duration.with_label_values(&texts),
            shadows: ShadowResult::ALL.map(|(_, result)| {
                metrics.shadows.with_label_values(&[corpus, source, experiment, variant, result])
            }),
            labels: labels.map(Clone::clone),
        }))
    }

    pub(crate) fn is(&self, labels: [&Name; 4]) -> bool {
        self.0.labels.each_ref() == labels
    }

    /// A request that was answered by the variant ended with this gRPC status code (0 is OK) after this long.
    pub fn answered(&self, took: Duration, code: i32) {
        let handles = &*self.0;
        if code == 0 {
            handles.duration.observe(took.as_secs_f64());
        }
        handles.by_code.count(code, |code| {
            let [corpus, source, experiment, variant] = handles.labels.each_ref().map(Name::as_str);
            handles.requests.with_label_values(&[corpus, source, experiment, variant, code])
        });
    }

    /// What became of a run as a shadow.
    pub fn shadowed(&self, result: ShadowResult) {
        self.0.shadows[result as usize].inc();
    }
}

impl std::fmt::Debug for VariantMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VariantMetrics({}/{})", self.0.labels[2], self.0.labels[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metrics;

    #[test]
    fn a_variant_counts_its_answers_and_a_shadow_what_became_of_its_runs() {
        let metrics = Metrics::new("0").unwrap();
        let [corpus, source, experiment, variant] =
            ["channel", "browser", "learned", "forest"].map(Name::literal);
        let handles = || metrics.variant(&corpus, &source, &experiment, &variant);
        // Handles asked for again, as after a reload, go on counting.
        handles().answered(Duration::from_millis(1), 0);
        handles().answered(Duration::from_millis(1), 4);
        handles().shadowed(ShadowResult::Busy);
        let text = metrics.encode().unwrap();
        let of = "corpus=\"channel\",experiment=\"learned\"";
        for line in [
            format!(
                "recommend_variant_requests_total{{code=\"deadline_exceeded\",{of},source=\"browser\",variant=\"forest\"}} 1"
            ),
            format!(
                "recommend_variant_duration_seconds_count{{{of},source=\"browser\",variant=\"forest\"}} 1"
            ),
            format!(
                "recommend_shadow_runs_total{{{of},result=\"busy\",source=\"browser\",variant=\"forest\"}} 1"
            ),
            format!(
                "recommend_shadow_runs_total{{{of},result=\"ok\",source=\"browser\",variant=\"forest\"}} 0"
            ),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
