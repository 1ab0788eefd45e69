//! From the errors of the engine to gRPC status, and from there to HTTP: the one place where that is decided.
//!
//! | what happened | gRPC | HTTP |
//! |---|---|---|
//! | a field is wrong, a request is too large | `INVALID_ARGUMENT` | 400 |
//! | no such recommender | `NOT_FOUND` | 404 |
//! | two ids with one hash | `ALREADY_EXISTS` | 409 |
//! | a bound of the vocabulary is reached | `FAILED_PRECONDITION` | 400 |
//! | more calls in flight than allowed | `RESOURCE_EXHAUSTED` | 429 |
//! | the deadline passed | `DEADLINE_EXCEEDED` | 504 |
//! | a dependency of a required component failed, the disk is full, the server stops | `UNAVAILABLE` | 503 |
//! | a required component panicked, broke its contract or failed | `INTERNAL` | 500 |
//! | bytes that are no Protobuf | `INTERNAL`, as gRPC wants it | 400 |
//!
//! What a client reads names no path or address of the server; the server's own log has the whole error.

use recommend_core::{ComponentError, RunError};
use recommend_events::LogError;
use recommend_stores::StoreError;
use tonic::{Code, Status};

use crate::request::Invalid;

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Self {
        Status::invalid_argument(invalid.to_string())
    }
}

/// The status of a run that gave no answer.
pub(crate) fn of_run(error: &RunError) -> Status {
    let message = error.to_string();
    match error {
        RunError::DeadlineExceeded(_) => Status::deadline_exceeded(message),
        RunError::Required { error, .. } | RunError::NoFetcher { error, .. } => match error {
            ComponentError::Unavailable { .. } => Status::unavailable(message),
            ComponentError::Timeout => Status::deadline_exceeded(message),
            ComponentError::Panicked(_) | ComponentError::Contract(_) | ComponentError::Failed(_) => {
                Status::internal(message)
            }
        },
    }
}

/// The status of a write that the stores refused.
pub(crate) fn of_store(error: &StoreError) -> Status {
    match error {
        StoreError::IdCollision { .. } => Status::already_exists(error.to_string()),
        StoreError::TooManyNames { .. } => Status::failed_precondition(error.to_string()),
        StoreError::Io { source, .. } => unavailable("the store", source),
        // What it says may name a machine.
        StoreError::Unavailable { .. } | StoreError::Partial { .. } => {
            Status::unavailable("the store did not answer well; send it again, nothing is recorded twice")
        }
        StoreError::Damaged { .. }
        | StoreError::InUse(_)
        | StoreError::Closed(_)
        | StoreError::Mismatch { .. } => {
            Status::unavailable("the store takes no writes now; nothing of this call was recorded")
        }
    }
}

/// The status of interactions that the log did not take.
pub(crate) fn of_log(error: &LogError) -> Status {
    match error {
        LogError::Io { source, .. } => unavailable("the log", source),
        LogError::Full { .. } => Status::resource_exhausted(error.to_string()),
        _ => Status::unavailable("the log takes no records now; nothing of this call was recorded"),
    }
}

/// The kind of an I/O error says what is wrong without saying where.
fn unavailable(what: &str, source: &std::io::Error) -> Status {
    Status::unavailable(format!(
        "{what} could not be written ({}); nothing of this call was acknowledged, send it again later",
        source.kind()
    ))
}

/// The HTTP status of a gRPC status.
pub(crate) fn http(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Cancelled => 499,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    }
}

/// The name of a code as gRPC writes it, for JSON.
pub(crate) fn name(code: Code) -> String {
    recommend_monitoring::CODES.get(code as usize).copied().unwrap_or("unknown").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use recommend_core::{Name, Stage};

    use super::*;

    #[test]
    fn a_required_component_decides_the_status_by_its_cause() {
        let status = |error| {
            of_run(&RunError::Required { stage: Stage::Score, component: Name::literal("linear"), error })
                .code()
        };
        assert_eq!(
            status(ComponentError::Unavailable { dependency: "the store", reason: "gone".into() }),
            Code::Unavailable
        );
        assert_eq!(status(ComponentError::Timeout), Code::DeadlineExceeded);
        assert_eq!(status(ComponentError::Panicked("oh".into())), Code::Internal);
        assert_eq!(of_run(&RunError::DeadlineExceeded(Stage::Fetch)).code(), Code::DeadlineExceeded);
    }

    #[test]
    fn a_full_disk_is_said_without_a_path() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = StoreError::Io { doing: "writing", path: PathBuf::from("/srv/secret/place"), source };
        let status = of_store(&error);
        assert_eq!(status.code(), Code::Unavailable);
        assert!(
            status.message().contains("no storage space") && !status.message().contains("secret"),
            "{status}"
        );
    }

    #[test]
    fn codes_have_their_names() {
        assert_eq!(name(Code::ResourceExhausted), "RESOURCE_EXHAUSTED");
        assert_eq!(name(Code::Ok), "OK");
    }
}
