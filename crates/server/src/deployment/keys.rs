//! The keys of a deployment: made once, kept in the data folder, readable by its owner alone.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use recommend_core::IdCodec;
use serde::{Deserialize, Serialize};

/// Names the variable that holds the path of another keys file.
pub const KEYS_VARIABLE: &str = "RECOMMEND_KEYS";

/// Two secrets that must not change while there is data: ids are hashed with one, pseudonyms made with the other.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    ids: [u8; 16],
    pseudonyms: [u8; 16],
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("{doing} {} failed: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// The file does not hold keys.
    #[error("{}: {reason}; restore the file from a backup, the data is unreadable without it", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is data, but the keys that it was written with are gone.
    #[error(
        "{} is missing, but its folder holds data; restore the file from a backup, or move the folder away to start empty",
        .0.display()
    )]
    Lost(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    ids: String,
    pseudonyms: String,
}

impl Keys {
    /// Keys from elsewhere, for tests and for deployments that keep their secrets in a vault.
    pub fn new(ids: [u8; 16], pseudonyms: [u8; 16]) -> Self {
        Keys { ids, pseudonyms }
    }

    /// What turns ids into numbers.
    pub fn codec(&self) -> IdCodec {
        IdCodec::new(self.ids)
    }

    /// What pseudonyms are made with.
    pub fn pseudonyms(&self) -> [u8; 16] {
        self.pseudonyms
    }

    /// Reads the keys of a file, or makes them when there is none and `fresh` says that nothing was written with others.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(path: &Path, fresh: bool) -> Result<Self, KeysError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Keys::parse(path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound && fresh => Keys::make(path),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(KeysError::Lost(path.to_owned())),
            Err(source) => Err(KeysError::Io { doing: "reading", path: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, KeysError> {
        let malformed = |reason: String| KeysError::Malformed { path: path.to_owned(), reason };
        let file: KeysFile = toml::from_str(text).map_err(|error| malformed(error.message().to_owned()))?;
        let key = |name: &str, hex: &str| {
            let digits = hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = digits.then(|| u128::from_str_radix(hex, 16).ok()).flatten();
            number
                .map(u128::to_be_bytes)
                .ok_or_else(|| malformed(format!("`{name}` must be 32 hexadecimal digits")))
        };
        Ok(Keys { ids: key("ids", &file.ids)?, pseudonyms: key("pseudonyms", &file.pseudonyms)? })
    }

    /// Writes new keys beside their place and moves them there unless another process was faster, so that nobody ever
    /// finds a half of a file or has keys that another one replaced.
    fn make(path: &Path) -> Result<Self, KeysError> {
        let keys = Keys { ids: rand::random(), pseudonyms: rand::random() };
        let hex = |key: [u8; 16]| format!("{:032x}", u128::from_be_bytes(key));
        let text = format!(
            "# The keys of this deployment. Keep them secret, back them up, never change them:\n\
             # the data beside them is unreadable without them.\n\
             ids = \"{}\"\n\
             pseudonyms = \"{}\"\n",
            hex(keys.ids),
            hex(keys.pseudonyms)
        );
        let io = |doing| move |source| KeysError::Io { doing, path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A temporary file is readable by its owner alone, and stays so when it moves.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io("creating"))?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(io("writing"))?;
        match file.persist_noclobber(path) {
            Ok(_) => {
                File::open(folder)
                    .and_then(|folder| folder.sync_all())
                    .map_err(io("syncing the folder of"))?;
                Ok(keys)
            }
            Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => Keys::open(path, false),
            Err(lost) => Err(io("creating")(lost.error)),
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let made = Keys::open(&path, true).unwrap();
        assert_eq!(Keys::open(&path, true).unwrap(), made);
        assert_eq!(Keys::open(&path, false).unwrap(), made);
        assert_ne!(Keys::open(&folder.path().join("other.toml"), true).unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn of_many_who_make_keys_at_once_all_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let open = || Keys::make(&path).unwrap();
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(made.iter().all(|keys| *keys == made[0]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside them");
    }

    #[test]
    fn lost_or_broken_keys_are_an_error_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert!(matches!(Keys::open(&path, false), Err(KeysError::Lost(_))));
        for text in ["", "ids = \"12\"\npseudonyms = \"34\"", "ids = 5"] {
            std::fs::write(&path, text).unwrap();
            let error = Keys::open(&path, true).unwrap_err().to_string();
            assert!(error.contains("keys.toml") && error.contains("backup"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", Keys::new([1; 16], [2; 16])), "Keys(withheld)");
    }
}
