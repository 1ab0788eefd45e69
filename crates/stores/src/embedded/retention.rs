//! What the embedded engine lets go of, so that a tenant has bounds in memory and on disk.
//!
//! Two bounds, each of them off unless it is set. [`Retention::keep`]: interactions that are older than this, counted from the
//! tenant's newest (or from now, should that lie in the future), are dropped; no feature may look back further.
//! [`Retention::most`]: when a tenant has more interactions than this, its oldest are dropped until nine tenths are left.
//! What comes and is older than what was dropped is acknowledged and not held; the event log has it all the same.
//!
//! Nothing is dropped but by the writing thread, between two transactions: first on disk, block by block, and then in memory
//! in pieces of about 0.1 ms. A block goes when all in it is old, so that the disk keeps about one block more of a tenant
//! than memory. What was dropped is no longer recognised by its id. Entities, relations and names stay.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use recommend_core::{TenantId, Timestamp};
use rustc_hash::FxHashMap;

use super::tenant::State;

/// How long interactions are kept, and how many of a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// For how long before the newest of its tenant an interaction is kept; `None` is for ever.
    pub keep: Option<Duration>,
    /// How many interactions a tenant has at most; `None` is any number. Each takes 100 to 110 bytes of memory.
    pub most: Option<usize>,
}

/// How often something was let go of, since the stores were opened.
#[derive(Debug, Default)]
pub struct RetentionStats {
    expired: AtomicU64,
    crowded_out: AtomicU64,
    late: AtomicU64,
}

/// The counts of [`RetentionStats`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionSnapshot {
    /// Interactions that became older than [`Retention::keep`].
    pub expired: u64,
    /// Interactions that gave way because of [`Retention::most`].
    pub crowded_out: u64,
    /// Interactions that came and were older than what their tenant's bounds leave: acknowledged, not held.
    pub late: u64,
}

impl RetentionStats {
    /// The counts as they are now.
    pub fn snapshot(&self) -> RetentionSnapshot {
        let RetentionStats { expired, crowded_out, late } = self;
        RetentionSnapshot {
            expired: expired.load(Relaxed),
            crowded_out: crowded_out.load(Relaxed),
            late: late.load(Relaxed),
        }
    }

    pub(crate) fn late(&self, count: usize) {
        self.late.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn dropped(&self, why: Why, count: usize) {
        let counter = match why {
            Why::Expired => &self.expired,
            Why::CrowdedOut => &self.crowded_out,
        };
        counter.fetch_add(count as u64, Relaxed);
    }
}

/// Why interactions are let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Expired,
    CrowdedOut,
}

/// A block of interactions on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    number: u64,
    /// Nothing in it is newer.
    newest: Timestamp,
}

/// What the writer knows of a tenant's interactions.
#[derive(Debug)]
struct Held {
    /// What is at this time or before it is not held.
    floor: Timestamp,
    newest: Timestamp,
    count: usize,
    blocks: Vec<Block>,
}

impl Default for Held {
    fn default() -> Self {
        Held { floor: Timestamp(i64::MIN), newest: Timestamp(i64::MIN), count: 0, blocks: Vec::new() }
    }
}

/// What is to be let go of: everything at `floor` or before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub(crate) tenant: TenantId,
    pub(crate) floor: Timestamp,
    pub(crate) why: Why,
    /// The blocks of which nothing is left.
    pub(crate) blocks: Vec<u64>,
}

/// Watches over the bounds of all tenants.
#[derive(Debug)]
pub(crate) struct Keeper {
    retention: Retention,
    held: FxHashMap<TenantId, Held>,
}

impl Keeper {
    pub(crate) fn new(retention: Retention) -> Self {
        Keeper { retention, held: FxHashMap::default() }
    }

    /// Whether there is anything to watch over.
    pub(crate) fn on(&self) -> bool {
        self.retention != Retention::default()
    }

    /// What is at this time or before it is not held.
    pub(crate) fn floor(&self, tenant: TenantId) -> Timestamp {
        self.held.get(&tenant).map_or(Timestamp(i64::MIN), |held| held.floor)
    }

    /// Notes interactions that are in these blocks now: how many, and when the newest of them was.
    pub(crate) fn took(
        &mut self,
        tenant: TenantId,
        count: usize,
        newest: Timestamp,
        blocks: impl Iterator<Item = u64>,
    ) {
        if !self.on() || count == 0 {
            return;
        }
        let held = self.held.entry(tenant).or_default();
        held.count += count;
        held.newest = held.newest.max(newest);
        held.blocks.extend(blocks.map(|number| Block { number, newest }));
    }

