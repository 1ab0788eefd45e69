//! The interactions of a backtest: columns in the order of time, with small numbers for users, entities and kinds.

use std::hash::Hash;

use recommend_core::{EntityId, Name, Timestamp, UserId};
use rustc_hash::FxHashMap;

/// One interaction; 24 bytes, because there may be tens of millions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// Who: a row of [`History::users`].
    pub user: u32,
    /// With what: a row of [`History::entities`].
    pub entity: u32,
    /// How much.
    pub value: f32,
    /// What was done: a row of [`History::kinds`].
    pub kind: u16,
}

/// All interactions, oldest first; what happened in one moment stays in the order in which it came.
#[derive(Debug, Default)]
pub struct History {
    events: Vec<Event>,
    users: Vec<UserId>,
    entities: Vec<(u16, EntityId)>,
    corpora: Vec<Name>,
    kinds: Vec<Name>,
}

impl History {
    /// Starts an empty one.
    ///
    /// ```
    /// use recommend_backtest::History;
    /// use recommend_core::{EntityId, Name, Timestamp, UserId};
    ///
    /// let (channel, join) = (Name::literal("channel"), Name::literal("join"));
    /// let mut builder = History::builder();
    /// builder.push(UserId(2), &channel, EntityId(9), &join, Timestamp(20), 1.0);
    /// builder.push(UserId(1), &channel, EntityId(9), &join, Timestamp(10), 1.0);
    /// let history = builder.build();
    /// assert_eq!(history.events()[0].time, Timestamp(10));
    /// assert_eq!(history.entities().len(), 1);
    /// ```
    pub fn builder() -> HistoryBuilder {
        HistoryBuilder::default()
    }

    /// The interactions, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The users by row.
    pub fn users(&self) -> &[UserId] {
        &self.users
    }

    /// The entities by row, each with the row of its corpus.
    pub fn entities(&self) -> &[(u16, EntityId)] {
        &self.entities
    }

    /// The corpora by row.
    pub fn corpora(&self) -> &[Name] {
        &self.corpora
    }

    /// The kinds by row.
    pub fn kinds(&self) -> &[Name] {
        &self.kinds
    }

    /// The row of a kind.
    pub fn kind(&self, name: &Name) -> Option<u16> {
        position(&self.kinds, name)
    }

    /// The row of a corpus.
    pub fn corpus(&self, name: &Name) -> Option<u16> {
        position(&self.corpora, name)
    }

    /// The same users and entities with other interactions.
    #[must_use]
    pub fn with_events(&self, mut events: Vec<Event>) -> History {
        events.sort_by_key(|event| event.time);
        History {
            events,
            users: self.users.clone(),
            entities: self.entities.clone(),
            corpora: self.corpora.clone(),
            kinds: self.kinds.clone(),
        }
    }
}

fn position(names: &[Name], name: &Name) -> Option<u16> {
    names.iter().position(|known| known == name).map(|at| at as u16)
}

/// Gathers interactions in any order.
#[derive(Debug, Default)]
pub struct HistoryBuilder {
    history: History,
    users: FxHashMap<UserId, u32>,
    entities: FxHashMap<(u16, EntityId), u32>,
}

impl HistoryBuilder {
    /// Adds an interaction.
    pub fn push(
        &mut self,
        user: UserId,
        corpus: &Name,
        entity: EntityId,
        kind: &Name,
        time: Timestamp,
        value: f32,
    ) {
        let corpus = name_row(&mut self.history.corpora, corpus);
        let kind = name_row(&mut self.history.kinds, kind);
        let user = row(&mut self.users, &mut self.history.users, user);
        let entity = row(&mut self.entities, &mut self.history.entities, (corpus, entity));
        self.history.events.push(Event { time, user, entity, value, kind });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.history.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts them in order.
    pub fn build(self) -> History {
        let mut history = self.history;
        // Stable: rows of one moment keep the order of the file.
        history.events.sort_by_key(|event| event.time);
        history
    }
}

/// The row of a name; there are few, so that looking at each beats hashing.
fn name_row(names: &mut Vec<Name>, name: &Name) -> u16 {
    position(names, name).unwrap_or_else(|| {
        names.push(name.clone());
        (names.len() - 1) as u16
    })
}

fn row<T: Copy + Eq + Hash>(rows: &mut FxHashMap<T, u32>, list: &mut Vec<T>, item: T) -> u32 {
    *rows.entry(item).or_insert_with(|| {
        list.push(item);
        (list.len() - 1) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_in_two_corpora_is_two_entities() {
        let mut builder = History::builder();
        for corpus in ["channel", "user"] {
            builder.push(
                UserId(1),
                &Name::literal(corpus),
                EntityId(7),
                &Name::literal("view"),
                Timestamp(1),
                1.0,
            );
        }
        let history = builder.build();
        assert_eq!((history.entities().len(), history.users().len(), history.kinds().len()), (2, 1, 1));
    }

    #[test]
    fn one_moment_keeps_the_order_of_the_file() {
        let mut builder = History::builder();
        for entity in [5, 3, 4] {
            builder.push(
                UserId(1),
                &Name::literal("c"),
                EntityId(entity),
                &Name::literal("k"),
                Timestamp(1),
                1.0,
            );
        }
        let history = builder.build();
        let order: Vec<u64> =
            history.events().iter().map(|e| history.entities()[e.entity as usize].1.0).collect();
        assert_eq!(order, [5, 3, 4]);
    }
}
