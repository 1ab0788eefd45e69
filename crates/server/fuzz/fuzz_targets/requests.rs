//! Decoding and checking of requests never panics, whatever the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| recommend_server::fuzzing::requests(bytes));
