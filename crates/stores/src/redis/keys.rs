//! Keys: where a row lies.
//!
//! All keys of a tenant's shard share a hash tag, so that a cluster keeps them in one slot and one script may change
//! them together: `rec:{<tenant>.<shard>}:<what>:<corpus>:<id>`.

use std::hash::{Hash, Hasher};

use recommend_core::{Name, TenantId};

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowKind {
    /// An entity's attributes and stored feature values.
    Facts,
    /// A user's relations and stored values of pairs.
    Ties,
    /// The interactions with an entity.
    Entity,
    /// The interactions of a user.
    User,
    /// The interactions of a whole corpus; one row per shard, under the shard's number.
    Corpus,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowKey {
    pub(crate) kind: RowKind,
    pub(crate) tenant: TenantId,
    pub(crate) corpus: Name,
    pub(crate) id: u64,
}

/// A row that is looked for: threads that ask at the same time do not count the references of one corpus' name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowRef<'a> {
    pub(crate) kind: RowKind,
    pub(crate) tenant: TenantId,
    pub(crate) corpus: &'a Name,
    pub(crate) id: u64,
}

impl RowKey {
    pub(crate) fn borrowed(&self) -> RowRef<'_> {
        RowRef { kind: self.kind, tenant: self.tenant, corpus: &self.corpus, id: self.id }
    }
}

impl RowRef<'_> {
    pub(crate) fn owned(self) -> RowKey {
        RowKey { kind: self.kind, tenant: self.tenant, corpus: self.corpus.clone(), id: self.id }
    }
}

impl Hash for RowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Hash for RowRef<'_> {
    /// Without the corpus: an id is seldom in two of them.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.tenant.0 ^ (self.kind as u64) << 56);
        state.write_u64(self.id);
    }
}

impl quick_cache::Equivalent<RowKey> for RowRef<'_> {
    fn equivalent(&self, key: &RowKey) -> bool {
        *self == key.borrowed()
    }
}

/// How many shards the data of a tenant is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shards(pub(crate) u32);

impl Shards {
    /// The shard of an entity or a user.
    pub(crate) fn of(self, id: u64) -> u32 {
        ((u64::from(self.0) * (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)) >> 32) as u32
    }

    pub(crate) fn all(self) -> impl Iterator<Item = u32> + Clone {
        0..self.0
    }

    /// The shard of a row.
    pub(crate) fn of_row(self, key: RowRef<'_>) -> u32 {
        match key.kind {
            RowKind::Corpus => key.id as u32,
            _ => self.of(key.id),
        }
    }

    pub(crate) fn key(self, row: RowRef<'_>) -> String {
        let what = match row.kind {
            RowKind::Facts => 'f',
            RowKind::Ties => 't',
            RowKind::Entity => 'e',
            RowKind::User => 'u',
            RowKind::Corpus => 'c',
        };
        format!("{}{what}:{}:{:x}", tag(row.tenant, self.of_row(row)), row.corpus, row.id)
    }
}

/// What all keys of a shard begin with.
pub(crate) fn tag(tenant: TenantId, shard: u32) -> String {
    format!("rec:{{{:x}.{shard}}}:", tenant.0)
}

/// Sets of ids of a corpus, in each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Members {
    /// Entities that were put.
    Put,
    /// Entities with stored values.
    Valued,
    /// Users with ties or stored values of pairs.
    Ties,
    /// Entities with interactions.
    Acted,
    /// Users with interactions.
    Users,
}

/// The set of ids of a corpus in a shard: 8 bytes each, big-endian.
pub(crate) fn members(tenant: TenantId, shard: u32, which: Members, corpus: &Name) -> String {
    let which = match which {
        Members::Put => 'F',
        Members::Valued => 'V',
        Members::Ties => 'T',
        Members::Acted => 'E',
        Members::Users => 'U',
    };
    format!("{}{which}:{corpus}", tag(tenant, shard))
}

/// How many interactions a corpus has in a shard.
pub(crate) fn version(tenant: TenantId, shard: u32, corpus: &Name) -> String {
    format!("{}v:{corpus}", tag(tenant, shard))
}

/// Entities by a time attribute.
pub(crate) fn by_time(tenant: TenantId, shard: u32, corpus: &Name, attribute: &Name) -> String {
    format!("{}z:{corpus}:{attribute}", tag(tenant, shard))
}

/// The ids of the interactions of one period.
pub(crate) fn ids(tenant: TenantId, shard: u32, period: i64) -> String {
    format!("{}i:{period}", tag(tenant, shard))
}

/// The strings of hashed ids.
pub(crate) fn dictionary(tenant: TenantId) -> String {
    format!("{}d", tag(tenant, 0))
}

/// A vocabulary: `corpora`, `relations`, `attributes:<corpus>`, `kinds:<corpus>`, `features:<corpus>`.
pub(crate) fn vocabulary(tenant: TenantId, scope: &str) -> String {
    format!("{}n:{scope}", tag(tenant, 0))
}

/// All tenants: number → string, or nothing when the number says it.
pub(crate) const TENANTS: &str = "rec:tenants";

/// What the data was written with.
pub(crate) const META: &str = "rec:meta";
