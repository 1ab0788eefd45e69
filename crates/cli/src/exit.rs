//! What the process's exit code says.

use std::process::ExitCode;

/// The end of a command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All of it.
    Ok,
    /// It found errors in what it was asked to check.
    Failed,
    /// All but the rows that are in the rejects file.
    Rejected,
    /// It evaluated a model that may not take the place of the one that serves.
    NotBetter,
}

/// The flags do not fit together or do not fit the input: exit code 2, as clap's own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The codes as `--help` lists them.
pub(crate) const HELP: &str = "\
Exit codes: 0 done, 1 an error, 2 wrong usage, 3 done but for rows in the rejects file, 4 a model did
not pass the gate";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Rejected => 3,
            Exit::NotBetter => 4,
        })
    }
}

/// The code of an error.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.downcast_ref::<Usage>().is_some() { 2 } else { 1 })
}
