//! Names that rows hold, each once: rows are small when they share them, and two that are one are known to be equal by
//! their address.

use parking_lot::RwLock;
use recommend_core::Name;
use rustc_hash::{FxHashMap, FxHashSet};

/// Beyond so many, those that nobody holds any more are forgotten.
const SWEEP: usize = 65_536;

/// So many lists of names have a number at most.
const MOST_LISTS: usize = 4_096;

/// All names of a process' rows, and the lists of them that features ask for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    held: RwLock<Held>,
    lists: RwLock<FxHashMap<Vec<Name>, u32>>,
}

/// Names that are asked for together.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) names: Vec<Name>,
    /// The same for the same list; `None` when there are too many lists.
    pub(crate) number: Option<u32>,
}

#[derive(Debug, Default)]
struct Held {
    names: FxHashSet<Name>,
    /// Names at which the next sweep is due.
    sweep: usize,
}

impl Names {
    /// The name of a text that rows hold.
    pub(crate) fn of(&self, text: &str) -> Result<Name, &'static str> {
        if let Some(name) = self.held.read().names.get(text) {
            return Ok(name.clone());
        }
        let name = Name::new(text).map_err(|_| "it has a name that is none")?;
        Ok(self.add(name))
    }

    /// The same names, those in their place that rows hold.
    pub(crate) fn all(&self, names: &[Name]) -> Vec<Name> {
        let held = self.held.read();
        let known: Vec<_> = names.iter().map(|name| held.names.get(name).cloned()).collect();
        drop(held);
        known
            .into_iter()
            .zip(names)
            .map(|(known, name)| known.unwrap_or_else(|| self.add(name.clone())))
            .collect()
    }

    /// A list of names, by its number.
    pub(crate) fn list(&self, names: &[Name]) -> List {
        let names = self.all(names);
        if let Some(number) = self.lists.read().get(&names) {
            return List { names, number: Some(*number) };
        }
        let mut lists = self.lists.write();
        let next = lists.len();
        let number = match lists.get(&names) {
            Some(number) => Some(*number),
            None if next < MOST_LISTS => {
                lists.insert(names.clone(), next as u32);
                Some(next as u32)
            }
            None => None,
        };
        List { names, number }
    }

    fn add(&self, name: Name) -> Name {
        let mut held = self.held.write();
        if let Some(known) = held.names.get(&name) {
            return known.clone();
        }
        if held.names.len() >= held.sweep.max(SWEEP) {
            held.names.retain(|name| !name.is_unique());
            held.sweep = 2 * held.names.len();
        }
        held.names.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_once_and_not_for_ever() {
        let names = Names::default();
        let (one, other) = (names.of("message").unwrap(), names.of("message").unwrap());
        assert!(std::ptr::eq(one.as_str(), other.as_str()));
        assert!(std::ptr::eq(names.all(&[Name::literal("message")])[0].as_str(), one.as_str()));
        assert!(names.of("No name").is_err());
        for at in 0..SWEEP + 10 {
            names.of(&format!("n{at}")).unwrap();
        }
        let held = names.held.read();
        assert!(held.names.len() < 20 && held.names.contains("message"), "{}", held.names.len());
    }
}
