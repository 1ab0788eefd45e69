//! What is held in process of one tenant.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use recommend_core::{EntityId, Name, RelationSet, Timestamp, UserId};
use rustc_hash::FxHashMap;

use super::buckets::HourBuckets;
use super::columns::Columns;
use super::hours::HourCache;
use super::latest::LatestIndexes;
use super::members::Members;
use super::names::Names;
use super::rows::FeatureColumns;
use super::timeline::{Entry, Timeline};

/// One tenant: nothing in it refers to another.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) state: RwLock<State>,
    pub(crate) hours: Mutex<HourCache>,
}

/// The data of one tenant. Rows and numbers are positions in its own tables and mean nothing outside.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The tenant's string, when its number is a hash.
    pub(crate) name: Option<Box<str>>,
    /// Strings of hashed ids.
    pub(crate) dictionary: FxHashMap<u64, Box<str>>,
    pub(crate) users: Interner,
    pub(crate) corpus_names: Names,
    pub(crate) corpora: Vec<Corpus>,
    pub(crate) relation_kinds: Names,
    pub(crate) relations: FxHashMap<RelationKey, Arc<RelationSet>>,
}

/// A user's ties of one kind in one corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RelationKey {
    pub(crate) user: UserId,
    pub(crate) kind: u8,
    pub(crate) corpus: u8,
}

impl State {
    pub(crate) fn corpus(&self, name: &Name) -> Option<&Corpus> {
        self.corpus_names.get(name).map(|number| &self.corpora[usize::from(number)])
    }

    pub(crate) fn corpus_mut(&mut self, name: &Name) -> &mut Corpus {
        let number = usize::from(self.corpus_names.intern(name));
        if number == self.corpora.len() {
            self.corpora.push(Corpus::default());
        }
        &mut self.corpora[number]
    }

    pub(crate) fn relation_key(&self, user: UserId, kind: &Name, corpus: &Name) -> Option<RelationKey> {
        let (kind, corpus) = (self.relation_kinds.get(kind)?, self.corpus_names.get(corpus)?);
        Some(RelationKey { user, kind, corpus })
    }
}

/// Ids as rows: 4 bytes instead of 8 wherever they are repeated.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    rows: FxHashMap<u64, u32>,
    ids: Vec<u64>,
}

impl Interner {
    pub(crate) fn get(&self, id: u64) -> Option<u32> {
        self.rows.get(&id).copied()
    }

    pub(crate) fn intern(&mut self, id: u64) -> u32 {
        *self.rows.entry(id).or_insert_with(|| {
            self.ids.push(id);
            (self.ids.len() - 1) as u32
        })
    }

    pub(crate) fn id(&self, row: u32) -> u64 {
        self.ids[row as usize]
    }
}

/// One corpus of one tenant: a row per entity that was ever named.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    pub(crate) entities: Interner,
    /// What was put about the entities.
    pub(crate) columns: Columns,
    pub(crate) features: FeatureColumns,
    /// How many ties there are, by kind of relation.
    pub(crate) ties: Vec<usize>,
    pub(crate) interactions: Interactions,
}

/// The interactions of one corpus, three times: by entity and kind, by user, and by kind and hour.
#[derive(Debug, Default)]
pub(crate) struct Interactions {
    pub(crate) kinds: Names,
    /// By row of the entity: each kind's timeline, whose entries name the users.
    pub(crate) by_entity: Vec<Vec<(u8, Timeline)>>,
    /// By row of the user: the timeline of all kinds, whose entries name the entities.
    pub(crate) by_user: FxHashMap<u32, Timeline>,
    /// By kind.
    pub(crate) by_hour: Vec<HourBuckets>,
    pub(crate) latest: LatestIndexes,
    pub(crate) active: Members,
    /// How many were recorded.
    pub(crate) version: u64,
}

impl Interactions {
    /// Records one interaction of the entity `id` in row `row`.
    pub(crate) fn record(
        &mut self,
        (id, row): (EntityId, u32),
        user: u32,
        kind: u8,
        time: Timestamp,
        value: f32,
    ) {
        if self.by_entity.len() <= row as usize {
            self.by_entity.resize_with(row as usize + 1, Vec::new);
        }
        let timelines = &mut self.by_entity[row as usize];
        if timelines.is_empty() {
            self.active.add(id);
        }
        let at = timelines.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            timelines.push((kind, Timeline::default()));
            timelines.len() - 1
        });
        timelines[at].1.insert(Entry::new(time, kind, user, value));
        self.by_user.entry(user).or_default().insert(Entry::new(time, kind, row, value));
        if self.by_hour.len() <= usize::from(kind) {
            self.by_hour.resize_with(usize::from(kind) + 1, HourBuckets::default);
        }
        self.by_hour[usize::from(kind)].insert(time, value);
        self.latest.record(row, user, kind, time);
        self.version += 1;
    }

    /// The timelines of an entity, by kind; empty when it has no interactions.
    pub(crate) fn of_entity(&self, row: u32) -> &[(u8, Timeline)] {
        self.by_entity.get(row as usize).map_or(&[], Vec::as_slice)
    }
}