    /// The tenants of which there is anything, by id.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> = self.held.keys().copied().collect();
        tenants.sort_unstable();
        tenants
    }

    /// What of a tenant is to be let go of now. It waits until it is worth the work: a fiftieth of the time that is kept, a
    /// day at most.
    pub(crate) fn due(&self, tenant: TenantId, now: Timestamp, state: &State) -> Option<Sweep> {
        const DAY: Duration = Duration::from_secs(86_400);
        let held = self.held.get(&tenant)?;
        if let Some(keep) = self.retention.keep {
            let floor = held.newest.min(now).before(keep);
            // Of a tenant that was not looked at yet, what is old goes at once.
            let slack = (keep / 50).min(DAY);
            if held.floor.after(slack) <= floor {
                return Some(self.sweep(tenant, floor, Why::Expired));
            }
        }
        let most = self.retention.most.filter(|most| held.count > *most)?;
        let floor = all_but(state, (most - most / 10).max(1))?;
        Some(self.sweep(tenant, floor.max(held.floor), Why::CrowdedOut))
    }

    fn sweep(&self, tenant: TenantId, floor: Timestamp, why: Why) -> Sweep {
        let blocks = self.held.get(&tenant).map(|held| held.blocks.as_slice()).unwrap_or_default();
        let blocks = blocks.iter().filter(|block| block.newest <= floor).map(|block| block.number).collect();
        Sweep { tenant, floor, why, blocks }
    }

    /// Notes that it was done, and how many interactions memory let go of.
    pub(crate) fn done(&mut self, sweep: &Sweep, dropped: usize) {
        if let Some(held) = self.held.get_mut(&sweep.tenant) {
            held.floor = sweep.floor;
            held.count = held.count.saturating_sub(dropped);
            held.blocks.retain(|block| block.newest > sweep.floor);
        }
    }
}

/// The latest time so that at most `most` interactions are after it; `None` when there are no more than that.
fn all_but(state: &State, most: usize) -> Option<Timestamp> {
    let buckets = || state.corpora.iter().flat_map(|corpus| &corpus.interactions.by_hour);
    let mut hours: BTreeMap<i64, usize> = BTreeMap::new();
    for buckets in buckets() {
        buckets.visit(None, Timestamp(i64::MAX), |hour, count, _| {
            *hours.entry(hour).or_default() += count as usize;
        });
    }
    let mut left = most;
    for (hour, count) in hours.into_iter().rev() {
        if count <= left {
            left -= count;
            continue;
        }
        let mut moments: Vec<Timestamp> = buckets().flat_map(|buckets| buckets.moments_of(hour)).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        return moments.get(left).copied();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const TENANT: TenantId = TenantId(1);
    const NOW: Timestamp = Timestamp(1_000 * HOUR);

    fn keeper(keep: Option<u64>, most: Option<usize>) -> Keeper {
        Keeper::new(Retention { keep: keep.map(|hours| Duration::from_secs(hours * 3600)), most })
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp(hours * HOUR)
    }

    #[test]
    fn a_block_goes_when_its_newest_is_old_and_only_when_it_is_worth_it() {
        let mut keeper = keeper(Some(100), None);
        keeper.took(TENANT, 10, hours(500), [1, 2].into_iter());
        keeper.took(TENANT, 10, hours(610), [3].into_iter());
        let sweep = keeper.due(TENANT, NOW, &State::default()).unwrap();
        assert_eq!((sweep.floor, sweep.why, &sweep.blocks[..]), (hours(510), Why::Expired, &[1, 2][..]));
        keeper.done(&sweep, 10);
        assert_eq!((keeper.floor(TENANT), keeper.due(TENANT, NOW, &State::default())), (hours(510), None));
        // Two hours are a fiftieth of a hundred.
        keeper.took(TENANT, 1, hours(611), [4].into_iter());
        assert_eq!(keeper.due(TENANT, NOW, &State::default()), None);
        keeper.took(TENANT, 1, hours(612), [5].into_iter());
        assert_eq!(keeper.due(TENANT, NOW, &State::default()).map(|sweep| sweep.floor), Some(hours(512)));
    }

    #[test]
    fn one_that_says_to_be_of_the_future_takes_nothing_along() {
        let mut keeper = keeper(Some(100), None);
        keeper.took(TENANT, 10, hours(995), [1].into_iter());
        keeper.took(TENANT, 1, hours(1_000_000), [2].into_iter());
        let sweep = keeper.due(TENANT, NOW, &State::default()).unwrap();
        assert_eq!((sweep.floor, sweep.blocks.len()), (hours(900), 0));
    }

    #[test]
    fn without_bounds_nothing_is_watched() {
        let mut keeper = keeper(None, None);
        keeper.took(TENANT, 10, hours(1), [1].into_iter());
        assert!(!keeper.on() && keeper.tenants().is_empty());
        assert_eq!(keeper.due(TENANT, NOW, &State::default()), None);
        assert_eq!(keeper.floor(TENANT), Timestamp(i64::MIN));
    }
}
