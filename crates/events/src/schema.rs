//! The tables of the log in Parquet: columns, versions, and where the files lie. This is the one place that says so.
//!
//! ```text
//! <log>/requests/corpus=C/source=S/date=YYYY-MM-DD/<segment>.parquet
//! <log>/impressions/corpus=C/source=S/date=YYYY-MM-DD/<segment>-<schema>.parquet
//! <log>/interactions/corpus=C/date=YYYY-MM-DD/<segment>.parquet
//! ```
//!
//! Folders are Hive partitions: `corpus`, `source` and `date` are columns to every engine that knows them (DataFusion,
//! DuckDB, Spark, pandas) and are not repeated in the files. The date is the UTC day of the row's time. Interactions
//! have no source, and so no level for it. There is one file per segment and partition, and for impressions per
//! feature schema, so that a file's feature columns are complete: no file holds a null in one, but the columns allow it,
//! because an engine that reads files of several schemas together fills in nulls where a file has no such column.
//!
//! | table | column | type | what |
//! |---|---|---|---|
//! | requests | `request` | binary(16) | the key; its hexadecimal digits are the id that the API returned |
//! | | `time` | timestamp(ms, UTC) | as of when it was answered |
//! | | `tenant`, `user` | u64 | pseudonyms |
//! | | `experiment` | string, null | the experiment that the user was in (since version 2) |
//! | | `variant` | string, null | the arm of it |
//! | | `shadow_of` | binary(16), null | of a shadow's run: the request that the user saw the answer of (since version 2) |
//! | | `model` | string | the model that scored |
//! | | `schema` | u64 | hash of the feature schema |
//! | | `limit`, `candidates`, `scored`, `returned` | u32 | counts |
//! | | `latency_us` | u64 | time of the run in microseconds |
//! | | `seed` | u64 | with the same stores, replays the request |
//! | | `degraded` | list of string | `stage/component/cause`, empty for a whole answer |
//! | impressions | `request`, `position` | binary(16), u32 | the key; position 0 is the best |
//! | | `time` | timestamp(ms, UTC) | the request's, for attribution windows without a join |
//! | | `entity` | u64 | what was recommended; a pseudonym in a corpus of people |
//! | | `score`, `propensity` | f32 | after reranking |
//! | | `fetchers` | list of string | who proposed it |
//! | | `shown` | bool | whether it was part of the answer; never for a shadow's |
//! | | `variant` | string, null | who put it there, when two rankings were interleaved (since version 2) |
//! | | `f_<feature>` | f32 | as scored, bit by bit; NaN is missing, null is not in the request's schema |
//! | interactions | `id` | binary(16) | the key: a row delivered twice is joined once |
//! | | `request` | binary(16), null | the request whose impression it answers |
//! | | `tenant`, `user`, `entity` | u64 | as above |
//! | | `kind` | string | what was done |
//! | | `time` | timestamp(ms, UTC) | when it was done |
//! | | `value` | f32 | how much |
//!
//! A shadow's run is a row of `requests` of its own, with a key of its own: nobody saw its impressions, so no interaction
//! answers them. Columns that came with a version are missing from the files of earlier ones, and read as null.
//!
//! Impressions and interactions join on (`request`, `entity`) within a corpus. Keys are 16 bytes rather than text:
//! half the memory in a hash join, and equality is all that they are for. A feature that is missing is NaN rather than
//! null because that is what the model read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use recommend_core::Name;

/// The version of the tables that this release writes, and the newest that it reads.
pub const VERSION: u32 = 2;

/// The key of the version in a file's metadata.
pub const VERSION_KEY: &str = "recommend.log.version";
/// The key of the segment from which a file was made.
pub const SEGMENT_KEY: &str = "recommend.log.segment";
/// The key of the feature schema's hash in a file of impressions: 16 hexadecimal digits.
pub const SCHEMA_KEY: &str = "recommend.log.schema";
/// What stands before a feature's name in its column's.
pub const FEATURE_PREFIX: &str = "f_";

const DAY_MS: i64 = 86_400_000;

/// The tables of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Answered requests.
    Requests,
    /// What was returned.
    Impressions,
    /// What users did.
    Interactions,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 3] = [Table::Requests, Table::Impressions, Table::Interactions];

    /// The name of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Requests => "requests",
            Table::Impressions => "impressions",
            Table::Interactions => "interactions",
        }
    }
}

