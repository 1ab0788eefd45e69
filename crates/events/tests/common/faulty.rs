//! A disk that is full, or that stops for good after some operations, as a crash would.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use recommend_events::disk::{Disk, DiskFile, SystemDisk};

/// The system's disk, until it is told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct FaultyDisk {
    /// Writing fails for want of space.
    pub(crate) full: Arc<AtomicBool>,
    /// Syncing fails.
    pub(crate) unsynced: Arc<AtomicBool>,
    /// How many more operations succeed.
    pub(crate) left: Arc<AtomicI64>,
}

impl Default for FaultyDisk {
    fn default() -> Self {
        FaultyDisk {
            full: Arc::default(),
            unsynced: Arc::default(),
            left: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }
}

impl FaultyDisk {
    fn step(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(io::Error::other("the machine has stopped"));
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        Ok(Box::new(FaultyFile { disk: self.clone(), file: SystemDisk.create(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        SystemDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        SystemDisk.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        SystemDisk.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        SystemDisk.sync_dir(path)
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let half = &bytes[..bytes.len() / 2];
        if self.disk.full.load(Ordering::SeqCst) {
            self.file.append(half)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let last = self.disk.left.load(Ordering::SeqCst) == 0;
        if let Err(stopped) = self.disk.step() {
            // The write during which the machine stops is torn.
            self.file.append(if last { half } else { b"" })?;
            return Err(stopped);
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        if self.disk.unsynced.load(Ordering::SeqCst) {
            return Err(io::Error::other("the device lost the write"));
        }
        // These tests stop processes, not machines: what was written is there without waiting for the device.
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.step()?;
        self.file.truncate(len)
    }
}
