//! A folder of this machine, or one that several machines mount.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Blobs;
use crate::error::ArtifactError;

/// Names of files that are still being written start so; they are never listed.
const UNFINISHED: &str = ".writing-";

#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: impl AsRef<Path>) -> Self {
        Folder(path.as_ref().to_owned())
    }
}

fn io(action: &'static str, path: &Path, error: &std::io::Error) -> ArtifactError {
    ArtifactError::Io { action, place: path.display().to_string(), reason: error.to_string() }
}

impl Blobs for Folder {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        let path = self.0.join(key);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(io("reading", &path, &error)),
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let path = self.0.join(key);
        let write = || {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            // In the same folder, because a rename is atomic only within one file system.
            let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
            file.write_all(bytes)?;
            share(file.as_file())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            // The name is durable only when its folder is.
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(|error| io("writing", &path, &error))
    }

    fn list(&self, key: &str) -> Result<Vec<String>, ArtifactError> {
        let path = self.0.join(key);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io("listing", &path, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| io("listing", &path, &error))?.file_name();
            if let Some(name) = name.to_str().filter(|name| !name.starts_with(UNFINISHED)) {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// A temporary file is its owner's alone; an artifact is read by servers that may run as somebody else.
#[cfg(unix)]
fn share(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}
