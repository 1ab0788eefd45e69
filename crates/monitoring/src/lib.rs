//! Prometheus metrics of requests, stages, writes and the log.
//!
//! # Rules for the metrics of a component
//!
//! 1. **Names** are `recommend_<noun>_<unit>`, with `_total` at the end of a counter: `recommend_request_duration_seconds`,
//!    `recommend_drops_total`. Seconds and bytes, never milliseconds.
//! 2. **Labels come from a bounded set**: what the configuration or the program spells out. These are all there are:
//!
//!    | label | values |
//!    |---|---|
//!    | `corpus`, `source` | those of the configured recommenders |
//!    | `experiment`, `variant` | those of the configured experiments |
//!    | `stage` | `fetch`, `lookup`, `filter`, `features`, `score`, `rerank` |
//!    | `component` | names of configured components |
//!    | `reason` | what a filter gives as reason, a string of the program |
//!    | `cause` | `unavailable`, `timeout`, `panic`, `contract`, `failed` |
//!    | `code` | the gRPC status codes, `ok` to `unauthenticated` |
//!    | `method` | the methods of the API |
//!    | `result` | `ok`, `failed`; of a shadow's run also `late`, `busy` |
//!
//!    A tenant, a user, an entity or anything else that a client sends is never a label: it would not be bounded, and a
//!    metric must not tell one tenant about another.
//! 3. **Handles are taken once**, when a recommender is loaded ([`RecommenderMetrics`]); a request looks no label up.
//! 4. **An error is counted where it is decided**, once, with its class as the label and its text in the log.
//! 5. A component that needs a metric of its own registers it with [`Metrics::registry`] when it is built.

mod codes;
mod recommender;
mod system;
mod variant;

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use recommend_core::Name;

pub use codes::CODES;
pub use recommender::RecommenderMetrics;
pub use system::{LogTotals, MethodMetrics};
pub use variant::{ShadowResult, VariantMetrics};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// From 50 µs to 10 s: fine where an answer should lie, coarse where it should not.
const REQUEST_BUCKETS: &[f64] = &[
    50e-6, 100e-6, 150e-6, 200e-6, 300e-6, 400e-6, 600e-6, 800e-6, 1e-3, 1.5e-3, 2.5e-3, 5e-3, 10e-3, 25e-3,
    50e-3, 100e-3, 250e-3, 500e-3, 1.0, 2.5, 10.0,
];
/// From 1 µs to 1 s.
const STAGE_BUCKETS: &[f64] = &[
    1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 10e-3, 50e-3, 250e-3, 1.0,
];

/// All metrics of a process. Cloning is reference counting.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

pub(crate) struct Inner {
    registry: Registry,
    pub(crate) requests: IntCounterVec,
    pub(crate) request_duration: HistogramVec,
    pub(crate) stage_duration: HistogramVec,
    pub(crate) candidates: IntCounterVec,
    pub(crate) drops: IntCounterVec,
    pub(crate) degraded: IntCounterVec,
    pub(crate) artifacts: IntCounterVec,
    pub(crate) variant_requests: IntCounterVec,
    pub(crate) variant_duration: HistogramVec,
    pub(crate) shadows: IntCounterVec,
    pub(crate) calls: IntCounterVec,
    pub(crate) call_duration: HistogramVec,
    in_flight: IntGauge,
    ready: IntGauge,
    interactions: IntCounterVec,
    reloads: IntCounterVec,
    pub(crate) log: system::LogMetrics,
    /// A recommender that is reloaded gets the handles that it had.
    recommenders: Mutex<Vec<RecommenderMetrics>>,
    /// And so does a variant.
    variants: Mutex<Vec<VariantMetrics>>,
}

