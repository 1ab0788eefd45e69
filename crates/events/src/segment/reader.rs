//! Reading a segment: record by record, up to the first frame that is not whole.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use recommend_core::Timestamp;

use super::bytes::Cursor;
use super::decode::{Decoder, SegmentRequest};
use super::{FRAME_BYTES, HEADER_BYTES, Header, MAGIC, MAX_BODY_BYTES, VERSION};
use crate::error::LogError;
use crate::row::InteractionRow;

/// One record of a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum SegmentRecord {
    /// A request with its impressions.
    Request(Box<SegmentRequest>),
    /// The interactions of one call.
    Interactions(Vec<InteractionRow>),
    /// The counts at a flush.
    Mark(Mark),
}

/// The counts of a run at a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When, by the log's clock.
    pub time: Timestamp,
    /// Records written so far: requests, impressions and interactions.
    pub written: u64,
    /// Records shed so far.
    pub shed: u64,
    /// The most records that one flush has written: about what a crash between two flushes loses.
    pub busiest: u64,
}

/// Why reading a segment stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What it looks like.
    pub kind: DamageKind,
    /// Up to here the segment is whole, in bytes.
    pub at: u64,
    /// How many bytes follow, and are not read.
    pub dropped: u64,
    /// What was found there.
    pub reason: String,
}

/// What damage looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// The file ends within a frame: its process was killed while it wrote.
    Torn,
    /// The bytes are not those that were written.
    Corrupt,
    /// The disk does not give the bytes.
    Unreadable,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}; {} bytes dropped", self.reason, self.at, self.dropped)
    }
}

/// Opens a segment for reading.
///
/// # Errors
/// [`LogError::Io`] when it cannot be read, [`LogError::NotASegment`] when its header is not one, and
/// [`LogError::Version`] when a newer release wrote it. Damage behind the header is not an error: see
/// [`SegmentReader::damage`].
pub fn read_segment(path: &Path) -> Result<SegmentReader, LogError> {
    let file = File::open(path).map_err(LogError::io("opening", path))?;
    let size = file.metadata().map_err(LogError::io("reading", path))?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(LogError::io("reading", path))?;
    let mut reader = SegmentReader {
        file,
        path: path.to_owned(),
        header: Header { run: 0, created: 0, before: 0 },
        size,
        at: HEADER_BYTES as u64,
        body: Vec::new(),
        decoder: Decoder::new(VERSION),
        spare: None,
        damage: None,
    };
    if bytes.len() < HEADER_BYTES || bytes.iter().all(|byte| *byte == 0) {
        reader.at = 0;
        reader.damage = Some(Damage {
            kind: DamageKind::Torn,
            at: 0,
            dropped: size,
            reason: "the header is not whole".to_owned(),
        });
        return Ok(reader);
    }
    let version;
    (reader.header, version) = header(path, &bytes)?;
    reader.decoder = Decoder::new(version);
    Ok(reader)
}

fn header(path: &Path, bytes: &[u8]) -> Result<(Header, u32), LogError> {
    let not = |reason| LogError::NotASegment { path: path.to_owned(), reason };
    let mut cursor = Cursor(bytes);
    let short = || not("the header is too short");
    if cursor.take(MAGIC.len()) != Some(&MAGIC) {
        return Err(not("it does not start with RECOLOG"));
    }
    let version = cursor.u32().ok_or_else(short)?;
    let header = Header {
        run: cursor.u64().ok_or_else(short)?,
        created: cursor.i64().ok_or_else(short)?,
        before: cursor.u64().ok_or_else(short)?,
    };
    // The checksum comes first: only a version that was really written may ask for a newer release.
    if cursor.u32() != Some(crc32fast::hash(&bytes[..HEADER_BYTES - 4])) {
        return Err(not("the checksum of its header is wrong"));
    }
    if version == 0 || version > VERSION {
        return Err(LogError::Version {
            path: path.to_owned(),
            found: version.to_string(),
            supported: VERSION,
        });
    }
    Ok((header, version))
}

/// The records of a segment, in the order of writing. Ends at the end of the file or at damage.
#[derive(Debug)]
pub struct SegmentReader {
    file: BufReader<File>,
    path: PathBuf,
    header: Header,
    size: u64,
    /// Up to here all is whole and was read.
    at: u64,
    body: Vec<u8>,
    decoder: Decoder,
    /// Memory for the next request.
    spare: Option<Box<SegmentRequest>>,
    damage: Option<Damage>,
}

impl SegmentReader {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When the segment was created, by the log's clock.
    pub fn created(&self) -> Timestamp {
        Timestamp(self.header.created)
    }

    /// Names the run of the log that wrote it.
    pub fn run(&self) -> u64 {
        self.header.run
    }

    /// How many records the run wrote to earlier segments.
    pub fn before(&self) -> u64 {
        self.header.before
    }

    /// Why reading stopped early, once the iterator has ended; `None` when the segment is whole.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Takes back a request that is done with: the next one goes into its memory.
    pub(crate) fn recycle(&mut self, request: Box<SegmentRequest>) {
        self.spare = Some(request);
    }

    fn broken(&mut self, kind: DamageKind, reason: impl Into<String>) {
        let dropped = self.size.saturating_sub(self.at);
        self.damage = Some(Damage { kind, at: self.at, dropped, reason: reason.into() });
    }

    /// Reads one frame: `Some(None)` when it only names things.
    fn frame(&mut self) -> Option<Option<SegmentRecord>> {
        let left = self.size.saturating_sub(self.at);
        if left == 0 {
            return None;
        }
        let mut head = [0; FRAME_BYTES];
        let (length, crc) = match left >= FRAME_BYTES as u64 {
            true => match self.file.read_exact(&mut head) {
                Ok(()) => {
                    let [a, b, c, d, e, f, g, h] = head;
                    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
                }
                Err(error) => return self.unreadable(&error),
            },
            false => {
                self.broken(DamageKind::Torn, "the file ends within a frame");
                return None;
            }
        };
        if length == 0 && crc == 0 {
            // What a machine that lost power leaves of a block that it had only reserved.
            self.broken(DamageKind::Torn, "zeros follow the last frame");
        } else if length == 0 || length as usize > MAX_BODY_BYTES {
            self.broken(DamageKind::Corrupt, format!("a frame claims {length} bytes"));
        } else if u64::from(length) > left - FRAME_BYTES as u64 {
            self.broken(DamageKind::Torn, "the file ends within a frame");
        } else {
            self.body.resize(length as usize, 0);
            if let Err(error) = self.file.read_exact(&mut self.body) {
                return self.unreadable(&error);
            }
            if self.header.checksum(self.at, &self.body) != crc {
                self.broken(DamageKind::Corrupt, "the checksum of a frame is wrong");
            } else if let Some(record) = self.decoder.body(&self.body, &mut self.spare) {
                self.at += FRAME_BYTES as u64 + u64::from(length);
                return Some(record);
            } else {
                self.broken(DamageKind::Corrupt, "a frame says nothing that this release knows");
            }
        }
        None
    }

    fn unreadable(&mut self, error: &io::Error) -> Option<Option<SegmentRecord>> {
        self.broken(DamageKind::Unreadable, format!("reading failed: {error}"));
        None
    }
}

impl Iterator for SegmentReader {
    type Item = SegmentRecord;

    fn next(&mut self) -> Option<SegmentRecord> {
        while self.damage.is_none() {
            if let Some(record) = self.frame()? {
                return Some(record);
            }
        }
        None
    }
}
