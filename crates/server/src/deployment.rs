//! A deployment: the data folder with its keys, its stores and its log, opened together.

mod keys;

use std::path::{Path, PathBuf};

use recommend_events::{EventLog, LogError, LogOptions, Recovery};
use recommend_stores::{OpenOptions, StoreError, Stores};

pub use keys::{KEYS_VARIABLE, Keys, KeysError};

/// The stores and the log of one data folder, which no other process has open meanwhile.
///
/// | in the folder | what |
/// |---|---|
/// | `keys.toml` | the deployment's [`Keys`], made at first use; the variable `RECOMMEND_KEYS` can name another file |
/// | `store/` | catalog, features and interactions |
/// | `log/` | segments of the event log, and the Parquet files made of them |
pub struct Deployment {
    /// Catalog, features and interactions.
    pub stores: Stores,
    /// The event log.
    pub log: EventLog,
    /// What opening found and mended.
    pub recovery: Recovered,
    folder: PathBuf,
}

/// What opening found.
#[derive(Debug)]
pub struct Recovered {
    /// In the stores.
    pub stores: recommend_stores::Recovered,
    /// In the log.
    pub log: Recovery,
}

/// Why a deployment could not be opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The folder cannot be made.
    #[error("making the folder {} failed: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The stores.
    #[error(transparent)]
    Stores(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Deployment {
    /// Opens a data folder, making it when it is not there.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), recommend_server::DeploymentError> {
    /// let deployment = recommend_server::Deployment::open("data".as_ref(), &Default::default()).await?;
    /// println!("{:?}", deployment.recovery);
    /// deployment.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DeploymentError`]; when another process has it open, when its keys are lost, or when it is damaged.
    pub async fn open(folder: &Path, log: &LogOptions) -> Result<Self, DeploymentError> {
        let (folder, log) = (folder.to_owned(), log.clone());
        let open = move || Deployment::open_now(folder, log);
        // Opening reads everything from disk.
        match tokio::task::spawn_blocking(open).await {
            Ok(opened) => opened,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    fn open_now(folder: PathBuf, options: LogOptions) -> Result<Self, DeploymentError> {
        std::fs::create_dir_all(&folder)
            .map_err(|source| DeploymentError::Folder { path: folder.clone(), source })?;
        let (store, log) = (folder.join("store"), folder.join("log"));
        let keys = std::env::var_os(KEYS_VARIABLE).map_or_else(|| folder.join("keys.toml"), PathBuf::from);
        let keys = Keys::open(&keys, !store.exists() && !log.exists())?;
        let (stores, recovered) = Stores::open(&store, keys.codec(), OpenOptions::default())?;
        let (log, recovery) = EventLog::open(&log, options, keys.pseudonyms())?;
        Ok(Deployment { stores, log, recovery: Recovered { stores: recovered, log: recovery }, folder })
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes what still waits and gives the folder free.
    ///
    /// # Errors
    /// When something that waited could not be written.
    pub async fn close(self) -> Result<(), DeploymentError> {
        let log = self.log.close().await;
        let stores = self.stores.close().await;
        log?;
        Ok(stores?)
    }
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deployment({})", self.folder.display())
    }
}
