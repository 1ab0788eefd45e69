//! Staging: checks a batch and works out what it changes, against what is held and what is staged but not applied yet.
//!
//! Only the writer stages, one batch after the other, so that a check cannot be overtaken. A batch is checked whole
//! before any of it is staged.

use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;

use recommend_core::{EntityId, InteractionId, Name, TenantId, Timestamp, UserId, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::change::{Change, Changes};
use super::memory::Memory;
use super::names::{MAX_CORPORA, MAX_PER_CORPUS, MAX_RELATION_KINDS, Names};
use super::seen::SeenIds;
use super::tenant::{Corpus, State};
use super::timeline::held as held_time;
use crate::error::StoreError;
use crate::write::{EntityPut, FeaturePut, RelationPut, WriteBatch, WriteOutcome};

type Attributes = Option<Vec<(Name, Value)>>;
type Values = Vec<(Name, f32)>;
type Tie = Option<(Timestamp, f32)>;

/// What the writer knows beyond what reads see.
#[derive(Debug)]
pub(crate) struct Staging {
    memory: Arc<Memory>,
    seen: FxHashMap<TenantId, SeenIds>,
    pending: FxHashMap<TenantId, Pending>,
}

/// What is staged of one tenant and not applied yet.
#[derive(Debug, Default)]
struct Pending {
    tenant_name: bool,
    dictionary: FxHashMap<u64, Box<str>>,
    vocabulary: FxHashSet<(Scope, Name)>,
    entities: FxHashMap<(Name, EntityId), Attributes>,
    relations: FxHashMap<(UserId, Name, Name, EntityId), Tie>,
    features: FxHashMap<(Name, EntityId, Option<UserId>), Values>,
    interactions: Vec<InteractionId>,
}

/// Within which bound a name counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    Corpora,
    RelationKinds,
    Attributes(Name),
    Kinds(Name),
    Features(Name),
}

impl Scope {
    fn limit(&self) -> (&'static str, usize) {
        match self {
            Scope::Corpora => ("corpora", MAX_CORPORA),
            Scope::RelationKinds => ("kinds of relation", MAX_RELATION_KINDS),
            Scope::Attributes(_) => ("attributes in one corpus", MAX_PER_CORPUS),
            Scope::Kinds(_) => ("kinds of interaction in one corpus", MAX_PER_CORPUS),
            Scope::Features(_) => ("stored features in one corpus", MAX_PER_CORPUS),
        }
    }

    fn names<'a>(&self, state: &'a State) -> Option<&'a Names> {
        let corpus = |name| state.corpus(name);
        match self {
            Scope::Corpora => Some(&state.corpus_names),
            Scope::RelationKinds => Some(&state.relation_kinds),
            Scope::Attributes(name) => corpus(name).map(|corpus: &Corpus| &corpus.columns.names),
            Scope::Kinds(name) => corpus(name).map(|corpus| &corpus.interactions.kinds),
            Scope::Features(name) => corpus(name).map(|corpus| &corpus.features.names),
        }
    }
}

impl Staging {
    pub(crate) fn new(memory: Arc<Memory>) -> Self {
        Staging { memory, seen: FxHashMap::default(), pending: FxHashMap::default() }
    }

    /// Notes an interaction that was recorded earlier; [`Staging::recovered`] follows the last one.
    pub(crate) fn recover(&mut self, tenant: TenantId, id: InteractionId) {
        self.seen.entry(tenant).or_default().append(id);
    }

    /// All that was recorded earlier has been noted.
    pub(crate) fn recovered(&mut self) {
        self.seen.values_mut().for_each(SeenIds::settle);
    }

    /// Which interactions were recorded, or will be with what is staged.
    pub(crate) fn recorded(&self, tenant: TenantId, ids: &[InteractionId]) -> Vec<bool> {
        let seen = self.seen.get(&tenant);
        ids.iter().map(|id| seen.is_some_and(|seen| seen.contains(*id))).collect()
    }

    /// Notes the interactions of changes that turned out to be on disk.
    pub(crate) fn recover_all(&mut self, tenant: TenantId, changes: &Changes) {
        for change in &changes.list {
            if let Change::Interaction(interaction) = change {
                self.seen.entry(tenant).or_default().insert(interaction.id);
            }
        }
    }

