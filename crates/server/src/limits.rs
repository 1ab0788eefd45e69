//! The bounds of a request. All are generous for a product and small for a process.
//!
//! | what | at most |
//! |---|---|
//! | a request, gRPC or JSON | 4 MiB |
//! | `limit` | 1,000 |
//! | `seeds` | 1,000 |
//! | `candidates` | 10,000 |
//! | `context` | 256 values |
//! | `interactions`, `entities`, `relations`, `rows` of a batch | 10,000 |
//! | attributes of one entity, values of one feature row | 256 |
//! | times | 1970-01-01 to 2100-01-01 |

/// Bytes of a request, decoded.
pub const MAX_REQUEST_BYTES: usize = 4 << 20;
/// `limit` of a request.
pub const MAX_LIMIT: u32 = 1_000;
/// `seeds` of a request.
pub const MAX_SEEDS: usize = 1_000;
/// `candidates` of a request.
pub const MAX_CANDIDATES: usize = 10_000;
/// Values of a context.
pub const MAX_CONTEXT: usize = 256;
/// Items of a batch.
pub const MAX_BATCH: usize = 10_000;
/// Attributes of one entity, values of one feature row.
pub const MAX_VALUES: usize = 256;
/// The first second after the times that are taken: 2100-01-01T00:00:00Z.
pub const END_OF_TIME: i64 = 4_102_444_800;
