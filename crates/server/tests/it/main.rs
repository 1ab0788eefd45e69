//! Tests of a real server over a temporary folder, through real clients. One binary, because each would link everything.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests may fail as tests do")]

mod artifacts;
mod bad_input;
mod capacity;
mod common;
mod experiments;
mod full_disk;
mod json;
mod listing;
mod proxy;
mod python;
#[cfg(feature = "qdrant-tests")]
mod qdrant_cases;
#[cfg(feature = "qdrant-tests")]
mod qdrant_faults;
mod redis_faults;
#[path = "../../../stores/tests/common/redis_server.rs"]
mod redis_server;
mod reload;
mod serving;
mod signals;
mod tenants;
