//! Activity by hour of the week, kept as long as it stays what a fresh count would give.

use std::sync::Arc;
use std::time::Duration;

use recommend_core::{Name, Timestamp};
use rustc_hash::FxHashMap;

use super::aggregate::wanted;
use super::names::KindSet;
use super::tenant::{Interactions, State, Tenant};
use super::timeline::{BEGINNING, Timeline, held, upto};
use crate::interactions::HourScope;

/// The most histograms of one tenant.
const MAX_CACHED: usize = 4096;

/// Interactions by hour of the week in UTC.
pub(crate) type Week = [f32; 168];

/// Histograms and as of when they hold.
#[derive(Debug, Default)]
pub(crate) struct HourCache(FxHashMap<Key, Cached>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    corpus: Name,
    whose: HourScope,
    kinds: KindSet,
    window: Option<Duration>,
}

#[derive(Debug)]
struct Cached {
    /// How many interactions there were: one more and it is stale.
    version: usize,
    /// From when on the window holds the same interactions…
    from: Timestamp,
    /// …and until just before when.
    to: Timestamp,
    week: Arc<Week>,
}

/// The histogram of `(until - window, until]`.
pub(crate) fn hours(
    tenant: &Tenant,
    corpus: &Name,
    whose: HourScope,
    kinds: &[Name],
    window: Option<Duration>,
    until: Timestamp,
) -> Arc<Week> {
    let until = held(until);
    let state = tenant.state.read();
    let Some((of_corpus, kinds)) = wanted(&state, corpus, kinds) else { return Arc::new([0.0; 168]) };
    let timelines = timelines(&state, &of_corpus.interactions, of_corpus.entities_row(whose), whose);
    let version = match whose {
        HourScope::Tenant => of_corpus.interactions.version as usize,
        _ => timelines.iter().map(|timeline| timeline.len()).sum(),
    };
    let key = Key { corpus: corpus.clone(), whose, kinds, window };
    if let Some(cached) = tenant.hours.lock().0.get(&key)
        && cached.version == version
        && (cached.from..cached.to).contains(&until)
    {
        return Arc::clone(&cached.week);
    }
    let after = window.map(|window| held(until.before(window)));
    let mut week = [0.0; 168];
    let (mut from, mut to) = (until, until.after(Duration::from_millis(1)));
    if whose == HourScope::Tenant {
        let buckets = of_corpus.interactions.by_hour.iter().enumerate();
        for (_, buckets) in buckets.filter(|(kind, _)| kinds.contains(*kind as u8)) {
            buckets.visit(after, until, |hour, count, _| {
                week[Timestamp(hour * 3_600_000).hour_of_week()] += count as f32;
            });
        }
    } else {
        let (low, high) = (after.map_or(BEGINNING, upto), upto(until));
        for entry in timelines.iter().flat_map(|timeline| timeline.runs(low, high)).flatten() {
            if kinds.contains(entry.kind()) {
                week[entry.time().hour_of_week()] += 1.0;
            }
        }
        (from, to) = same_window(&timelines, low, high, window);
    }
    let week = Arc::new(week);
    let mut cache = tenant.hours.lock();
    if cache.0.len() >= MAX_CACHED {
        cache.0.clear();
    }
    cache.0.insert(key, Cached { version, from, to, week: Arc::clone(&week) });
    week
}

/// As of which times a window of this length holds the same interactions: no edge crosses one in between.
fn same_window(
    timelines: &[&Timeline],
    low: i64,
    high: i64,
    window: Option<Duration>,
) -> (Timestamp, Timestamp) {
    let at_start = |time: Timestamp| window.map(|window| time.after(window));
    let (mut from, mut to) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    for timeline in timelines {
        let entered = timeline.newest_upto(high);
        let left = timeline.newest_upto(low).and_then(at_start);
        let enters = timeline.oldest_after(high);
        let leaves = timeline.oldest_after(low).and_then(at_start);
        from = from.max(entered.max(left).unwrap_or(from));
        to = [enters, leaves].into_iter().flatten().fold(to, Timestamp::min);
    }
    (from, to)
}

fn timelines<'a>(
    state: &State,
    interactions: &'a Interactions,
    row: Option<u32>,
    whose: HourScope,
) -> Vec<&'a Timeline> {
    match whose {
        HourScope::Tenant => Vec::new(),
        HourScope::User(user) => {
            let timeline = state.users.get(user.0).and_then(|user| interactions.by_user.get(&user));
            timeline.into_iter().collect()
        }
        HourScope::Entity(_) => {
            let timelines = row.map_or(&[][..], |row| interactions.of_entity(row));
            timelines.iter().map(|(_, timeline)| timeline).collect()
        }
    }
}

impl super::tenant::Corpus {
    fn entities_row(&self, whose: HourScope) -> Option<u32> {
        match whose {
            HourScope::Entity(entity) => self.entities.get(entity.0),
            _ => None,
        }
    }
}
