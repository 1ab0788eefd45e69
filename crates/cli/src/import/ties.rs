//! Relations that follow from interactions: `--relation-add member=channel_join --relation-remove member=channel_leave`.
//!
//! What counts is the state after the last of them, by time and then by place in the file, whatever order the rows
//! come in.

use std::str::FromStr;

use recommend_core::{Name, Timestamp};
use rustc_hash::FxHashMap;

use super::values::to_name;
use crate::records::{InteractionRow, RelationRow};

/// Kinds of interaction that add or remove one kind of relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TieKinds {
    relation: Name,
    kinds: Vec<Name>,
}

impl FromStr for TieKinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (relation, kinds) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} has no `=`; write for example member=channel_join,message"))?;
        let kinds = kinds.split(',').map(to_name).collect::<Result<Vec<_>, _>>()?;
        Ok(TieKinds { relation: to_name(relation)?, kinds })
    }
}

/// When something happened: a time, and the place in the file for ties.
type Moment = (Timestamp, u64);

/// What is known about one tie so far.
#[derive(Debug, Default)]
struct State {
    first_add: Option<Moment>,
    last_add: Option<Moment>,
    last_remove: Option<Moment>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    relation: Name,
    corpus: Name,
    user: String,
    entity: String,
}

/// Collects the ties of an import.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    add: Vec<TieKinds>,
    remove: Vec<TieKinds>,
    seen: u64,
    states: FxHashMap<Key, State>,
}

impl Ties {
    pub(crate) fn new(add: Vec<TieKinds>, remove: Vec<TieKinds>) -> Self {
        Ties { add, remove, ..Ties::default() }
    }

    /// One relation with one kind that adds and one that removes.
    pub(crate) fn of(relation: &'static str, add: &Name, remove: &Name) -> Self {
        let rule =
            |kind: &Name| vec![TieKinds { relation: Name::literal(relation), kinds: vec![kind.clone()] }];
        Ties::new(rule(add), rule(remove))
    }

    /// Takes an interaction into account.
    pub(crate) fn observe(&mut self, row: &InteractionRow) {
        let Ties { add, remove, seen, states } = self;
        for (rules, adds) in [(&*add, true), (&*remove, false)] {
            for rule in rules.iter().filter(|rule| rule.kinds.contains(&row.kind)) {
                *seen += 1;
                let moment = (row.time, *seen);
                let key = Key {
                    relation: rule.relation.clone(),
                    corpus: row.corpus.clone(),
                    user: row.user.clone(),
                    entity: row.entity.clone(),
                };
                states.entry(key).or_default().happened(moment, adds);
            }
        }
    }

    /// The relations after all that was observed, in a fixed order.
    pub(crate) fn finish(&mut self) -> Vec<RelationRow> {
        let mut rows: Vec<RelationRow> =
            self.states.drain().filter_map(|(key, state)| state.row(key)).collect();
        rows.sort_by(|a, b| {
            (&a.kind, &a.corpus, &a.user, &a.entity).cmp(&(&b.kind, &b.corpus, &b.user, &b.entity))
        });
        rows
    }
}

impl State {
    fn happened(&mut self, moment: Moment, adds: bool) {
        if adds {
            // The tie lasts since the first addition after the last removal.
            if self.last_remove.is_none_or(|removed| moment > removed) {
                self.first_add = Some(self.first_add.map_or(moment, |first| first.min(moment)));
            }
            self.last_add = self.last_add.max(Some(moment));
        } else if self.last_remove.is_none_or(|removed| moment > removed) {
            self.last_remove = Some(moment);
            if self.first_add.is_some_and(|first| first < moment) {
                self.first_add = self.last_add.filter(|last| *last > moment);
            }
        }
    }

    fn row(&self, key: Key) -> Option<RelationRow> {
        let ((since, _), remove) = match (self.first_add, self.last_remove) {
            (Some(add), _) => (add, false),
            (None, Some(removed)) => (removed, true),
            (None, None) => return None,
        };
        let Key { relation, corpus, user, entity } = key;
        Some(RelationRow { user, kind: relation, corpus, entity, since, weight: 1.0, remove })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[(&'static str, i64)]) -> Vec<(i64, bool)> {
        let mut ties =
            Ties::new(vec!["member=join,message".parse().unwrap()], vec!["member=leave".parse().unwrap()]);
        for (kind, time) in events {
            ties.observe(&InteractionRow {
                id: String::new(),
                request: None,
                user: "u".into(),
                corpus: Name::literal("channel"),
                entity: "c".into(),
                kind: Name::literal(kind),
                time: Timestamp(*time),
                value: 1.0,
            });
        }
        ties.finish().iter().map(|row| (row.since.millis(), row.remove)).collect()
    }

    #[test]
    fn the_last_event_decides_and_a_tie_lasts_since_it_was_made() {
        assert_eq!(after(&[("join", 1), ("message", 5)]), [(1, false)]);
        assert_eq!(after(&[("join", 1), ("leave", 2)]), [(2, true)]);
        assert_eq!(after(&[("join", 1), ("leave", 2), ("join", 3), ("message", 4)]), [(3, false)]);
        assert_eq!(after(&[("read", 1)]), []);
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter() {
        assert_eq!(after(&[("leave", 2), ("join", 1)]), [(2, true)]);
        assert_eq!(after(&[("join", 3), ("leave", 2), ("join", 1)]), [(3, false)]);
        assert_eq!(after(&[("join", 2), ("leave", 2)]), [(2, true)], "at one time the later row counts");
    }
}
