//! Where the bytes lie: a folder, or any object store.

mod folder;
#[cfg(feature = "remote")]
mod objects;

use crate::error::ArtifactError;

/// Bytes by key. Keys are `/`-separated paths below the location.
pub(crate) trait Blobs: Send + Sync + std::fmt::Debug {
    /// The bytes of a key; `None` when there is none.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArtifactError>;

    /// Puts bytes in place whole: a reader sees those before or these, and these survive a crash once this returns.
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), ArtifactError>;

    /// The names directly below a key, sorted.
    fn list(&self, key: &str) -> Result<Vec<String>, ArtifactError>;
}

/// Opens a location: a URL with a scheme, or else the path of a folder.
pub(crate) fn open(location: &str) -> Result<Box<dyn Blobs>, ArtifactError> {
    match location.split_once("://") {
        Some(("file", path)) => Ok(Box::new(folder::Folder::new(path))),
        #[cfg(feature = "remote")]
        Some(_) => Ok(Box::new(objects::Objects::open(location)?)),
        #[cfg(not(feature = "remote"))]
        Some((scheme, _)) => Err(ArtifactError::Location {
            location: location.to_owned(),
            reason: format!(
                "this program was built without object stores; build it with the feature for {scheme:?} \
                 (aws, gcp or azure), or give the path of a folder"
            ),
        }),
        None => Ok(Box::new(folder::Folder::new(location))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every store must do.
    fn conforms(blobs: &dyn Blobs) {
        assert_eq!(blobs.get("a/b/c.json").unwrap(), None);
        assert!(blobs.list("a").unwrap().is_empty());
        blobs.put("a/b/c.json", b"1").unwrap();
        blobs.put("a/b/c.json", b"22").unwrap();
        blobs.put("a/d.json", b"3").unwrap();
        blobs.put("e/f/g", b"").unwrap();
        assert_eq!(blobs.get("a/b/c.json").unwrap().as_deref(), Some(b"22".as_slice()));
        assert_eq!(blobs.get("a").unwrap(), None, "what is above a key is no key");
        assert_eq!(blobs.list("").unwrap(), ["a", "e"]);
        assert_eq!(blobs.list("a").unwrap(), ["b", "d.json"]);
        assert_eq!(blobs.list("a/b").unwrap(), ["c.json"]);
    }

    #[test]
    fn a_folder_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        conforms(&*open(&folder.path().join("new").to_string_lossy()).unwrap());
        conforms(&*open(&format!("file://{}/other", folder.path().display())).unwrap());
    }

    #[cfg(feature = "remote")]
    #[test]
    fn an_object_store_keeps_the_contract() {
        conforms(&*open("memory:///artifacts").unwrap());
    }

    #[test]
    fn a_location_that_cannot_be_opened_says_what_to_do() {
        let error = open("carrier-pigeon://coop/").unwrap_err().to_string();
        assert!(error.contains("carrier-pigeon"), "{error}");
    }
}