impl Metrics {
    /// Metrics with a registry of their own, all at zero.
    ///
    /// # Errors
    /// When two metrics of this crate have one name, which a test rules out.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let made = Maker(&registry);
        let build =
            made.gauges("recommend_build_info", "1, with the version of the server.", &["version"])?;
        build.with_label_values(&[version]).set(1);
        Ok(Metrics(Arc::new(Inner {
            requests: made.counters(
                "recommend_requests_total",
                "Requests for recommendations by gRPC status code.",
                &["corpus", "source", "code"],
            )?,
            request_duration: made.histograms(
                "recommend_request_duration_seconds",
                "From the decoded request to the response, answered requests.",
                &["corpus", "source"],
                REQUEST_BUCKETS,
            )?,
            stage_duration: made.histograms(
                "recommend_stage_duration_seconds",
                "Time of one stage of one run.",
                &["corpus", "source", "stage"],
                STAGE_BUCKETS,
            )?,
            candidates: made.counters(
                "recommend_candidates_total",
                "Candidates that left a stage; `fetch` is what was proposed and merged, `rerank` what was returned.",
                &["corpus", "source", "stage"],
            )?,
            drops: made.counters(
                "recommend_drops_total",
                "Candidates that a filter dropped, by its reason.",
                &["corpus", "source", "component", "reason"],
            )?,
            degraded: made.counters(
                "recommend_degradations_total",
                "Failures of optional components, each of which made one answer worse.",
                &["corpus", "source", "stage", "component", "cause"],
            )?,
            artifacts: made.counters(
                "recommend_artifact_loads_total",
                "Promoted artifacts that took the place of the model, or were refused (`failed`) while the old one serves on.",
                &["corpus", "source", "result"],
            )?,
            variant_requests: made.counters(
                "recommend_variant_requests_total",
                "Requests that a variant of an experiment answered, by gRPC status code; two that are interleaved count one each.",
                &["corpus", "source", "experiment", "variant", "code"],
            )?,
            variant_duration: made.histograms(
                "recommend_variant_duration_seconds",
                "From the decoded request to the response, requests that a variant answered.",
                &["corpus", "source", "experiment", "variant"],
                REQUEST_BUCKETS,
            )?,
            shadows: made.counters(
                "recommend_shadow_runs_total",
                "Runs of shadow variants: run (`ok`), failed, past the deadline (`late`), or dropped because too many waited (`busy`).",
                &["corpus", "source", "experiment", "variant", "result"],
            )?,
            calls: made.counters(
                "recommend_calls_total",
                "Calls of the API by method and gRPC status code; refused ones included.",
                &["method", "code"],
            )?,
            call_duration: made.histograms(
                "recommend_call_duration_seconds",
                "From the first byte of a call to its response, by method.",
                &["method"],
                REQUEST_BUCKETS,
            )?,
            in_flight: made.gauge("recommend_in_flight_requests", "Calls that are being worked on.")?,
            ready: made.gauge("recommend_ready_info", "1 while the server takes requests, 0 while it drains.")?,
            interactions: made.counters(
                "recommend_interactions_total",
                "Interactions that were recorded (`ok`) or had been recorded before under their id (`duplicate`).",
                &["result"],
            )?,
            reloads: made.counters(
                "recommend_config_reloads_total",
                "Reloads of the configuration; after a failed one the old configuration keeps serving.",
                &["result"],
            )?,
            log: system::LogMetrics::new(&made)?,
            recommenders: Mutex::new(Vec::new()),
            variants: Mutex::new(Vec::new()),
            registry,
        })))
    }

    /// The registry, for components with metrics of their own.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The handles of one recommender; the same ones when asked again.
    pub fn recommender(&self, corpus: &Name, source: &Name) -> RecommenderMetrics {
        let mut known = self.0.recommenders.lock();
        if let Some(metrics) = known.iter().find(|m| m.is(corpus, source)) {
            return metrics.clone();
        }
        let metrics = RecommenderMetrics::new(&self.0, corpus, source);
        known.push(metrics.clone());
        metrics
    }

    /// The handles of one variant of an experiment; the same ones when asked again.
    pub fn variant(&self, corpus: &Name, source: &Name, experiment: &Name, variant: &Name) -> VariantMetrics {
        let labels = [corpus, source, experiment, variant];
        let mut known = self.0.variants.lock();
        if let Some(metrics) = known.iter().find(|m| m.is(labels)) {
            return metrics.clone();
        }
        let metrics = VariantMetrics::new(&self.0, labels);
        known.push(metrics.clone());
        metrics
    }

    /// The handles of one method of the API, named by the program.
    pub fn method(&self, method: &'static str) -> MethodMetrics {
        MethodMetrics::new(&self.0, method)
    }

    /// Calls that are being worked on.
    pub fn in_flight(&self) -> &IntGauge {
        &self.0.in_flight
    }

    /// Whether the server takes requests.
    pub fn ready(&self, ready: bool) {
        self.0.ready.set(i64::from(ready));
    }

    /// Interactions of one call that were recorded, and that had been before.
    pub fn recorded(&self, accepted: usize, duplicates: usize) {
        self.0.interactions.with_label_values(&["ok"]).inc_by(accepted as u64);
        self.0.interactions.with_label_values(&["duplicate"]).inc_by(duplicates as u64);
    }

    /// A reload that took or did not.
    pub fn reloaded(&self, took: bool) {
        self.0.reloads.with_label_values(&[if took { "ok" } else { "failed" }]).inc();
    }

    /// What the log has done so far; call it before [`Metrics::encode`].
    pub fn log(&self, totals: &LogTotals) {
        self.0.log.set(totals);
    }

    /// All metrics in Prometheus' text format, sorted by name.
    ///
    /// # Errors
    /// When a registered collector gives an invalid metric.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.registry.gather())
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Makes metrics and registers them.
pub(crate) struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn register<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: C,
    ) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    pub(crate) fn counter(
        &self,
        name: &str,
        help: &str,
    ) -> Result<prometheus::IntCounter, prometheus::Error> {
        self.register(prometheus::IntCounter::new(name, help)?)
    }

    pub(crate) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_follows_the_naming_rule() {
        let metrics = Metrics::new("1.2.3").unwrap();
        metrics
            .recommender(&Name::literal("channel"), &Name::literal("browser"))
            .answered(std::time::Duration::ZERO, 0);
        metrics.method("Recommend").finished(std::time::Duration::ZERO, 0);
        metrics.recorded(3, 1);
        metrics.reloaded(true);
        let families = metrics.registry().gather();
        assert!(families.len() > 10);
        for family in &families {
            let name = family.name();
            assert!(name.starts_with("recommend_"), "{name}");
            let counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
            assert_eq!(name.ends_with("_total"), counter, "{name}");
            let unit = name.trim_end_matches("_total").rsplit('_').next().unwrap_or_default();
            assert!(unit.ends_with('s') || unit == "info", "{name} ends in no unit");
        }
        let text = metrics.encode().unwrap();
        assert!(text.contains("recommend_build_info{version=\"1.2.3\"} 1"), "{text}");
        assert!(text.contains("recommend_interactions_total{result=\"duplicate\"} 1"), "{text}");
    }
}
