//! The disk, as the log sees it: the few operations that can fail, behind a trait so that tests can make them fail.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the log writes. Everything that changes a file or a folder goes through here; reading does not.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file for writing, empty whether or not it was there.
    ///
    /// # Errors
    /// As the system reports them; so for all of this trait.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, replacing what was there; atomic within one file system.
    ///
    /// # Errors
    /// As the system reports them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the system reports them.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates one folder in an existing one.
    ///
    /// # Errors
    /// As the system reports them.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the system reports them.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// A file that is written from its start to its end.
pub trait DiskFile: Send {
    /// Appends all bytes; on an error some of them may have been appended.
    ///
    /// # Errors
    /// As the system reports them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all that was appended durable.
    ///
    /// # Errors
    /// As the system reports them. What was appended since the last success may then be lost, even when a later
    /// call succeeds.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// As the system reports them.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The system's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SystemFile(File::create(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Other systems keep the names of a folder without being asked, and cannot open it as a file.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }
}

struct SystemFile(File);

impl DiskFile for SystemFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// Creates a folder with those above it, and makes the new names durable.
pub(crate) fn make_dirs(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    make_dirs(disk, parent)?;
    match disk.create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other?,
    }
    disk.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Unfinished::create(disk, path)?;
    file.append(bytes)?;
    file.finish(disk, path)
}

/// A file under a temporary name; it gets its own once it is durable, and so is there whole or not at all.
pub(crate) struct Unfinished {
    temporary: PathBuf,
    file: Box<dyn DiskFile>,
}

impl Unfinished {
    pub(crate) fn create(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(TEMPORARY);
        let temporary = path.with_file_name(name);
        let file = disk.create(&temporary)?;
        Ok(Unfinished { temporary, file })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    /// Makes the file durable, then its name.
    pub(crate) fn finish(mut self, disk: &dyn Disk, path: &Path) -> io::Result<()> {
        self.file.sync()?;
        drop(self.file);
        disk.rename(&self.temporary, path)?;
        disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
    }
}

/// How the names of files end that are not finished.
pub(crate) const TEMPORARY: &str = ".tmp";

#[cfg(test)]
#[path = "../tests/common/faulty.rs"]
mod faulty;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let disk = faulty::FaultyDisk::default();
        write_whole(&disk, &path, b"old").unwrap();
        for steps in 0..5 {
            disk.left.store(steps, Ordering::SeqCst);
            let result = write_whole(&disk, &path, b"new!");
            assert!(result.is_err());
            let renamed = steps == 4;
            assert_eq!(fs::read(&path).unwrap(), if renamed { b"new!".as_slice() } else { b"old" });
        }
    }

    #[test]
    fn folders_are_made_with_those_above_them() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_dirs(&SystemDisk, &deep).unwrap();
        make_dirs(&SystemDisk, &deep).unwrap();
        assert!(deep.is_dir());
    }
}
