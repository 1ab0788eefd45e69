//! Writing a segment: append, then make durable. A segment that failed once is never written again.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::encode::Encoder;
use super::{HEADER_BYTES, Header};
use crate::disk::{Disk, DiskFile};
use crate::error::LogError;

/// Frames are handed to the system once so many bytes are together.
const CHUNK_BYTES: usize = 1 << 20;

/// The segment that is being written.
pub(crate) struct SegmentWriter {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    encoder: Encoder,
    opened: Instant,
    /// Length of the file, and how much of it is durable.
    length: u64,
    durable: u64,
    /// Records since the last sync, and before it.
    fresh: u64,
    records: u64,
}

impl SegmentWriter {
    /// Creates the file with its header, and makes its name durable.
    pub(crate) fn create(disk: &dyn Disk, path: PathBuf, header: Header) -> Result<Self, LogError> {
        let create = || {
            let mut file = disk.create(&path)?;
            file.append(&header.encode())?;
            file.sync()?;
            disk.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
            Ok(file)
        };
        let file = match create() {
            Ok(file) => file,
            Err(error) => {
                // Nothing of it counts; what stays in spite of this is read as an empty segment.
                let _ = disk.remove(&path);
                return Err(LogError::io("creating", &path)(error));
            }
        };
        let length = HEADER_BYTES as u64;
        let encoder = Encoder::new(header, length);
        let opened = Instant::now();
        Ok(SegmentWriter { file, path, encoder, opened, length, durable: length, fresh: 0, records: 0 })
    }

    /// Where frames are added before [`SegmentWriter::added`].
    pub(crate) fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Notes that `records` were encoded, and appends once enough is together.
    pub(crate) fn added(&mut self, records: u64) -> Result<(), LogError> {
        self.fresh += records;
        if self.encoder.frames().len() >= CHUNK_BYTES { self.append() } else { Ok(()) }
    }

    /// Makes everything that was added durable; how many bytes that were.
    pub(crate) fn sync(&mut self) -> Result<u64, LogError> {
        self.append()?;
        self.file.sync().map_err(LogError::io("syncing", &self.path))?;
        let bytes = self.length - self.durable;
        self.durable = self.length;
        self.records += std::mem::take(&mut self.fresh);
        Ok(bytes)
    }

    fn append(&mut self) -> Result<(), LogError> {
        let frames = self.encoder.frames();
        self.file.append(frames).map_err(LogError::io("writing", &self.path))?;
        self.length += frames.len() as u64;
        self.encoder.written();
        Ok(())
    }

    /// Cuts off what is not durable, after a failure. It is not an error when that fails too: what follows the durable
    /// part is then either not whole and ignored, or whole and written again, and joined once by its key.
    pub(crate) fn give_up(&mut self) {
        let _ = self.file.truncate(self.durable).and_then(|()| self.file.sync());
    }

    /// Durable records.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Durable bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.durable
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
