//! Attributes: what the catalog knows about entities, as columns.

use crate::candidates::compact;
use crate::ids::EntityId;
use crate::names::Name;
use crate::time::Timestamp;

/// One attribute of one entity. Words are ids too: `topic = "sports"` is held as the [`EntityId`] of `"sports"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Yes or no: private, archived, bot.
    Bool(bool),
    /// A count or an amount; finite.
    Number(f64),
    /// A moment: created, last renamed.
    Time(Timestamp),
    /// Another entity, a user, a group, or a word.
    Id(EntityId),
}

impl Value {
    /// The value as a yes or no; only [`Value::Bool`] is one.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value as an id.
    pub fn as_id(self) -> Option<EntityId> {
        match self {
            Value::Id(id) => Some(id),
            _ => None,
        }
    }

    /// The value as a moment.
    pub fn as_time(self) -> Option<Timestamp> {
        match self {
            Value::Time(time) => Some(time),
            _ => None,
        }
    }

    /// What the value is called in messages.
    pub fn type_name(self) -> &'static str {
        match self {
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::Time(_) => "time",
            Value::Id(_) => "id",
        }
    }
}

/// Attributes of several entities: one column per name, one row per entity, in the order they were asked for.
#[derive(Debug, Clone, Default)]
pub struct AttributeTable {
    rows: usize,
    known: Vec<bool>,
    names: Vec<Name>,
    columns: Vec<Vec<Option<Value>>>,
    degraded: Option<Box<str>>,
}

impl AttributeTable {
    /// A table of `rows` entities of which nothing is known yet.
    pub fn new(rows: usize, names: &[Name]) -> Self {
        AttributeTable {
            rows,
            known: vec![false; rows],
            names: names.to_vec(),
            columns: names.iter().map(|_| vec![None; rows]).collect(),
            degraded: None,
        }
    }

    /// Why some of it is missing or is not as it is now, when the store could not do better.
    pub fn degraded(&self) -> Option<&str> {
        self.degraded.as_deref()
    }

    /// Says that some of it is missing or is not as it is now.
    pub fn set_degraded(&mut self, reason: &str) {
        self.degraded = Some(reason.into());
    }

    /// How many entities.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Whether the catalog holds the entity of this row at all.
    pub fn known(&self, row: usize) -> bool {
        self.known.get(row).copied().unwrap_or(false)
    }

    /// Marks an entity as held by the catalog.
    pub fn set_known(&mut self, row: usize) {
        self.known[row] = true;
    }

    /// A column by name; `None` when it was not asked for.
    pub fn column(&self, name: &str) -> Option<&[Option<Value>]> {
        let at = self.names.iter().position(|n| n == name)?;
        Some(&self.columns[at])
    }

    /// A column by position, for filling.
    pub fn column_mut(&mut self, at: usize) -> &mut [Option<Value>] {
        &mut self.columns[at]
    }

    /// One value.
    pub fn get(&self, row: usize, name: &str) -> Option<Value> {
        self.column(name)?.get(row).copied().flatten()
    }

    /// Keeps the rows for which `keep` says so, in order.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        compact(&mut self.known, keep);
        for column in &mut self.columns {
            compact(column, keep);
        }
        self.rows = self.known.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_values_when_others_go() {
        let name = Name::literal("size");
        let mut table = AttributeTable::new(3, std::slice::from_ref(&name));
        for row in 0..3 {
            table.column_mut(0)[row] = Some(Value::Number(row as f64));
        }
        table.set_known(2);
        table.retain(&[true, false, true]);
        assert_eq!(table.rows(), 2);
        assert_eq!(table.get(1, "size"), Some(Value::Number(2.0)));
        assert!(table.known(1) && !table.known(0));
        assert_eq!(table.get(1, "colour"), None);
    }
}
