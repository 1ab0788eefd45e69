//! gRPC status codes as label values.

use std::sync::OnceLock;

use prometheus::IntCounter;

/// The names of the gRPC status codes, by number.
pub const CODES: [&str; 17] = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// One counter per code, made when the code first occurs so that those that never do take no series.
#[derive(Default)]
pub(crate) struct ByCode([OnceLock<IntCounter>; CODES.len()]);

impl ByCode {
    /// Counts a code; one that gRPC does not define counts as unknown.
    pub(crate) fn count(&self, code: i32, make: impl FnOnce(&'static str) -> IntCounter) {
        let at = usize::try_from(code).ok().filter(|at| *at < CODES.len()).unwrap_or(2);
        self.0[at].get_or_init(|| make(CODES[at])).inc();
    }
}
