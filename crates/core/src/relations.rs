//! Relations: what ties a user to entities (member, dismissed, contact…), as the catalog holds it.

use std::sync::Arc;

use crate::ids::EntityId;
use crate::names::Name;
use crate::time::Timestamp;

/// One tie between a user and an entity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relation {
    /// To what.
    pub entity: EntityId,
    /// Since when, or when it was last renewed.
    pub since: Timestamp,
    /// How strong; 1.0 when nothing else is known.
    pub weight: f32,
}

/// All ties of one kind that a user has in one corpus, sorted by entity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelationSet(Vec<Relation>);

impl RelationSet {
    /// Sorts by entity; of two ties to one entity the later in `relations` stays.
    pub fn new(mut relations: Vec<Relation>) -> Self {
        relations.reverse();
        relations.sort_by_key(|r| r.entity);
        relations.dedup_by_key(|r| r.entity);
        RelationSet(relations)
    }

    /// The tie to an entity.
    pub fn get(&self, entity: EntityId) -> Option<&Relation> {
        self.0.binary_search_by_key(&entity, |r| r.entity).ok().map(|at| &self.0[at])
    }

    /// Whether there is a tie to an entity.
    pub fn contains(&self, entity: EntityId) -> bool {
        self.get(entity).is_some()
    }

    /// All ties, by entity.
    pub fn iter(&self) -> std::slice::Iter<'_, Relation> {
        self.0.iter()
    }

    /// How many ties.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds or renews a tie.
    pub fn put(&mut self, relation: Relation) {
        match self.0.binary_search_by_key(&relation.entity, |r| r.entity) {
            Ok(at) => self.0[at] = relation,
            Err(at) => self.0.insert(at, relation),
        }
    }

    /// Removes a tie; whether there was one.
    pub fn remove(&mut self, entity: EntityId) -> bool {
        match self.0.binary_search_by_key(&entity, |r| r.entity) {
            Ok(at) => {
                self.0.remove(at);
                true
            }
            Err(_) => false,
        }
    }
}

/// The relations of the user who asks, loaded once per request.
#[derive(Debug, Clone, Default)]
pub struct Relations(Vec<(Name, Arc<RelationSet>)>);

impl Relations {
    /// From what the catalog returned for each kind.
    pub fn new(sets: Vec<(Name, Arc<RelationSet>)>) -> Self {
        Relations(sets)
    }

    /// The ties of one kind; `None` when the kind was not asked for or could not be loaded.
    pub fn get(&self, kind: &str) -> Option<&RelationSet> {
        self.0.iter().find(|(name, _)| name == kind).map(|(_, set)| &**set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(entity: u64, weight: f32) -> Relation {
        Relation { entity: EntityId(entity), since: Timestamp(0), weight }
    }

    #[test]
    fn a_set_holds_one_tie_per_entity_and_the_last_one_wins() {
        let mut set = RelationSet::new(vec![tie(3, 1.0), tie(1, 1.0), tie(3, 2.0)]);
        assert_eq!(set.len(), 2);
        assert_eq!(set.get(EntityId(3)).map(|r| r.weight), Some(2.0));
        set.put(tie(2, 5.0));
        assert!(set.contains(EntityId(2)) && set.remove(EntityId(2)) && !set.remove(EntityId(2)));
    }
}
