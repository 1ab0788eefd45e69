//! The writing thread lets go of what the bounds of a tenant do not leave: on disk, then in memory.

use recommend_core::{Clock, InteractionId, SystemClock, TenantId};

use super::change::Change;
use super::decode::decode;
use super::disk::Committed;
use super::durable::Work;
use super::encode::{Record, block_key};
use super::retention::{Sweep, Why};
use crate::error::StoreError;

impl Work {
    /// Looks after tenants to whom something was added.
    pub(super) fn tidy(&mut self, tenants: Vec<TenantId>) {
        if !self.keeper.on() {
            return;
        }
        for id in tenants {
            let Some(tenant) = self.memory.tenant(id) else { continue };
            let due = self.keeper.due(id, SystemClock.now(), &tenant.state.read());
            let Some(sweep) = due else { continue };
            if let Err(error) = self.drop_blocks(&sweep) {
                // Nothing is lost and nothing is let go of: it is tried again with what comes next.
                tracing::warn!(tenant = id.0, %error, "old interactions could not be dropped from the disk");
                continue;
            }
            let dropped = tenant.forget(sweep.floor);
            self.keeper.done(&sweep, dropped);
            self.stats.dropped(sweep.why, dropped);
            let (blocks, floor) = (sweep.blocks.len(), sweep.floor.millis());
            match sweep.why {
                Why::Expired => {
                    tracing::info!(
                        tenant = id.0,
                        dropped,
                        blocks,
                        floor,
                        "interactions older than is kept were dropped"
                    );
                }
                Why::CrowdedOut => tracing::warn!(
                    tenant = id.0,
                    dropped,
                    blocks,
                    floor,
                    "a tenant has more interactions than it may: its oldest were dropped"
                ),
            }
        }
    }

    /// Removes blocks of which nothing is left, and forgets the ids in them.
    fn drop_blocks(&mut self, sweep: &Sweep) -> Result<(), StoreError> {
        if sweep.blocks.is_empty() {
            return Ok(());
        }
        let keys: Vec<Vec<u8>> = sweep.blocks.iter().map(|number| block_key(sweep.tenant, *number)).collect();
        let mut ids: Vec<InteractionId> = Vec::new();
        self.disk.read(&keys, |key, value| {
            decode(key, value, &mut |_, change| {
                if let Change::Interaction(interaction) = change {
                    ids.push(interaction.id);
                }
            })
        })?;
        let records: Vec<Record> = keys.into_iter().map(|key| (key, None)).collect();
        match self.disk.commit(&records, self.disk.head().next_block) {
            Committed::Yes => {
                self.staging.forget(sweep.tenant, &ids);
                Ok(())
            }
            Committed::No(error) | Committed::Unknown(error) => Err(error),
        }
    }
}
