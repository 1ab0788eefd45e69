//! The state of all tenants, and how a change gets into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockWriteGuard};
use recommend_core::{EntityId, IdCodec, Relation, TenantId};
use rustc_hash::FxHashMap;

use super::change::{Change, Changes};
use super::tenant::{State, Tenant};
use super::timeline::held;

/// How long the writer keeps readers out at once.
const HOLD: Duration = Duration::from_micros(100);

/// How many changes are applied between looks at the time.
const STRIDE: usize = 16;

/// Everything that reads see.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) codec: IdCodec,
    tenants: RwLock<FxHashMap<TenantId, Arc<Tenant>>>,
}

impl Memory {
    pub(crate) fn new(codec: IdCodec) -> Self {
        Memory { codec, tenants: RwLock::default() }
    }

    pub(crate) fn tenant(&self, tenant: TenantId) -> Option<Arc<Tenant>> {
        self.tenants.read().get(&tenant).cloned()
    }

    pub(crate) fn tenant_or_new(&self, tenant: TenantId) -> Arc<Tenant> {
        match self.tenant(tenant) {
            Some(tenant) => tenant,
            None => Arc::clone(self.tenants.write().entry(tenant).or_default()),
        }
    }

    /// All tenants, by id.
    pub(crate) fn tenants_by_id(&self) -> Vec<(TenantId, Arc<Tenant>)> {
        let tenants = self.tenants.read();
        let mut all: Vec<_> = tenants.iter().map(|(id, tenant)| (*id, Arc::clone(tenant))).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// Makes changes visible, letting readers in between them.
    pub(crate) fn apply(&self, tenant: TenantId, changes: &Changes) {
        if changes.is_empty() {
            return;
        }
        let tenant = self.tenant_or_new(tenant);
        let mut state = tenant.state.write();
        let mut since = Instant::now();
        for stride in changes.list.chunks(STRIDE) {
            for change in stride {
                state.apply(change);
            }
            if since.elapsed() > HOLD {
                RwLockWriteGuard::unlock_fair(state);
                state = tenant.state.write();
                since = Instant::now();
            }
        }
    }
}

impl State {
    /// Applies one change.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Tenant(name) => self.name = Some(name.clone()),
            Change::Name(id, text) => drop(self.dictionary.insert(*id, text.clone())),
            Change::Entity { corpus, entity, attributes } => {
                let corpus = self.corpus_mut(corpus);
                let row = corpus.entities.intern(entity.0);
                corpus.columns.replace(*entity, row, attributes.as_deref());
            }
            Change::Relation { user, kind, corpus, entity, tie } => {
                self.corpus_mut(corpus);
                let kind_number = self.relation_kinds.intern(kind);
                let Some(key) = self.relation_key(*user, kind, corpus) else { return };
                let ties = &mut self.corpora[usize::from(key.corpus)].ties;
                if ties.len() <= usize::from(kind_number) {
                    ties.resize(usize::from(kind_number) + 1, 0);
                }
                let set = self.relations.entry(key).or_default();
                let before = set.len();
                // Copies the set when a request still reads the old one.
                let changed = Arc::make_mut(set);
                match tie {
                    Some((since, weight)) => {
                        changed.put(Relation { entity: *entity, since: *since, weight: *weight });
                    }
                    None => drop(changed.remove(*entity)),
                }
                let after = changed.len();
                ties[usize::from(kind_number)] = ties[usize::from(kind_number)] + after - before;
                if after == 0 {
                    self.relations.remove(&key);
                }
            }
            Change::Interaction(interaction) => {
                let user = self.users.intern(interaction.user.0);
                let corpus = self.corpus_mut(&interaction.corpus);
                let row = corpus.entities.intern(interaction.entity.0);
                let kind = corpus.interactions.kinds.intern(&interaction.kind);
                let (entity, time) = (EntityId(interaction.entity.0), held(interaction.time));
                corpus.interactions.record((entity, row), user, kind, time, interaction.value);
            }
            Change::Features { corpus, entity, user, values } => {
                let corpus = self.corpus_mut(corpus);
                let row = corpus.entities.intern(entity.0);
                corpus.features.replace(*user, row, values);
            }
        }
    }
}
