//! Every read over interactions against a naive scan of a list, for random interactions, windows and times.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use proptest::prelude::*;
use recommend_core::IdCodec;
use recommend_stores::Stores;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_read_is_what_a_scan_of_the_list_gives(rounds in common::oracle::rounds()) {
        common::oracle::play(&Stores::in_memory(IdCodec::new([1; 16])), rounds)?;
    }
}
