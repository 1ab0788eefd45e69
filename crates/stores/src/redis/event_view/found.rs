//! What windows were found to hold, so that the next request need not look for it.

use crate::interactions::Aggregate;
use crate::redis::event_view::EventView;
use crate::redis::intern::List;

/// An aggregate that is asked for, and its place among the features.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) at: usize,
    pub(crate) kinds: &'a List,
    pub(crate) aggregate: Aggregate,
    pub(crate) after: Option<i64>,
}

/// What windows hold that begin between two of the moments at which that changes. Nearly every request asks for what the
/// one before it found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// The number of a list of kinds.
    kinds: u32,
    aggregate: Aggregate,
    /// From where to before where a window begins.
    from: i64,
    to: i64,
    value: f64,
}

/// So much is remembered of a row.
pub(super) const MOST_FOUND: usize = 64;

impl EventView {
    /// Calls `put` with the values that were found before, and leaves the other windows in `missing`.
    pub(crate) fn recall<'w>(
        &self,
        windows: impl Iterator<Item = Window<'w>>,
        now: i64,
        missing: &mut Vec<Window<'w>>,
        mut put: impl FnMut(usize, f32),
    ) {
        missing.clear();
        if now < self.settled {
            return missing.extend(windows);
        }
        let found = self.found.read();
        let mut next = 0;
        for window in windows {
            let begin = window.after.unwrap_or(i64::MIN);
            let fits = |known: &Found| {
                Some(known.kinds) == window.kinds.number
                    && known.aggregate == window.aggregate
                    && (known.from..known.to).contains(&begin)
            };
            // Mostly they are asked for in the order in which they were found.
            let at = match found.get(next) {
                Some(known) if fits(known) => Some(next),
                _ => found.iter().position(fits),
            };
            match at {
                Some(at) => {
                    put(window.at, as_feature(window.aggregate, found[at].value, now));
                    next = at + 1;
                }
                None => missing.push(window),
            }
        }
    }

    /// The value of a window, which is remembered.
    pub(crate) fn find(&self, window: &Window<'_>, now: i64) -> f32 {
        let Window { kinds, aggregate, after, .. } = *window;
        let (bits, mut same) = (self.kinds(&kinds.names), i64::MIN..i64::MAX);
        let value = match aggregate {
            Aggregate::Distinct => self.distinct_within(bits, after, now, &mut same),
            _ => {
                let tally = self.tally_within(bits, after, now, &mut same);
                match aggregate {
                    Aggregate::Count => tally.count as f64,
                    Aggregate::Sum => tally.sum,
                    _ => tally.newest.map_or(f64::NAN, |newest| newest as f64),
                }
            }
        };
        if let (true, Some(kinds)) = (self.settled <= now, kinds.number) {
            let mut found = self.found.write();
            let new = Found { kinds, aggregate, from: same.start, to: same.end, value };
            // A window that moves on leaves the place where it was.
            let left = |known: &&mut Found| {
                known.kinds == kinds && known.aggregate == aggregate && known.to == new.from
            };
            match found.iter_mut().find(left) {
                Some(known) => *known = new,
                None => {
                    if found.len() >= MOST_FOUND {
                        found.clear();
                    }
                    found.push(new);
                }
            }
        }
        as_feature(aggregate, value, now)
    }
}

/// A feature's value; recency is in seconds before now, of the time that was found.
fn as_feature(aggregate: Aggregate, value: f64, now: i64) -> f32 {
    match aggregate {
        Aggregate::Recency if !value.is_nan() => (now.saturating_sub(value as i64) as f64 / 1000.0) as f32,
        _ => value as f32,
    }
}
