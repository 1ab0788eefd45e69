//! The Slack app against a Slack of our own on loopback, over real HTTP: what people do, what goes wrong, and who attacks.
//! And its command line, which makes the same pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod app;
mod attacks;
mod browser;
mod chrome;
mod cluster;
mod fake;
mod flow;
mod handover;
mod html;
mod payloads;
mod process;
mod trouble;
