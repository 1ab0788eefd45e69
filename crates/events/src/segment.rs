//! Segments: the files that records are appended to before they become Parquet.
//!
//! A segment is a header and then frames, all little-endian:
//!
//! ```text
//! header   magic "RECOLOG\n" · version u32 · run u64 · created i64 (ms) · before u64 · crc32 u32
//! frame    length u32 (of the body) · crc32 u32 · body: kind u8, then by kind
//! ```
//!
//! `run` is random for each time that the log is opened; `before` counts the records that the run wrote to earlier
//! segments, so that a gap between two segments shows. The checksum of a frame covers the run, the segment's time of
//! creation, the frame's place in the file, its length and its body: a frame is accepted only where it was written.
//!
//! | kind | body |
//! |---|---|
//! | 1 name | index, text: what later frames mean by this index |
//! | 2 pipeline | index, and what all requests of a recommender share: corpus, source, experiment, variant, model, feature schema, fetchers |
//! | 3 request | its pipeline, its own fields, then the impressions as columns and the feature rows as raw f32 |
//! | 4 interactions | the interactions of one call, whole or not at all |
//! | 5 mark | the counts at a flush, so that a restart can say what is missing |
//!
//! Version 2 added to a pipeline its experiment, and to a request the one that it shadows and who drafted each impression.
//!
//! Names and schemas are written once per segment, and rows hold numbers only. Reading stops at the first frame that
//! is not whole; everything before it counts.

mod bytes;
mod decode;
mod encode;
mod reader;
mod writer;

pub use decode::{Pipeline, SegmentRequest};
pub use reader::{Damage, DamageKind, Mark, SegmentReader, SegmentRecord, read_segment};

pub(crate) use writer::SegmentWriter;

/// The version of the format that this release writes, and the newest that it reads.
pub const VERSION: u32 = 2;

pub(crate) const MAGIC: [u8; 8] = *b"RECOLOG\n";
pub(crate) const HEADER_BYTES: usize = 40;
pub(crate) const FRAME_BYTES: usize = 8;
/// Longer frames are not written, and a length beyond it is damage.
pub(crate) const MAX_BODY_BYTES: usize = 64 << 20;

pub(crate) const NAME: u8 = 1;
pub(crate) const PIPELINE: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const INTERACTIONS: u8 = 4;
pub(crate) const MARK: u8 = 5;

/// What a segment's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) run: u64,
    pub(crate) created: i64,
    pub(crate) before: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.run.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.created.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.before.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The checksum of the frame at `offset` with this body.
    pub(crate) fn checksum(&self, offset: u64, body: &[u8]) -> u32 {
        let mut place = [0; 28];
        place[..8].copy_from_slice(&self.run.to_le_bytes());
        place[8..16].copy_from_slice(&self.created.to_le_bytes());
        place[16..24].copy_from_slice(&offset.to_le_bytes());
        place[24..].copy_from_slice(&(body.len() as u32).to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&place);
        hasher.update(body);
        hasher.finalize()
    }
}