    /// Forgets the ids of interactions that are no longer held.
    pub(crate) fn forget(&mut self, tenant: TenantId, ids: &[InteractionId]) {
        if let Some(seen) = self.seen.get_mut(&tenant) {
            seen.remove_all(ids);
        }
    }

    /// Checks a batch and stages what it changes. Interactions at `floor` or before it are acknowledged and not held.
    pub(crate) fn stage(
        &mut self,
        tenant: TenantId,
        batch: WriteBatch,
        floor: Timestamp,
    ) -> Result<(Changes, WriteOutcome), StoreError> {
        let held = self.memory.tenant_or_new(tenant);
        // Nobody but the writer changes the state, so that a read guard per step sees one and the same.
        let pending = self.pending.entry(tenant).or_default();
        let names = pending.check(&held.state.read(), &batch)?;
        pending.vocabulary.extend(names);
        let mut changes = Changes::default();
        let WriteBatch { tenant_name, names, entities, relations, interactions, features } = batch;
        pending.stage_names(&held.state.read(), tenant_name, names, &mut changes.list);
        for put in entities {
            pending.stage_entity(&held.state.read(), put, &mut changes.list);
        }
        for put in relations {
            pending.stage_relation(&held.state.read(), put, &mut changes.list);
        }
        for put in features {
            pending.stage_features(&held.state.read(), put, &mut changes.list);
        }
        let seen = self.seen.entry(tenant).or_default();
        let mut outcome = WriteOutcome::default();
        for interaction in interactions {
            if held_time(interaction.time) <= floor {
                changes.late += 1;
                match seen.contains(interaction.id) {
                    true => outcome.duplicates += 1,
                    false => outcome.accepted += 1,
                }
            } else if seen.insert(interaction.id) {
                outcome.accepted += 1;
                pending.interactions.push(interaction.id);
                changes.list.push(Change::Interaction(interaction));
            } else {
                outcome.duplicates += 1;
            }
        }
        Ok((changes, outcome))
    }

    /// Everything staged was applied.
    pub(crate) fn applied(&mut self) {
        self.pending.clear();
    }

    /// Nothing staged will be applied.
    pub(crate) fn discard(&mut self) {
        for (tenant, pending) in self.pending.drain() {
            if let Some(seen) = self.seen.get_mut(&tenant) {
                pending.interactions.iter().for_each(|id| seen.remove(*id));
            }
        }
    }
}

impl Pending {
    /// Refuses a batch of which not all can be held; otherwise the names that it brings.
    fn check(&self, state: &State, batch: &WriteBatch) -> Result<FxHashSet<(Scope, Name)>, StoreError> {
        let mut strings: FxHashMap<u64, &str> = FxHashMap::default();
        for (id, text) in &batch.names {
            let known = match strings.entry(*id) {
                MapEntry::Occupied(known) => Some(*known.get()),
                MapEntry::Vacant(slot) => {
                    slot.insert(text);
                    state.dictionary.get(id).or_else(|| self.dictionary.get(id)).map(|known| &**known)
                }
            };
            if let Some(known) = known.filter(|known| **known != **text) {
                return Err(StoreError::IdCollision {
                    id: *id,
                    known: known.to_owned(),
                    new: text.to_string(),
                });
            }
        }
        let mut fresh = FxHashSet::default();
        // What was asked last is asked again mostly: a batch names one corpus and few attributes.
        let mut checked = FxHashSet::default();
        let mut want = |scope: Scope, name: &Name| -> Result<(), StoreError> {
            let item = (scope, name.clone());
            if !checked.insert(item.clone()) || self.vocabulary.contains(&item) {
                return Ok(());
            }
            let held = item.0.names(state);
            if held.is_some_and(|names| names.get(name).is_some()) {
                return Ok(());
            }
            let (what, limit) = item.0.limit();
            let scope = &item.0;
            let of_scope =
                |names: &FxHashSet<(Scope, Name)>| names.iter().filter(|(s, _)| s == scope).count();
            if held.map_or(0, Names::len) + of_scope(&self.vocabulary) + of_scope(&fresh) >= limit {
                return Err(StoreError::TooManyNames { what, limit });
            }
            fresh.insert(item);
            Ok(())
        };
        for put in &batch.entities {
            want(Scope::Corpora, &put.corpus)?;
            for (name, value) in &put.attributes {
                if value.is_some() {
                    want(Scope::Attributes(put.corpus.clone()), name)?;
                }
            }
        }
        for put in batch.relations.iter().filter(|put| !put.remove) {
            want(Scope::Corpora, &put.corpus)?;
            want(Scope::RelationKinds, &put.kind)?;
        }
        for interaction in &batch.interactions {
            want(Scope::Corpora, &interaction.corpus)?;
            want(Scope::Kinds(interaction.corpus.clone()), &interaction.kind)?;
        }
        for put in &batch.features {
            want(Scope::Corpora, &put.corpus)?;
            for (name, value) in &put.values {
                if !value.is_nan() {
                    want(Scope::Features(put.corpus.clone()), name)?;
                }
            }
        }
        Ok(fresh)
    }

