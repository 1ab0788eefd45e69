//! Letting go of interactions in memory: everything at a time or before it, of one tenant.

use std::time::{Duration, Instant};

use parking_lot::RwLockWriteGuard;
use recommend_core::{EntityId, Timestamp};

use super::latest::LatestIndexes;
use super::tenant::{Corpus, Tenant};
use super::timeline::upto;

/// How long readers are kept out at once.
const HOLD: Duration = Duration::from_micros(100);
/// How many timelines are looked at between looks at the time.
const STRIDE: usize = 64;

impl Tenant {
    /// Lets go of the interactions at `floor` or before it; how many those were. Readers get in between pieces: for windows
    /// that begin after `floor` nothing changes at any time.
    pub(crate) fn forget(&self, floor: Timestamp) -> usize {
        let (mut state, mut since, mut dropped) = (self.state.write(), Instant::now(), 0);
        let mut breathe = |state: &mut RwLockWriteGuard<'_, _>| {
            if since.elapsed() > HOLD {
                RwLockWriteGuard::bump(state);
                since = Instant::now();
            }
        };
        // Only the writer adds corpora, entities and users, and the writer is here.
        for number in 0..state.corpora.len() {
            for from in (0..state.corpora[number].interactions.by_entity.len()).step_by(STRIDE) {
                dropped += state.corpora[number].forget_entities(from..from + STRIDE, floor);
                breathe(&mut state);
            }
            let users: Vec<u32> = state.corpora[number].interactions.by_user.keys().copied().collect();
            for users in users.chunks(STRIDE) {
                state.corpora[number].forget_users(users, floor);
                breathe(&mut state);
            }
            let interactions = &mut state.corpora[number].interactions;
            interactions.by_hour.iter_mut().for_each(|buckets| buckets.forget(floor));
            // They fill again as they are asked.
            interactions.latest = LatestIndexes::default();
            interactions.version += 1;
            breathe(&mut state);
        }
        dropped
    }
}

impl Corpus {
    fn forget_entities(&mut self, rows: std::ops::Range<usize>, floor: Timestamp) -> usize {
        let key = upto(floor);
        let rows = rows.start..rows.end.min(self.interactions.by_entity.len());
        let (mut dropped, first) = (0, rows.start);
        for (at, timelines) in self.interactions.by_entity[rows].iter_mut().enumerate() {
            if timelines.is_empty() {
                continue;
            }
            dropped += timelines.iter_mut().map(|(_, timeline)| timeline.forget(key)).sum::<usize>();
            timelines.retain(|(_, timeline)| timeline.len() > 0);
            if timelines.is_empty() {
                timelines.shrink_to_fit();
                self.interactions.active.remove(EntityId(self.entities.id((first + at) as u32)));
            }
        }
        dropped
    }

    fn forget_users(&mut self, users: &[u32], floor: Timestamp) {
        let key = upto(floor);
        for user in users {
            let Some(timeline) = self.interactions.by_user.get_mut(user) else { continue };
            timeline.forget(key);
            if timeline.len() == 0 {
                self.interactions.by_user.remove(user);
            }
        }
    }
}
