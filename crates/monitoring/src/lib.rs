//! Prometheus metrics of requests, stages and the log.
