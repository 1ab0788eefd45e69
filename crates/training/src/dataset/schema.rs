//! The columns of a dataset's files. This is the one place that says so.
//!
//! | column | type | what |
//! |---|---|---|
//! | `request` | binary(16) | the group: a request's rows lie beside each other |
//! | `time` | timestamp(ms, UTC) | as of when it was answered |
//! | `tenant`, `user` | u64 | pseudonyms of the log |
//! | `model` | string | the model that served |
//! | `variant` | string, null | the arm of an experiment |
//! | `position` | u32 | 0 is the top |
//! | `entity` | u64 | what was shown |
//! | `score` | f32 | served with; NaN is none |
//! | `propensity` | f32 | of the serving policy, in (0, 1] |
//! | `label` | f32 | by the objective |
//! | `weight` | f32, may be absent | 1 where it is absent |
//! | `f_<feature>` | f32 | as scored; NaN and null are missing |
//!
//! The corpus, the source and the objective are the same for all rows and stand in `dataset.json`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use recommend_core::Name;

pub use recommend_events::schema::FEATURE_PREFIX;

/// The version of the files that this release writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// The key of the version in a file's metadata.
pub const VERSION_KEY: &str = "recommend.dataset.version";

/// The key of what a joined file was made from: it changes when the log's part of that day does.
pub const INPUTS_KEY: &str = "recommend.dataset.inputs";

/// The file of a partition.
pub const FILE: &str = "rows.parquet";

/// The columns of a dataset with these features.
pub fn columns(features: &[Name]) -> SchemaRef {
    let field = |name: &str, kind| Field::new(name, kind, false);
    let mut fields = vec![
        field("request", DataType::FixedSizeBinary(16)),
        field("time", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        field("tenant", DataType::UInt64),
        field("user", DataType::UInt64),
        field("model", DataType::Utf8),
        field("variant", DataType::Utf8).with_nullable(true),
        field("position", DataType::UInt32),
        field("entity", DataType::UInt64),
        field("score", DataType::Float32),
        field("propensity", DataType::Float32),
        field("label", DataType::Float32),
        field("weight", DataType::Float32),
    ];
    fields.extend(
        features.iter().map(|name| Field::new(format!("{FEATURE_PREFIX}{name}"), DataType::Float32, true)),
    );
    Arc::new(Schema::new(fields))
}

/// The file of a day, written `YYYY-MM-DD`.
pub fn file(dataset: &Path, date: &str) -> PathBuf {
    dataset.join(format!("date={date}")).join(FILE)
}
