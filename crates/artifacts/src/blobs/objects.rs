//! An object store by its URL: `s3://bucket/folder`, `gs://…`, `az://…`, and `memory:///` for tests.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, parse_url_opts};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::Blobs;
use crate::error::ArtifactError;

/// Credentials and regions come from the environment, as each cloud's own tools read them (`AWS_*`, `GOOGLE_*`, `AZURE_*`).
pub(super) struct Objects {
    location: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// A runtime of its own: callers block, and may be on a runtime that must not be blocked by itself.
    runtime: Option<Runtime>,
}

impl Objects {
    pub(super) fn open(location: &str) -> Result<Self, ArtifactError> {
        let wrong = |reason: String| ArtifactError::Location { location: location.to_owned(), reason };
        let url = Url::parse(location).map_err(|error| wrong(error.to_string()))?;
        let options = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
        let (store, prefix) = parse_url_opts(&url, options).map_err(|error| {
            wrong(format!(
                "{error}; known are s3://, gs:// and az:// where the feature aws, gcp or azure is built in"
            ))
        })?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("artifacts")
            .enable_all()
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Objects { location: location.to_owned(), store: store.into(), prefix, runtime: Some(runtime) })
    }

    fn path(&self, key: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(key).parts()))
    }

    /// Runs on the store's own runtime and waits for it, whether the caller is on a runtime or not.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, object_store::Error>> + Send + 'static,
    ) -> Result<T, object_store::Error> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                // Nobody waits any longer when this fails.
                let _ = answer.send(work.await);
            });
        }
        answered.recv().unwrap_or_else(|_| {
            Err(object_store::Error::Generic {
                store: "artifacts",
                source: "the request was abandoned".into(),
            })
        })
    }

    fn io(&self, action: &'static str, key: &str, error: &object_store::Error) -> ArtifactError {
        let place = format!("{}/{key}", self.location.trim_end_matches('/'));
        ArtifactError::Io { action, place, reason: error.to_string() }
    }
}

impl Blobs for Objects {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        let (store, path) = (self.store.clone(), self.path(key));
        match self.wait(async move { store.get(&path).await?.bytes().await }) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.io("reading", key, &error)),
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let (store, path, bytes) = (self.store.clone(), self.path(key), PutPayload::from(bytes.to_vec()));
        self.wait(async move { store.put(&path, bytes).await })
            .map(drop)
            .map_err(|error| self.io("writing", key, &error))
    }

    fn list(&self, key: &str) -> Result<Vec<String>, ArtifactError> {
        let (store, path) = (self.store.clone(), self.path(key));
        let depth = path.parts().count();
        let listed = self.wait(async move {
            let found = store.list_with_delimiter(Some(&path)).await?;
            let objects = found.objects.into_iter().map(|object| object.location);
            Ok(found.common_prefixes.into_iter().chain(objects).collect::<Vec<_>>())
        });
        let listed = listed.map_err(|error| self.io("listing", key, &error))?;
        let mut names: Vec<String> = listed
            .iter()
            .filter_map(|path| path.parts().nth(depth))
            .map(|part| part.as_ref().to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which a thread of another runtime must not do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects({})", self.location)
    }
}
