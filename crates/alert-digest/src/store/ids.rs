//! Names of workspaces and jobs, checked where they enter.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// A Slack workspace: `T` and more letters and digits. Nothing crosses workspaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkspaceId(String);

impl WorkspaceId {
    /// # Errors
    /// [`StoreError::Workspace`] unless the id is 1 to 32 ASCII letters and digits.
    ///
    /// ```
    /// use alert_digest::store::WorkspaceId;
    ///
    /// assert_eq!(WorkspaceId::new("T024BE7LD")?.as_str(), "T024BE7LD");
    /// assert!(WorkspaceId::new("../T1").is_err());
    /// # Ok::<(), alert_digest::store::StoreError>(())
    /// ```
    pub fn new(id: impl Into<String>) -> Result<Self, StoreError> {
        let id = id.into();
        let sound = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if sound { Ok(WorkspaceId(id)) } else { Err(StoreError::Workspace(id.chars().take(40).collect())) }
    }

    /// As Slack writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WorkspaceId {
    type Error = StoreError;

    fn try_from(id: String) -> Result<Self, StoreError> {
        Self::new(id)
    }
}

impl From<WorkspaceId> for String {
    fn from(id: WorkspaceId) -> String {
        id.0
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job and its report: 32 hexadecimal digits at random, so that it can't be guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// From the text in a link; none if it can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        sound.then(|| JobId(text.to_owned()))
    }

    pub(crate) fn random(keys: &super::Keyring) -> Result<Self, StoreError> {
        keys.random_id().map(JobId)
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
