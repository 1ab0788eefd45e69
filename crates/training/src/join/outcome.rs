//! What a join did, and how far it is.

use serde::Serialize;

/// How far a join is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It knows what there is to do.
    Begin {
        /// How many impressions it will read.
        impressions: u64,
    },
    /// It begins a day.
    Day(&'a str),
    /// So many impressions more are written.
    Impressions(u64),
}

/// What a join did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JoinOutcome {
    /// The days that it joined.
    pub days: Vec<DayOutcome>,
    /// How many days were left alone, because nothing of theirs has changed since they were joined.
    pub up_to_date: usize,
    /// How many segments of the log were not Parquet yet, and so took no part.
    pub open_segments: usize,
}

/// What was written of one day.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DayOutcome {
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// How many impressions the log has of it.
    pub impressions: u64,
    /// How many rows were written: impressions less duplicates and what was left out.
    pub rows: u64,
    /// How many requests they are of.
    pub requests: u64,
    /// How many have a positive label.
    pub positives: u64,
    /// How many have a negative label.
    pub negatives: u64,
    /// How many interactions made these labels.
    pub answers: u64,
    /// How many requests the log held more than once.
    pub duplicates: u64,
    /// How many parts the join sorted and spilled because they did not fit into memory.
    pub spilled: u64,
    /// The bytes of the file.
    pub bytes: u64,
}

impl JoinOutcome {
    /// The sum over the days, without a date.
    pub fn total(&self) -> DayOutcome {
        let mut total = DayOutcome::default();
        for day in &self.days {
            total.impressions += day.impressions;
            total.rows += day.rows;
            total.requests += day.requests;
            total.positives += day.positives;
            total.negatives += day.negatives;
            total.answers += day.answers;
            total.duplicates += day.duplicates;
            total.spilled += day.spilled;
            total.bytes += day.bytes;
        }
        total
    }
}
