//! What an import has read, counted by kind for the summary.

use std::collections::BTreeMap;

use recommend_core::{Name, Timestamp};

use crate::records::InteractionRow;

/// Interactions of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindTally {
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// Counts by corpus and kind.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By corpus and kind.
    pub(crate) interactions: BTreeMap<(Name, Name), KindTally>,
    /// By corpus.
    pub(crate) entities: BTreeMap<Name, u64>,
    /// Things that were seen and, as they should be, not imported: by what they are.
    pub(crate) skipped: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn interaction(&mut self, row: &InteractionRow) {
        let key = (row.corpus.clone(), row.kind.clone());
        let tally =
            self.interactions.entry(key).or_insert(KindTally { count: 0, first: row.time, last: row.time });
        tally.count += 1;
        tally.first = tally.first.min(row.time);
        tally.last = tally.last.max(row.time);
    }

    pub(crate) fn entity(&mut self, corpus: &Name) {
        *self.entities.entry(corpus.clone()).or_default() += 1;
    }

    pub(crate) fn skip(&mut self, what: &'static str) {
        *self.skipped.entry(what).or_default() += 1;
    }
}
