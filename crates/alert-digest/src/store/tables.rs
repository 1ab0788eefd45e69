//! The tables, and how a row becomes bytes: JSON, deflated, sealed.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateDecoder, DeflateEncoder};
use redb::{TableDefinition, TableHandle};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::keys::Sealer;

/// Sealed rows by workspace and name.
pub(super) type Rows = TableDefinition<'static, (&'static str, &'static str), &'static [u8]>;

pub(super) const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");
/// The name is empty: a workspace has one.
pub(super) const INSTALLATIONS: Rows = TableDefinition::new("installations");
pub(super) const JOBS: Rows = TableDefinition::new("jobs");
pub(super) const PAGES: Rows = TableDefinition::new("pages");
pub(super) const REPORTS: Rows = TableDefinition::new("reports");
pub(super) const SCHEDULES: Rows = TableDefinition::new("schedules");
pub(super) const MUTES: Rows = TableDefinition::new("mutes");
/// The row is the second at which it may be forgotten.
pub(super) const SEEN: TableDefinition<'static, (&'static str, &'static str), i64> =
    TableDefinition::new("seen");

/// All tables of sealed rows.
pub(super) const ALL: [Rows; 6] = [INSTALLATIONS, JOBS, PAGES, REPORTS, SCHEDULES, MUTES];

/// What is authenticated with a row: where it stands.
pub(super) fn place(table: Rows, workspace: &str, name: &str) -> String {
    format!("{}/{workspace}/{name}", table.name())
}

pub(super) fn encode<T: Serialize>(sealer: &Sealer, place: &str, row: &T) -> Result<Vec<u8>, StoreError> {
    let wrong = |reason: String| StoreError::Row { place: place.to_owned(), reason };
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut encoder, row).map_err(|error| wrong(error.to_string()))?;
    sealer.seal(place, encoder.finish().map_err(|error| wrong(error.to_string()))?)
}

pub(super) fn decode<T: DeserializeOwned>(sealer: &Sealer, place: &str, row: &[u8]) -> Result<T, StoreError> {
    let wrong = |reason: String| StoreError::Row { place: place.to_owned(), reason };
    let mut decoder = DeflateDecoder::new(Vec::new());
    decoder.write_all(&sealer.open(place, row)?).map_err(|error| wrong(error.to_string()))?;
    let json = decoder.finish().map_err(|error| wrong(error.to_string()))?;
    // The position only: serde's words may repeat what is in the row.
    serde_json::from_slice(&json)
        .map_err(|error| wrong(format!("line {}, column {}", error.line(), error.column())))
}
