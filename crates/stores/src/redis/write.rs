//! Writing: one script per shard, which applies its part of a batch whole.

mod calls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use recommend_core::{Clock, InteractionId, Name, SystemClock, TenantId};
use redis::Value as Answer;
use rustc_hash::{FxHashMap, FxHashSet};

use super::facts;
use super::keys::{self, Members, RowKey, RowKind};
use super::read_catalog::time_of;
use super::store::RedisStore;
use super::vocabulary::Wanted;
use crate::error::StoreError;
use crate::write::{EntityPut, FeaturePut, RelationPut, WriteBatch, WriteOutcome, Writer};
use calls::{Call, Shard};

/// What the calls of one shard did.
#[derive(Default)]
struct Done {
    outcome: WriteOutcome,
    versions: Vec<(Name, u32, u64)>,
    long: Vec<RowKey>,
}

impl RedisStore {
    fn periods(&self) -> [i64; 2] {
        let length = i64::try_from(self.options.recognise.as_millis()).unwrap_or(i64::MAX).max(1);
        let now = SystemClock.now().0.div_euclid(length);
        [now, now - 1]
    }

    /// How long rows of interactions live, and ids, in seconds.
    fn lives(&self) -> [Vec<u8>; 2] {
        let recognise = self.options.recognise.max(Duration::from_secs(1)).as_secs().saturating_mul(2);
        [self.options.retention.as_secs(), recognise].map(|seconds| seconds.max(1).to_string().into_bytes())
    }

    fn shard(&self, tenant: TenantId, number: u32) -> Shard {
        Shard {
            tenant,
            number,
            ids: self.periods().map(|period| keys::ids(tenant, number, period)),
            calls: Vec::new(),
        }
    }

    /// The time attributes of entities that go: they leave the indexes by time.
    async fn leaving(
        &self,
        tenant: TenantId,
        puts: &[EntityPut],
    ) -> Result<FxHashMap<RowKey, Vec<Name>>, StoreError> {
        let gone: Vec<RowKey> =
            puts.iter().filter(|put| put.remove).map(|put| facts_of(tenant, put)).collect();
        if gone.is_empty() {
            return Ok(FxHashMap::default());
        }
        let rows = self.all(gone.clone()).await?;
        let times = |row: &Arc<super::held::Held>| {
            let held = row.facts().map_or(&[][..], |facts| &facts.attributes);
            held.iter()
                .filter(|(_, value)| time_of(Some(*value)).is_some())
                .map(|(name, _)| name.clone())
                .collect()
        };
        Ok(gone.into_iter().zip(rows.iter().map(times)).collect())
    }

    fn plan(
        &self,
        tenant: TenantId,
        batch: &WriteBatch,
        leaving: &FxHashMap<RowKey, Vec<Name>>,
    ) -> Vec<Shard> {
        let mut shards: FxHashMap<u32, Shard> = FxHashMap::default();
        let all = self.shards;
        let mut of = |number: u32, work: &mut dyn FnMut(&mut Shard)| {
            work(shards.entry(number).or_insert_with(|| self.shard(tenant, number)));
        };
        for put in &batch.entities {
            let (key, id) = (facts_of(tenant, put), put.entity.0);
            of(all.of(id), &mut |shard| {
                shard.append(all, key.clone(), facts::put(put));
                shard.member(!put.remove, Members::Put, &put.corpus, id);
                for name in leaving.get(&key).filter(|_| put.remove).into_iter().flatten() {
                    shard.by_time(&put.corpus, name, id, None);
                }
                for (name, value) in put.attributes.iter().filter(|_| !put.remove) {
                    shard.by_time(&put.corpus, name, id, time_of(*value));
                }
            });
        }
        for put in &batch.relations {
            let RelationPut { user, corpus, .. } = put;
            let key = RowKey { kind: RowKind::Ties, tenant, corpus: corpus.clone(), id: user.0 };
            of(all.of(user.0), &mut |shard| {
                shard.append(all, key.clone(), facts::tie(put));
                shard.member(true, Members::Ties, corpus, user.0);
            });
        }
        for put in &batch.features {
            let FeaturePut { corpus, entity, user, .. } = put;
            let (kind, id, which) = match user {
                Some(user) => (RowKind::Ties, user.0, Members::Ties),
                None => (RowKind::Facts, entity.0, Members::Valued),
            };
            let key = RowKey { kind, tenant, corpus: corpus.clone(), id };
            of(all.of(id), &mut |shard| {
                shard.append(all, key.clone(), facts::features(put));
                shard.member(true, which, corpus, id);
            });
        }
        let fresh = self.lasting.read();
        let last = |row: &RowKey| !fresh.holds(row);
        for interaction in &batch.interactions {
            let (of_entity, of_user) = (all.of(interaction.entity.0), all.of(interaction.user.0));
            of(of_entity, &mut |shard| {
                shard.interaction(all, interaction, (true, of_entity == of_user), last);
            });
            if of_entity != of_user {
                of(of_user, &mut |shard| shard.interaction(all, interaction, (false, true), last));
            }
        }
        shards.into_values().collect()
    }
}

