//! The messages, clients and servers generated from `proto/`.
#![allow(missing_docs, unreachable_pub, reason = "generated; the proto files hold the documentation")]
#![allow(clippy::all, unused_qualifications, reason = "generated")]

tonic::include_proto!("recommend.v1");

/// The descriptors of all files, for reflection and for the JSON mapping.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recommend.v1.bin"));
