//! Tests of a real server over a temporary folder, through real clients. One binary, because each would link everything.

mod bad_input;
mod capacity;
mod common;
mod json;
mod python;
mod reload;
mod serving;
mod tenants;
