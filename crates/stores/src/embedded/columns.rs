//! The attributes of one corpus, as columns, with an index of each that holds times.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use recommend_core::{EntityId, Name, Timestamp, Value};

use super::members::Members;
use super::names::Names;

/// Attribute columns by row of the entity.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) names: Names,
    columns: Vec<Column>,
    known: Vec<bool>,
    count: usize,
    pub(crate) members: Members,
}

#[derive(Debug, Default)]
struct Column {
    values: Vec<Option<Value>>,
    filled: usize,
    /// Newest first, ties by id.
    times: BTreeSet<(Reverse<Timestamp>, EntityId)>,
}

impl Columns {
    /// Whether the entity in this row was put.
    pub(crate) fn known(&self, row: u32) -> bool {
        self.known.get(row as usize).copied().unwrap_or(false)
    }

    /// How many entities were put.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn value(&self, row: u32, column: u8) -> Option<Value> {
        self.columns.get(usize::from(column))?.values.get(row as usize).copied().flatten()
    }

    /// All attributes of an entity that was put, by name.
    pub(crate) fn attributes(&self, row: u32) -> Option<Vec<(Name, Value)>> {
        self.known(row).then(|| {
            let value = |(at, name): (usize, &Name)| Some((name.clone(), self.value(row, at as u8)?));
            let mut attributes: Vec<_> = self.names.iter().enumerate().filter_map(value).collect();
            attributes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            attributes
        })
    }

    /// Makes `attributes` all that is known about an entity, or removes it.
    pub(crate) fn replace(&mut self, id: EntityId, row: u32, attributes: Option<&[(Name, Value)]>) {
        let was = self.known(row);
        if self.known.len() <= row as usize {
            self.known.resize(row as usize + 1, false);
        }
        self.known[row as usize] = attributes.is_some();
        match (was, attributes.is_some()) {
            (false, true) => {
                self.count += 1;
                self.members.add(id);
            }
            (true, false) => {
                self.count -= 1;
                self.members.remove(id);
            }
            _ => {}
        }
        let attributes = attributes.unwrap_or(&[]);
        for (name, value) in attributes {
            let at = usize::from(self.names.intern(name));
            if self.columns.len() <= at {
                self.columns.resize_with(at + 1, Column::default);
            }
            self.columns[at].set(id, row, Some(*value));
        }
        for (at, column) in self.columns.iter_mut().enumerate() {
            let name = self.names.name(at as u8);
            if !attributes.iter().any(|(kept, _)| kept == name) {
                column.set(id, row, None);
            }
        }
    }

    /// Entities whose time in `column` lies in `since..=until`, newest first, ties by id.
    pub(crate) fn newest(
        &self,
        column: u8,
        since: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = (EntityId, Timestamp)> {
        let times = self.columns.get(usize::from(column)).map(|column| &column.times);
        let bounds = (Reverse(until), EntityId(0))..=(Reverse(since), EntityId(u64::MAX));
        // A range that ends before it begins is a panic of the tree's.
        let times = times.filter(|_| since <= until);
        times.into_iter().flat_map(move |times| times.range(bounds.clone())).map(|(time, id)| (*id, time.0))
    }

    /// How many entities have each attribute, by name.
    pub(crate) fn filled(&self) -> Vec<(Name, usize)> {
        let counts = self.names.iter().zip(&self.columns).map(|(name, column)| (name.clone(), column.filled));
        let mut counts: Vec<_> = counts.filter(|(_, filled)| *filled > 0).collect();
        counts.sort_unstable();
        counts
    }
}

impl Column {
    fn set(&mut self, id: EntityId, row: u32, value: Option<Value>) {
        let row = row as usize;
        if self.values.len() <= row {
            if value.is_none() {
                return;
            }
            self.values.resize(row + 1, None);
        }
        let old = std::mem::replace(&mut self.values[row], value);
        if old == value {
            return;
        }
        self.filled = self.filled + usize::from(value.is_some()) - usize::from(old.is_some());
        if let Some(Value::Time(time)) = old {
            self.times.remove(&(Reverse(time), id));
        }
        if let Some(Value::Time(time)) = value {
            self.times.insert((Reverse(time), id));
        }
    }
}
