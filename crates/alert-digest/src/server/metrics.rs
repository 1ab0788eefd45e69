//! Prometheus metrics. No label holds anything that a workspace or a person chose.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// All metrics of a server; each server has a registry of its own.
pub(super) struct Metrics {
    registry: Registry,
    /// By `kind` (command, interaction, event) and `outcome`.
    pub(super) requests: IntCounterVec,
    /// From the first byte to the answer, by `kind`.
    pub(super) answer_seconds: HistogramVec,
    /// By `method` and `outcome`.
    pub(super) calls: IntCounterVec,
    /// How long jobs waited because Slack said so.
    pub(super) limited_seconds: prometheus::Counter,
    /// By `outcome`: done, failed.
    pub(super) jobs: IntCounterVec,
    pub(super) jobs_running: IntGauge,
    pub(super) jobs_waiting: IntGauge,
    pub(super) messages: IntCounter,
    pub(super) digest_seconds: Histogram,
    /// By `reason`: full, late, failed.
    pub(super) tasks_lost: IntCounterVec,
    /// 0 standby, 1 active, 2 moving.
    pub(super) phase: IntGauge,
}

impl Metrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let requests = counters("alert_digest_requests_total", "Requests from Slack", &["kind", "outcome"])?;
        let calls = counters("alert_digest_slack_calls_total", "Calls to Slack", &["method", "outcome"])?;
        let jobs = counters("alert_digest_jobs_total", "Digests that ended", &["outcome"])?;
        let tasks_lost = counters(
            "alert_digest_tasks_lost_total",
            "Calls behind an answer that were given up",
            &["reason"],
        )?;
        let jobs_running = gauge("alert_digest_jobs_running", "Digests being made")?;
        let jobs_waiting = gauge("alert_digest_jobs_waiting", "Digests waiting for their turn")?;
        let phase = gauge("alert_digest_phase", "0 standby, 1 active, 2 moving")?;
        let answer = HistogramOpts::new(
            "alert_digest_answer_seconds",
            "Time to answer a request from Slack, which gives three seconds",
        )
        .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0]);
        let answer_seconds = HistogramVec::new(answer, &["kind"])?;
        registry.register(Box::new(answer_seconds.clone()))?;
        let digest =
            HistogramOpts::new("alert_digest_digest_seconds", "Time to cluster one digest's messages")
                .buckets(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        let digest_seconds = Histogram::with_opts(digest)?;
        registry.register(Box::new(digest_seconds.clone()))?;
        let messages = IntCounter::new("alert_digest_messages_total", "Messages read")?;
        registry.register(Box::new(messages.clone()))?;
        let limited_seconds = prometheus::Counter::new(
            "alert_digest_rate_limited_seconds_total",
            "Time that jobs waited because Slack said so",
        )?;
        registry.register(Box::new(limited_seconds.clone()))?;
        Ok(Metrics {
            registry,
            requests,
            answer_seconds,
            calls,
            limited_seconds,
            jobs,
            jobs_running,
            jobs_waiting,
            messages,
            digest_seconds,
            tasks_lost,
            phase,
        })
    }

    /// In Prometheus' text format.
    pub(super) fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
