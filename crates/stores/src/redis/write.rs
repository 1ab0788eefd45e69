//! Writing: one script per shard, which applies its part of a batch whole.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use recommend_core::{Clock, Interaction, InteractionId, Name, SystemClock, TenantId};
use redis::Value as Answer;
use rustc_hash::{FxHashMap, FxHashSet};

use super::event_row::event;
use super::facts;
use super::keys::{self, Members, RowKey, RowKind, Shards};
use super::read_catalog::time_of;
use super::store::RedisStore;
use super::vocabulary::Wanted;
use crate::embedded::timeline::held;
use crate::error::StoreError;
use crate::write::{EntityPut, FeaturePut, RelationPut, WriteBatch, WriteOutcome, Writer};

/// How long a call of the script may get: Redis serves nobody else meanwhile.
const CALL_ENTRIES: usize = 500;

/// One call of the script of a shard.
#[derive(Default)]
struct Call {
    keys: Vec<String>,
    places: FxHashMap<String, usize>,
    /// The places of rows.
    rows: FxHashMap<RowKey, usize>,
    /// The rows that interactions go to.
    grown: Vec<Grown>,
    by_row: FxHashMap<usize, usize>,
    /// What is not an interaction.
    others: Vec<Vec<u8>>,
    entries: usize,
    ids: Vec<[u8; 16]>,
    /// For each interaction whether this shard is the one that counts it.
    counts: Vec<bool>,
    /// By the place of a version: the corpus, and which interactions count.
    versions: FxHashMap<usize, (Name, Vec<u8>)>,
}

/// What interactions add to a row.
struct Grown {
    place: usize,
    /// The set that the row comes into when it begins, or 0, and as what.
    set: usize,
    member: u64,
    /// Whether its time to live begins anew.
    last: bool,
    bytes: Vec<u8>,
    /// Which interactions they are, and how many bytes each has.
    which: Vec<u8>,
}

/// The calls of one shard, in order.
struct Shard {
    tenant: TenantId,
    number: u32,
    ids: [String; 2],
    calls: Vec<Call>,
}

impl Call {
    fn place(&mut self, key: String) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.keys.push(key.clone());
        self.places.insert(key, self.keys.len());
        self.keys.len()
    }

    fn row(&mut self, shards: Shards, row: RowKey) -> usize {
        if let Some(place) = self.rows.get(&row) {
            return *place;
        }
        // No two rows have one key.
        self.keys.push(shards.key(row.borrowed()));
        self.rows.insert(row, self.keys.len());
        self.keys.len()
    }

    fn other(&mut self, what: &str, place: usize) {
        self.others.extend([what.as_bytes().to_vec(), number(place)]);
    }

    /// Adds an interaction to a row. `set` is where the row is noted when it begins.
    fn grow(
        &mut self,
        place: usize,
        set: impl FnOnce(&mut Call) -> (usize, u64),
        last: impl FnOnce() -> bool,
        event: impl FnOnce(&mut Vec<u8>),
    ) {
        let at = match self.by_row.get(&place) {
            Some(at) => *at,
            None => {
                let (set, member) = set(self);
                let (bytes, which) = (Vec::with_capacity(64), Vec::with_capacity(8));
                self.grown.push(Grown { place, set, member, last: last(), bytes, which });
                self.by_row.insert(place, self.grown.len() - 1);
                self.grown.len() - 1
            }
        };
        // Positions are counted from 1, as in Lua.
        let position = self.ids.len() as u16;
        let grown = &mut self.grown[at];
        let before = grown.bytes.len();
        event(&mut grown.bytes);
        grown.which.extend_from_slice(&position.to_le_bytes());
        grown.which.extend_from_slice(&((grown.bytes.len() - before) as u16).to_le_bytes());
    }

    fn args(&self, head: &[Vec<u8>; 2]) -> Vec<Vec<u8>> {
        let mut args = head.to_vec();
        args.push(number(self.ids.len()));
        args.extend(self.ids.iter().map(|id| id.to_vec()));
        for Grown { place, set, member, last, bytes, which } in &self.grown {
            args.extend([b"R".to_vec(), number(*place), number(*set), member.to_be_bytes().to_vec()]);
            args.extend([number(usize::from(*last)), bytes.clone(), which.clone()]);
        }
        for (place, (_, which)) in &self.versions {
            args.extend([b"V".to_vec(), number(*place), which.clone()]);
        }
        args.extend_from_slice(&self.others);
        args
    }
}

fn number(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl Shard {
    /// The call that takes the next entry.
    fn call(&mut self) -> &mut Call {
        if self.calls.last().is_none_or(|call| call.entries >= CALL_ENTRIES) {
            self.calls.push(Call { keys: self.ids.to_vec(), ..Call::default() });
        }
        let at = self.calls.len() - 1;
        let call = &mut self.calls[at];
        call.entries += 1;
        call
    }

    fn append(&mut self, shards: Shards, row: RowKey, bytes: Vec<u8>) {
        let call = self.call();
        let place = call.row(shards, row);
        call.other("A", place);
        call.others.push(bytes);
    }

    fn member(&mut self, add: bool, which: Members, corpus: &Name, id: u64) {
        let set = keys::members(self.tenant, self.number, which, corpus);
        let call = self.call();
        let place = call.place(set);
        call.other(if add { "P" } else { "M" }, place);
        call.others.push(id.to_be_bytes().to_vec());
    }

    fn by_time(&mut self, corpus: &Name, attribute: &Name, id: u64, time: Option<i64>) {
        let index = keys::by_time(self.tenant, self.number, corpus, attribute);
        let call = self.call();
        let place = call.place(index);
        call.other(if time.is_some() { "Z" } else { "z" }, place);
        if let Some(time) = time {
            call.others.push(time.to_string().into_bytes());
        }
        call.others.push(id.to_be_bytes().to_vec());
    }

    /// An interaction, in the rows of this shard that it belongs to. `last` says of a row whether its time to live begins
    /// anew.
    fn interaction(
        &mut self,
        shards: Shards,
        interaction: &Interaction,
        (of_entity, of_user): (bool, bool),
        last: impl Fn(&RowKey) -> bool,
    ) {
        let (tenant, shard) = (self.tenant, self.number);
        let Interaction { id, user, corpus, entity, kind, value, .. } = interaction;
        let time = held(interaction.time).0;
        let row = |kind, id| RowKey { kind, tenant, corpus: corpus.clone(), id };
        let call = self.call();
        call.counts.push(of_entity);
        call.ids.push(id.0.to_be_bytes());
        let position = call.ids.len() as u16;
        if of_entity {
            let version = call.place(keys::version(tenant, shard, corpus));
            let counted = call.versions.entry(version).or_insert_with(|| (corpus.clone(), Vec::new()));
            counted.1.extend_from_slice(&position.to_le_bytes());
        }
        let mut grow = |row: RowKey, set: Option<(Members, u64)>, other: u64| {
            let place = call.row(shards, row.clone());
            let noted = |call: &mut Call| match set {
                Some((which, member)) => (call.place(keys::members(tenant, shard, which, corpus)), member),
                None => (0, 0),
            };
            call.grow(place, noted, || last(&row), |out| event(out, kind, other, time, *value));
        };
        if of_entity {
            grow(row(RowKind::Entity, entity.0), Some((Members::Acted, entity.0)), user.0);
            grow(row(RowKind::Corpus, shard.into()), None, user.0);
        }
        if of_user {
            grow(row(RowKind::User, user.0), Some((Members::Users, user.0)), entity.0);
        }
    }
}

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