fn key(name: &str) -> Field {
    Field::new(name, DataType::FixedSizeBinary(16), false)
}

fn time() -> Field {
    Field::new("time", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::UInt64, false)
}

fn count(name: &str) -> Field {
    Field::new(name, DataType::UInt32, false)
}

fn float(name: &str) -> Field {
    Field::new(name, DataType::Float32, false)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn texts(name: &str) -> Field {
    Field::new_list(name, element(), false)
}

/// The element of the lists of strings.
pub(crate) fn element() -> Field {
    Field::new("element", DataType::Utf8, false)
}

/// The columns of `requests`.
pub fn requests() -> SchemaRef {
    Arc::new(Schema::new(vec![
        key("request"),
        time(),
        number("tenant"),
        number("user"),
        text("experiment").with_nullable(true),
        text("variant").with_nullable(true),
        key("shadow_of").with_nullable(true),
        text("model"),
        number("schema"),
        count("limit"),
        count("candidates"),
        count("scored"),
        count("returned"),
        number("latency_us"),
        number("seed"),
        texts("degraded"),
    ]))
}

/// The columns of `impressions` with these features.
pub fn impressions(features: &[Name]) -> SchemaRef {
    let mut fields = vec![
        key("request"),
        time(),
        count("position"),
        number("entity"),
        float("score"),
        float("propensity"),
        texts("fetchers"),
        Field::new("shown", DataType::Boolean, false),
        text("variant").with_nullable(true),
    ];
    fields.extend(features.iter().map(|name| float(&feature_column(name)).with_nullable(true)));
    Arc::new(Schema::new(fields))
}

/// The columns of `interactions`.
pub fn interactions() -> SchemaRef {
    Arc::new(Schema::new(vec![
        key("id"),
        key("request").with_nullable(true),
        number("tenant"),
        number("user"),
        number("entity"),
        text("kind"),
        time(),
        float("value"),
    ]))
}

/// The column of a feature.
pub fn feature_column(feature: &Name) -> String {
    format!("{FEATURE_PREFIX}{feature}")
}

/// Where rows belong: their corpus, their source unless they are interactions, and their day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    pub(crate) corpus: Name,
    pub(crate) source: Option<Name>,
    /// Days since 1970-01-01.
    pub(crate) day: i64,
}

/// The UTC day of a time, in days since 1970-01-01. Times before the year 0 or after 9999 fall on the first or last day
/// of these, so that a folder's name stays a date that other programs read.
pub(crate) fn day(millis: i64) -> i64 {
    millis.div_euclid(DAY_MS).clamp(-719_528, 2_932_896)
}

impl Partition {
    /// The folder of the partition in the log's.
    pub(crate) fn folder(&self, log: &Path, table: Table) -> PathBuf {
        let mut folder = log.join(table.name());
        folder.push(format!("corpus={}", self.corpus));
        if let Some(source) = &self.source {
            folder.push(format!("source={source}"));
        }
        folder.push(format!("date={}", date(self.day)));
        folder
    }
}

/// A day as `YYYY-MM-DD`.
fn date(day: i64) -> String {
    jiff::Timestamp::from_millisecond(day.saturating_mul(DAY_MS))
        .map_or_else(|_| "9999-12-31".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_a_folder() {
        let partition = Partition {
            corpus: Name::literal("channel"),
            source: Some(Name::literal("browser")),
            day: 19_782,
        };
        assert_eq!(
            partition.folder(Path::new("log"), Table::Impressions),
            Path::new("log/impressions/corpus=channel/source=browser/date=2024-02-29")
        );
        let partition = Partition { source: None, ..partition };
        assert_eq!(
            partition.folder(Path::new("log"), Table::Interactions),
            Path::new("log/interactions/corpus=channel/date=2024-02-29")
        );
    }

    #[test]
    fn no_time_is_without_a_date() {
        assert_eq!(date(day(0)), "1970-01-01");
        assert_eq!(date(day(-1)), "1969-12-31");
        assert_eq!(date(day(i64::MIN)), "0000-01-01");
        assert_eq!(date(day(i64::MAX)), "9999-12-31");
    }

    #[test]
    fn a_feature_cannot_take_the_name_of_a_column() {
        let schema = impressions(&[Name::literal("score"), Name::literal("popular.score")]);
        assert!(
            schema.field_with_name("f_score").is_ok() && schema.field_with_name("f_popular.score").is_ok()
        );
        assert_eq!(schema.fields().len(), 11);
    }
}
