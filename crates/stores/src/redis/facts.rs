//! The rows of the catalog: what was put about an entity, and what ties a user to entities.

use std::sync::Arc;

use recommend_core::{EntityId, Name, Relation, RelationSet, Timestamp, Value};
use rustc_hash::FxHashMap;

use crate::embedded::decode::Input;
use crate::embedded::encode::{attribute, text};
use crate::write::{EntityPut, FeaturePut, RelationPut};

const SET: u8 = 2;
const UNSET: u8 = 3;
const KNOWN: u8 = 4;
const REMOVE: u8 = 5;
const FEATURE: u8 = 6;
const TIE: u8 = 7;
const UNTIE: u8 = 8;
const PAIR: u8 = 9;

/// Attributes and stored feature values of one entity.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FactsRow {
    /// Whether the entity was put.
    pub(crate) known: bool,
    /// By name.
    pub(crate) attributes: Vec<(Name, Value)>,
    /// By name.
    pub(crate) features: Vec<(Name, f32)>,
}

/// A user's ties to the entities of one corpus, and stored values of the user with each of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TiesRow {
    pub(crate) relations: Vec<(Name, Arc<RelationSet>)>,
    pub(crate) pairs: FxHashMap<u64, Vec<(Name, f32)>>,
}

/// The bytes of a put.
pub(crate) fn put(put: &EntityPut) -> Vec<u8> {
    if put.remove {
        return vec![REMOVE];
    }
    let mut out = vec![KNOWN];
    for (name, value) in &put.attributes {
        match value {
            Some(value) => {
                out.push(SET);
                attribute(&mut out, &(name.clone(), *value));
            }
            None => {
                out.push(UNSET);
                text(&mut out, name.as_str());
            }
        }
    }
    out
}

/// The bytes of feature values.
pub(crate) fn features(put: &FeaturePut) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in &put.values {
        feature(&mut out, put.user.map(|_| put.entity.0), name, *value);
    }
    out
}

fn feature(out: &mut Vec<u8>, entity: Option<u64>, name: &Name, value: f32) {
    match entity {
        None => out.push(FEATURE),
        Some(entity) => {
            out.push(PAIR);
            out.extend_from_slice(&entity.to_le_bytes());
        }
    }
    text(out, name.as_str());
    out.extend_from_slice(&value.to_le_bytes());
}

/// The bytes of a tie.
pub(crate) fn tie(put: &RelationPut) -> Vec<u8> {
    let mut out = Vec::new();
    match put.remove {
        true => {
            out.push(UNTIE);
            text(&mut out, put.kind.as_str());
            out.extend_from_slice(&put.entity.0.to_le_bytes());
        }
        false => {
            let tie = Relation { entity: put.entity, since: put.since, weight: put.weight };
            relation(&mut out, &put.kind, &tie);
        }
    }
    out
}

fn relation(out: &mut Vec<u8>, kind: &Name, tie: &Relation) {
    out.push(TIE);
    text(out, kind.as_str());
    out.extend_from_slice(&tie.entity.0.to_le_bytes());
    out.extend_from_slice(&tie.since.0.to_le_bytes());
    out.extend_from_slice(&tie.weight.to_le_bytes());
}

impl FactsRow {
    pub(crate) fn apply(&mut self, tag: u8, input: &mut Input<'_>) -> Result<(), &'static str> {
        match tag {
            KNOWN => self.known = true,
            SET => {
                let (name, value) = input.attribute()?;
                set(&mut self.attributes, name, Some(value));
            }
            UNSET => set(&mut self.attributes, input.name()?, None),
            REMOVE => {
                self.known = false;
                self.attributes.clear();
            }
            FEATURE => {
                let name = input.name()?;
                let value = f32::from_le_bytes(input.take()?);
                set(&mut self.features, name, (!value.is_nan()).then_some(value));
            }
            _ => return Err("it has an entry that this program does not know"),
        }
        Ok(())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        if self.known {
            out.push(KNOWN);
        }
        for held in &self.attributes {
            out.push(SET);
            attribute(out, held);
        }
        self.features.iter().for_each(|(name, value)| feature(out, None, name, *value));
    }

    pub(crate) fn value(&self, name: &Name) -> Option<Value> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    pub(crate) fn feature(&self, name: &Name) -> f32 {
        self.features.iter().find(|(known, _)| known == name).map_or(f32::NAN, |(_, value)| *value)
    }
}

impl TiesRow {
    pub(crate) fn apply(&mut self, tag: u8, input: &mut Input<'_>) -> Result<(), &'static str> {
        match tag {
            TIE => {
                let kind = input.text()?;
                let entity = EntityId(u64::from_le_bytes(input.take()?));
                let since = Timestamp(i64::from_le_bytes(input.take()?));
                let weight = f32::from_le_bytes(input.take()?);
                Arc::make_mut(self.set(kind)?).put(Relation { entity, since, weight });
            }
            UNTIE => {
                let kind = input.text()?;
                let entity = EntityId(u64::from_le_bytes(input.take()?));
                Arc::make_mut(self.set(kind)?).remove(entity);
            }
            PAIR => {
                let entity = u64::from_le_bytes(input.take()?);
                let name = input.name()?;
                let value = f32::from_le_bytes(input.take()?);
                let values = self.pairs.entry(entity).or_default();
                set(values, name, (!value.is_nan()).then_some(value));
                if values.is_empty() {
                    self.pairs.remove(&entity);
                }
            }
            _ => return Err("it has an entry that this program does not know"),
        }
        Ok(())
    }

    fn set(&mut self, kind: &str) -> Result<&mut Arc<RelationSet>, &'static str> {
        let at = match self.relations.iter().position(|(known, _)| known == kind) {
            Some(at) => at,
            None => {
                let kind = Name::new(kind).map_err(|_| "it has a name that is none")?;
                self.relations.push((kind, Arc::default()));
                self.relations.len() - 1
            }
        };
        Ok(&mut self.relations[at].1)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for (kind, set) in &self.relations {
            set.iter().for_each(|tie| relation(out, kind, tie));
        }
        let mut entities: Vec<_> = self.pairs.keys().copied().collect();
        entities.sort_unstable();
        for entity in entities {
            self.pairs[&entity].iter().for_each(|(name, value)| feature(out, Some(entity), name, *value));
        }
    }

    pub(crate) fn relation(&self, kind: &Name) -> Arc<RelationSet> {
        self.relations
            .iter()
            .find(|(known, _)| known == kind)
            .map(|(_, set)| Arc::clone(set))
            .unwrap_or_default()
    }

    pub(crate) fn pair(&self, entity: u64, name: &Name) -> f32 {
        let values = self.pairs.get(&entity).map_or(&[][..], Vec::as_slice);
        values.iter().find(|(known, _)| known == name).map_or(f32::NAN, |(_, value)| *value)
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
