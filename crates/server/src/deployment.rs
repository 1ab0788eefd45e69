//! A deployment: the data folder with its keys, its stores and its log, opened together.

mod keys;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use recommend_events::{EventLog, LogError, LogOptions, Pseudonymizer, Recovery};
use recommend_stores::vectors::VectorOptions;
use recommend_stores::{EmbeddedVectors, OpenOptions, Retention, StoreError, Stores, VectorStore};

use crate::config::Config;
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
    pseudonyms: Pseudonymizer,
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
        Deployment::open_embedded(folder, log, Retention::default()).await
    }

    async fn open_embedded(
        folder: &Path,
        log: &LogOptions,
        retention: Retention,
    ) -> Result<Self, DeploymentError> {
        let (folder, log) = (folder.to_owned(), log.clone());
        let options = OpenOptions { retention, ..OpenOptions::default() };
        let open = move || Deployment::open_now(folder, log, options);
        // Opening reads everything from disk.
        match tokio::task::spawn_blocking(open).await {
            Ok(opened) => opened,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Opens a data folder with the stores where a configuration has them: in the folder or in Redis, and vectors in the
    /// folder or in Qdrant. The keys and the log are in the folder either way; replicas over one Redis or Qdrant share the keys.
    ///
    /// # Errors
    /// [`DeploymentError`], also when Redis does not answer or holds data of other keys, and when Qdrant does not take the
    /// key. A Qdrant that does not answer is waited for by nobody.
    pub async fn open_for(folder: &Path, config: &Config) -> Result<Self, DeploymentError> {
        let vectors = vectors::remote(&config.stores.vectors).await?;
        let Some(options) = config.stores.redis() else {
            let mut deployment =
                Deployment::open_embedded(folder, &config.log, config.stores.bounds()).await?;
            if let Some(vectors) = vectors {
                deployment.stores.vectors = vectors;
            }
            return Ok(deployment);
        };
        let (folder, log) = (folder.to_owned(), config.log.clone());
        let open = move || {
            let keys = Deployment::keys(&folder)?;
            let pseudonyms = Pseudonymizer::new(keys.pseudonyms(), &log.people);
            let vectors: Arc<dyn VectorStore> = match vectors {
                Some(vectors) => vectors,
                // The folder's: each replica has its own, loaded by `recommend embed load`.
                None => Arc::new(EmbeddedVectors::open(&folder.join("vectors"), VectorOptions::default())?),
            };
            let (log, recovery) = EventLog::open(folder.join("log"), log, keys.pseudonyms())?;
            Ok::<_, DeploymentError>((folder, keys, pseudonyms, log, recovery, vectors))
        };
        let (folder, keys, pseudonyms, log, recovery, vectors) = match tokio::task::spawn_blocking(open).await
        {
            Ok(opened) => opened?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let runtime = tokio::runtime::Handle::current();
        let stores = match Stores::redis_serving(keys.codec(), options, runtime).await {
            Ok(stores) => Stores { vectors, ..stores },
            Err(error) => {
                log.close().await?;
                return Err(error.into());
            }
        };
        let recovery = Recovered { stores: recommend_stores::Recovered::default(), log: recovery };
        Ok(Deployment { stores, log, recovery, folder, pseudonyms })
    }

    /// The keys of a folder, which is made when it is not there.
    fn keys(folder: &Path) -> Result<Keys, DeploymentError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| DeploymentError::Folder { path: folder.to_owned(), source })?;
        let fresh = !folder.join("store").exists() && !folder.join("log").exists();
        let keys = std::env::var_os(KEYS_VARIABLE).map_or_else(|| folder.join("keys.toml"), PathBuf::from);
        Ok(Keys::open(&keys, fresh)?)
    }

    fn open_now(folder: PathBuf, options: LogOptions, stores: OpenOptions) -> Result<Self, DeploymentError> {
        let keys = Deployment::keys(&folder)?;
        let (store, log) = (folder.join("store"), folder.join("log"));
        let (stores, recovered) = Stores::open(&store, keys.codec(), stores)?;
        let pseudonyms = Pseudonymizer::new(keys.pseudonyms(), &options.people);
        let (log, recovery) = EventLog::open(&log, options, keys.pseudonyms())?;
        Ok(Deployment {
            stores,
            log,
            recovery: Recovered { stores: recovered, log: recovery },
            folder,
            pseudonyms,
        })
    }

    /// Turns tenants and people into what the log holds of them.
    pub fn pseudonyms(&self) -> Pseudonymizer {
        self.pseudonyms.clone()
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