    fn stage_names(
        &mut self,
        state: &State,
        tenant_name: Option<Box<str>>,
        names: Vec<(u64, Box<str>)>,
        changes: &mut Vec<Change>,
    ) {
        if let Some(name) = tenant_name
            && state.name.is_none()
            && !std::mem::replace(&mut self.tenant_name, true)
        {
            changes.push(Change::Tenant(name));
        }
        for (id, text) in names {
            if !state.dictionary.contains_key(&id) && !self.dictionary.contains_key(&id) {
                self.dictionary.insert(id, text.clone());
                changes.push(Change::Name(id, text));
            }
        }
    }

    fn stage_entity(&mut self, state: &State, put: EntityPut, changes: &mut Vec<Change>) {
        let slot = self.entities.entry((put.corpus.clone(), put.entity));
        let new = matches!(slot, MapEntry::Vacant(_));
        let current = slot.or_insert_with(|| {
            let corpus = state.corpus(&put.corpus)?;
            corpus.columns.attributes(corpus.entities.get(put.entity.0)?)
        });
        let wanted = match put.remove {
            true => None,
            false => {
                let mut attributes = current.clone().unwrap_or_default();
                for (name, value) in put.attributes {
                    set(&mut attributes, name, value);
                }
                Some(attributes)
            }
        };
        if *current != wanted {
            current.clone_from(&wanted);
            changes.push(Change::Entity { corpus: put.corpus, entity: put.entity, attributes: wanted });
        } else if new {
            // What does not change costs no memory while the batch is on its way.
            self.entities.remove(&(put.corpus, put.entity));
        }
    }

    fn stage_relation(&mut self, state: &State, put: RelationPut, changes: &mut Vec<Change>) {
        let RelationPut { user, kind, corpus, entity, since, weight, remove } = put;
        let pending_key = (user, kind.clone(), corpus.clone(), entity);
        let current = self.relations.get(&pending_key).copied().unwrap_or_else(|| {
            let set = state.relations.get(&state.relation_key(user, &kind, &corpus)?)?;
            set.get(entity).map(|tie| (tie.since, tie.weight))
        });
        let wanted = (!remove).then_some((since, weight));
        if current != wanted {
            self.relations.insert(pending_key, wanted);
            changes.push(Change::Relation { user, kind, corpus, entity, tie: wanted });
        }
    }

    fn stage_features(&mut self, state: &State, put: FeaturePut, changes: &mut Vec<Change>) {
        let FeaturePut { corpus, entity, user, values } = put;
        let slot = self.features.entry((corpus.clone(), entity, user));
        let current = slot.or_insert_with(|| {
            let row = |corpus: &Corpus| corpus.entities.get(entity.0);
            let held = state.corpus(&corpus).and_then(|corpus| Some((corpus, row(corpus)?)));
            held.map_or_else(Vec::new, |(corpus, row)| corpus.features.values(user, row))
        });
        let mut wanted = current.clone();
        for (name, value) in values {
            set(&mut wanted, name, (!value.is_nan()).then_some(value));
        }
        if *current != wanted {
            current.clone_from(&wanted);
            changes.push(Change::Features { corpus, entity, user, values: wanted });
        }
    }
}

/// Sets or removes a name's value among those sorted by name.
fn set<T>(values: &mut Vec<(Name, T)>, name: Name, value: Option<T>) {
    match (values.binary_search_by(|(known, _)| known.cmp(&name)), value) {
        (Ok(at), Some(value)) => values[at].1 = value,
        (Ok(at), None) => drop(values.remove(at)),
        (Err(at), Some(value)) => values.insert(at, (name, value)),
        (Err(_), None) => {}
    }
}
