//! The rows of the catalog: what was put about an entity, and what ties a user to entities.

use std::sync::Arc;

use recommend_core::{EntityId, Name, Relation, RelationSet, Timestamp, Value};
use rustc_hash::FxHashMap;

use super::intern::Names;
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
    pub(crate) fn apply(
        &mut self,
        tag: u8,
        input: &mut Input<'_>,
        names: &Names,
    ) -> Result<(), &'static str> {
        match tag {
            KNOWN => self.known = true,
            SET => {
                let name = names.of(input.text()?)?;
                set(&mut self.attributes, name, Some(input.value()?));
            }
            UNSET => set(&mut self.attributes, names.of(input.text()?)?, None),
            REMOVE => {
                self.known = false;
                self.attributes.clear();
            }
            FEATURE => {
                let name = names.of(input.text()?)?;
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
}

/// Names that are looked for in many rows: in the rows' order, which is that of the names, so that one pass finds all.
pub(crate) struct Sought(Vec<One>);

struct One {
    name: Name,
    /// Where it was among those that were asked for.
    place: usize,
    /// Whether it is the name before this one once more.
    again: bool,
}

impl Sought {
    pub(crate) fn new(asked: &[Name], names: &Names) -> Self {
        let one = |(place, name)| One { name, place, again: false };
        let mut all: Vec<_> = names.all(asked).into_iter().enumerate().map(one).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        for at in 1..all.len() {
            all[at].again = all[at].name == all[at - 1].name;
        }
        Sought(all)
    }

    /// Calls `put` with the place and the value of each name that a row has.
    pub(crate) fn find<T: Copy>(&self, row: &[(Name, T)], mut put: impl FnMut(usize, T)) {
        let mut rest = row.iter();
        let mut next = rest.next();
        let mut last = None;
        for One { name, place, again } in &self.0 {
            if !again {
                last = None;
                while let Some((known, value)) = next {
                    // Mostly it is this one, and the same in memory.
                    if known == name {
                        last = Some(*value);
                        next = rest.next();
                        break;
                    }
                    if known > name {
                        break;
                    }
                    next = rest.next();
                }
            }
            if let Some(value) = last {
                put(*place, value);
            }
        }
    }
}

impl TiesRow {
    pub(crate) fn apply(
        &mut self,
        tag: u8,
        input: &mut Input<'_>,
        names: &Names,
    ) -> Result<(), &'static str> {
        match tag {
            TIE => {
                let kind = input.text()?;
                let entity = EntityId(u64::from_le_bytes(input.take()?));
                let since = Timestamp(i64::from_le_bytes(input.take()?));
                let weight = f32::from_le_bytes(input.take()?);
                Arc::make_mut(self.set(kind, names)?).put(Relation { entity, since, weight });
            }
            UNTIE => {
                let kind = input.text()?;
                let entity = EntityId(u64::from_le_bytes(input.take()?));
                Arc::make_mut(self.set(kind, names)?).remove(entity);
            }
            PAIR => {
                let entity = u64::from_le_bytes(input.take()?);
                let name = names.of(input.text()?)?;
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

    fn set(&mut self, kind: &str, names: &Names) -> Result<&mut Arc<RelationSet>, &'static str> {
        let at = match self.relations.iter().position(|(known, _)| known == kind) {
            Some(at) => at,
            None => {
                let kind = names.of(kind)?;
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

    /// The stored values of the user with an entity, by name.
    pub(crate) fn pair(&self, entity: u64) -> &[(Name, f32)] {
        self.pairs.get(&entity).map_or(&[], Vec::as_slice)
    }
}

/// Sets or removes a name's value among those sorted by name.
fn set<T>(values: &mut Vec<(Name, T)>, name: Name, value: Option<T>) {
    let at = match values.last() {
        // Folded rows come in this order.
        Some((last, _)) if *last < name => Err(values.len()),
        _ => values.binary_search_by(|(known, _)| known.cmp(&name)),
    };
    match (at, value) {
        (Ok(at), Some(value)) => values[at].1 = value,
        (Ok(at), None) => drop(values.remove(at)),
        (Err(at), Some(value)) => values.insert(at, (name, value)),
        (Err(_), None) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sought_is_found_in_one_pass(
            held in prop::collection::btree_map(0_u8..30, 0_u8..9, 0..20),
            asked in prop::collection::vec(0_u8..30, 0..20),
        ) {
            let (names, name) = (Names::default(), |number: u8| Name::new(&format!("f{number}")).unwrap());
            let mut row = Vec::new();
            for (number, value) in &held {
                set(&mut row, names.of(name(*number).as_str()).unwrap(), Some(*value));
            }
            let mut found = vec![None; asked.len()];
            let list: Vec<Name> = asked.iter().map(|number| name(*number)).collect();
            Sought::new(&list, &names).find(&row, |place, value| found[place] = Some(value));
            let wanted: Vec<_> = asked.iter().map(|number| held.get(number).copied()).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
