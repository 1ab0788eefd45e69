//! What goes wrong with Slack, and what to do then. Never holds a response's body: it may quote messages or tokens.

use std::time::Duration;

use slack_morphism::errors::SlackClientError;
use thiserror::Error;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SlackError {
    /// Too many calls.
    #[error("{method}: Slack asks to wait {} s", after.as_secs())]
    RateLimited {
        /// Which method.
        method: &'static str,
        /// How long, from the `Retry-After` header.
        after: Duration,
    },
    /// No answer in time.
    #[error("{method}: no answer from Slack within {} s", after.as_secs_f32())]
    Timeout {
        /// Which method.
        method: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// No connection, or one that broke.
    #[error("{method}: Slack can't be reached")]
    Unreachable {
        /// Which method.
        method: &'static str,
    },
    /// A status that is neither 200 nor 429.
    #[error("{method}: Slack answered with status {status}")]
    Status {
        /// Which method.
        method: &'static str,
        /// The status.
        status: u16,
    },
    /// An answer that is not what the method returns.
    #[error("{method}: Slack's answer can't be read")]
    Malformed {
        /// Which method.
        method: &'static str,
    },
    /// The token is no longer good.
    #[error("{method}: the app has no access to the workspace any more ({code}): install it again")]
    Revoked {
        /// Which method.
        method: &'static str,
        /// Slack's word for it.
        code: String,
    },
    /// Slack says no.
    #[error("{method}: Slack refused: {code}")]
    Refused {
        /// Which method.
        method: &'static str,
        /// Slack's word for it, such as `channel_not_found`.
        code: String,
    },
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes, after this long; it does not count as a failure.
    After(Duration),
    /// Yes, after a growing pause, a bounded number of times.
    Backoff,
    /// No: the answer will be the same.
    Never,
}

/// How long to wait when Slack says "too many" and not how long.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// No header makes a job wait longer than this at a time.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);

/// Codes with which Slack says that a token is dead.
const REVOKED: [&str; 7] = [
    "token_revoked",
    "token_expired",
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "org_login_required",
    "team_access_not_granted",
];
/// Codes that pass by themselves.
const PASSING: [&str; 5] =
    ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"];

impl SlackError {
    pub(crate) fn of(method: &'static str, error: &SlackClientError) -> Self {
        match error {
            SlackClientError::RateLimitError(limit) => SlackError::RateLimited {
                method,
                after: limit.retry_after.unwrap_or(RETRY_AFTER).min(RETRY_AFTER_MAX),
            },
            SlackClientError::ApiError(api) if api.code == "ratelimited" => {
                SlackError::RateLimited { method, after: RETRY_AFTER }
            }
            SlackClientError::ApiError(api) if REVOKED.contains(&api.code.as_str()) => {
                SlackError::Revoked { method, code: api.code.clone() }
            }
            SlackClientError::ApiError(api) => SlackError::Refused { method, code: word(&api.code) },
            SlackClientError::HttpError(http) => {
                SlackError::Status { method, status: http.status_code.as_u16() }
            }
            SlackClientError::ProtocolError(_) => SlackError::Malformed { method },
            _ => SlackError::Unreachable { method },
        }
    }

    /// What to do about it.
    pub fn retry(&self) -> Retry {
        match self {
            SlackError::RateLimited { after, .. } => Retry::After(*after),
            SlackError::Timeout { .. } | SlackError::Unreachable { .. } | SlackError::Malformed { .. } => {
                Retry::Backoff
            }
            SlackError::Status { status, .. } if *status >= 500 => Retry::Backoff,
            SlackError::Refused { code, .. } if PASSING.contains(&code.as_str()) => Retry::Backoff,
            _ => Retry::Never,
        }
    }

    /// Slack's word for a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            SlackError::Refused { code, .. } | SlackError::Revoked { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The word for it in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            SlackError::RateLimited { .. } => "rate_limited",
            SlackError::Timeout { .. } => "timeout",
            SlackError::Unreachable { .. } => "unreachable",
            SlackError::Status { .. } => "status",
            SlackError::Malformed { .. } => "malformed",
            SlackError::Revoked { .. } => "revoked",
            SlackError::Refused { .. } => "refused",
        }
    }

    /// What a person in Slack can do about it.
    pub fn advice(&self) -> String {
        match self.code() {
            Some("not_in_channel" | "channel_not_found") => String::from(
                "The app can't see this channel. Invite it with `/invite @Alert Digest` in the channel, then ask again.",
            ),
            Some("missing_scope") => String::from(
                "The app lacks a permission it needs. Install it again to grant it, then ask again.",
            ),
            Some("is_archived") => String::from("The channel is archived."),
            _ if matches!(self, SlackError::Revoked { .. }) => String::from(
                "The app has no access to this workspace any more. Install it again, then ask again.",
            ),
            Some(code) => format!("Slack refused: {code}."),
            None => format!("Slack did not answer as expected for too long ({self}). Ask again later."),
        }
    }
}

/// A code is one word; anything else in its place is not repeated.
fn word(code: &str) -> String {
    let sound = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if sound { code.to_owned() } else { String::from("unknown_error") }
}

#[cfg(test)]
mod tests {
    use slack_morphism::errors::{SlackClientApiError, SlackRateLimitError};

    use super::*;

    fn api(code: &str) -> SlackError {
        let error = SlackClientApiError::new(code.into()).with_http_response_body("xoxb-secret".into());
        SlackError::of("m", &SlackClientError::ApiError(error))
    }

    #[test]
    fn a_rate_limit_waits_as_long_as_slack_says_within_bounds() {
        let limited = |after: Option<u64>| {
            let error = SlackRateLimitError::new().opt_retry_after(after.map(Duration::from_secs));
            SlackError::of("m", &SlackClientError::RateLimitError(error)).retry()
        };
        assert_eq!(limited(Some(7)), Retry::After(Duration::from_secs(7)));
        assert_eq!(limited(None), Retry::After(RETRY_AFTER));
        assert_eq!(limited(Some(1 << 40)), Retry::After(RETRY_AFTER_MAX));
    }

    #[test]
    fn a_dead_token_is_never_tried_again_and_a_hiccup_is() {
        for code in REVOKED {
            assert!(matches!(api(code), SlackError::Revoked { .. }));
            assert_eq!(api(code).retry(), Retry::Never);
        }
        for code in PASSING {
            assert_eq!(api(code).retry(), Retry::Backoff);
        }
        assert_eq!(api("channel_not_found").retry(), Retry::Never);
        assert_eq!(SlackError::Status { method: "m", status: 503 }.retry(), Retry::Backoff);
        assert_eq!(SlackError::Status { method: "m", status: 404 }.retry(), Retry::Never);
    }

    #[test]
    fn an_error_never_repeats_a_response() {
        for code in ["token_revoked", "no_such_thing", "<script>", "a b"] {
            let error = api(code);
            assert!(!format!("{error} {error:?}").contains("xoxb"));
            assert!(!error.to_string().contains('<'));
        }
    }
}
