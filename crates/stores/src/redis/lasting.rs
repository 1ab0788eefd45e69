//! Which rows live long enough: their time to live was begun anew lately, and need not be with every write.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::keys::{RowKey, RowKind};

/// More rows are not remembered.
const MOST: usize = 1 << 20;

/// Rows whose time to live this process has begun anew.
#[derive(Debug)]
pub(crate) struct Lasting {
    rows: FxHashSet<RowKey>,
    since: Instant,
    /// For so long at most.
    period: Duration,
}

impl Lasting {
    /// For rows that live so long: an hour of it is given up, or a tenth.
    pub(crate) fn new(retention: Duration) -> Self {
        let period = (retention / 10).min(Duration::from_secs(3_600));
        Lasting { rows: FxHashSet::default(), since: Instant::now(), period }
    }

    pub(crate) fn holds(&self, row: &RowKey) -> bool {
        self.since.elapsed() < self.period && self.rows.contains(row)
    }

    /// Remembers rows of interactions that were written.
    pub(crate) fn note(&mut self, rows: impl IntoIterator<Item = RowKey>) {
        if self.since.elapsed() >= self.period || self.rows.len() >= MOST {
            self.rows.clear();
            self.since = Instant::now();
        }
        let mortal = |row: &RowKey| matches!(row.kind, RowKind::Entity | RowKind::User | RowKind::Corpus);
        self.rows.extend(rows.into_iter().filter(mortal));
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::{Name, TenantId};

    use super::*;

    #[test]
    fn rows_last_for_a_while() {
        let row = |kind| RowKey { kind, tenant: TenantId(1), corpus: Name::literal("channel"), id: 1 };
        let mut lasting = Lasting::new(Duration::from_secs(400 * 86_400));
        lasting.note([row(RowKind::User), row(RowKind::Facts)]);
        assert!(lasting.holds(&row(RowKind::User)));
        assert!(!lasting.holds(&row(RowKind::Entity)) && !lasting.holds(&row(RowKind::Facts)));
        let mut never = Lasting::new(Duration::ZERO);
        never.note([row(RowKind::User)]);
        assert!(!never.holds(&row(RowKind::User)));
    }
}
