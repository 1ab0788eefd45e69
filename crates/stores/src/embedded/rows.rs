//! Stored feature values of one corpus: columns for entities, short rows for (user, entity) pairs.

use recommend_core::{Name, UserId};
use rustc_hash::FxHashMap;

use super::names::Names;

/// The values of one pair, by number of the feature.
type PairRow = Box<[(u8, f32)]>;

/// Feature values by row of the entity.
#[derive(Debug, Default)]
pub(crate) struct FeatureColumns {
    pub(crate) names: Names,
    entity: Vec<Vec<f32>>,
    pair: FxHashMap<(UserId, u32), PairRow>,
}

impl FeatureColumns {
    /// One value; NaN where there is none.
    pub(crate) fn entity(&self, row: u32, column: u8) -> f32 {
        let column = self.entity.get(usize::from(column));
        column.and_then(|column| column.get(row as usize)).copied().unwrap_or(f32::NAN)
    }

    /// The values of a pair, by number of the feature.
    pub(crate) fn pair(&self, user: UserId, row: u32) -> &[(u8, f32)] {
        self.pair.get(&(user, row)).map_or(&[], |values| values)
    }

    /// All values of an entity or of a pair, by name.
    pub(crate) fn values(&self, user: Option<UserId>, row: u32) -> Vec<(Name, f32)> {
        let mut values: Vec<_> = match user {
            Some(user) => self
                .pair(user, row)
                .iter()
                .map(|(at, value)| (self.names.name(*at).clone(), *value))
                .collect(),
            None => {
                let value = |(at, name): (usize, &Name)| (name.clone(), self.entity(row, at as u8));
                self.names.iter().enumerate().map(value).filter(|(_, value)| !value.is_nan()).collect()
            }
        };
        values.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        values
    }

    /// Makes `values` all values of an entity or of a pair.
    pub(crate) fn replace(&mut self, user: Option<UserId>, row: u32, values: &[(Name, f32)]) {
        let numbered = values.iter().map(|(name, value)| (self.names.intern(name), *value));
        let numbered: PairRow = numbered.collect();
        match user {
            Some(user) if numbered.is_empty() => drop(self.pair.remove(&(user, row))),
            Some(user) => drop(self.pair.insert((user, row), numbered)),
            None => {
                let row = row as usize;
                for column in &mut self.entity {
                    if let Some(value) = column.get_mut(row) {
                        *value = f32::NAN;
                    }
                }
                for (at, value) in numbered {
                    let at = usize::from(at);
                    if self.entity.len() <= at {
                        self.entity.resize_with(at + 1, Vec::new);
                    }
                    if self.entity[at].len() <= row {
                        self.entity[at].resize(row + 1, f32::NAN);
                    }
                    self.entity[at][row] = value;
                }
            }
        }
    }
}