fn facts_of(tenant: TenantId, put: &EntityPut) -> RowKey {
    RowKey { kind: RowKind::Facts, tenant, corpus: put.corpus.clone(), id: put.entity.0 }
}

#[async_trait]
impl Writer for RedisStore {
    /// Each shard's part of the batch is written whole or not at all, up to 500 entries at a time. An error may leave a
    /// part written: writing the batch again completes it, and counts nothing twice.
    async fn write(&self, tenant: TenantId, batch: WriteBatch) -> Result<WriteOutcome, StoreError> {
        self.introduce(tenant, Wanted::of(&batch)).await?;
        let leaving = self.leaving(tenant, &batch.entities).await?;
        let shards = self.plan(tenant, &batch, &leaving);
        let rows: Vec<RowKey> =
            shards.iter().flat_map(|shard| &shard.calls).flat_map(|call| call.rows.keys().cloned()).collect();
        let corpora: FxHashSet<Name> = rows.iter().map(|row| row.corpus.clone()).collect();
        let (link, script) = (Arc::clone(&self.link), Arc::clone(&self.write));
        let lives = self.lives();
        let work = async move {
            let shard = async |shard: Shard| {
                let mut done = Done::default();
                for call in shard.calls {
                    let answer = link.run(&script, &call.keys, &call.args(&lives)).await?;
                    done.take(&call, shard.number, answer)?;
                }
                Ok::<_, StoreError>(done)
            };
            try_join_all(shards.into_iter().map(shard)).await
        };
        let done = self.runtime.run(work).await;
        // Also when it failed: some of it may have been written.
        self.rows.written(rows.iter());
        self.forget_lists(tenant, &corpora);
        let mut outcome = WriteOutcome::default();
        let done = done?;
        self.lasting.write().note(rows);
        for done in done {
            outcome.accepted += done.outcome.accepted;
            outcome.duplicates += done.outcome.duplicates;
            for (corpus, shard, version) in done.versions {
                self.note_version(tenant, &corpus, shard, version);
            }
            // Without room, the next write to a long row names it again.
            done.long.into_iter().for_each(|row| drop(self.folds.try_send(row)));
        }
        Ok(outcome)
    }

    async fn recorded(&self, tenant: TenantId, ids: &[InteractionId]) -> Result<Vec<bool>, StoreError> {
        let mut recorded = vec![false; ids.len()];
        if ids.is_empty() {
            return Ok(recorded);
        }
        for period in self.periods() {
            let answers = self.ask_shards(|shard| {
                let mut command = redis::cmd("SMISMEMBER");
                command.arg(keys::ids(tenant, shard, period));
                ids.iter().for_each(|id| {
                    command.arg(&id.0.to_be_bytes()[..]);
                });
                command
            });
            for answer in answers.await? {
                let Answer::Array(answers) = answer else { continue };
                for (recorded, answer) in recorded.iter_mut().zip(answers) {
                    *recorded |= answer == Answer::Int(1);
                }
            }
        }
        Ok(recorded)
    }
}

impl Done {
    fn take(&mut self, call: &Call, shard: u32, answer: Answer) -> Result<(), StoreError> {
        let strange = || StoreError::Unavailable {
            reason: "Redis answered the script of a write with something else".into(),
        };
        let Answer::Array(parts) = answer else { return Err(strange()) };
        let [Answer::Array(known), Answer::Array(versions), Answer::Array(long)] = &parts[..] else {
            return Err(strange());
        };
        // Nothing is said of them when all are new.
        for (at, _) in call.counts.iter().enumerate().filter(|(_, counts)| **counts) {
            match known.get(at) {
                None | Some(Answer::Int(0)) => self.outcome.accepted += 1,
                _ => self.outcome.duplicates += 1,
            }
        }
        for pair in versions.chunks_exact(2) {
            if let [Answer::Int(place), Answer::Int(version)] = pair
                && let Some((corpus, _)) = call.versions.get(&(*place as usize))
            {
                self.versions.push((corpus.clone(), shard, *version as u64));
            }
        }
        let is_long = |place: usize| long.contains(&Answer::Int(place as i64));
        if !long.is_empty() {
            self.long
                .extend(call.rows.iter().filter(|(_, place)| is_long(**place)).map(|(row, _)| row.clone()));
        }
        Ok(())
    }
}
