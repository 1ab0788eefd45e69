//! Small bounded vocabularies: names become small numbers.

use recommend_core::Name;

/// The most corpora of one tenant.
pub(crate) const MAX_CORPORA: usize = 64;
/// The most attributes, kinds of interaction or stored features of one corpus.
pub(crate) const MAX_PER_CORPUS: usize = 256;
/// The most kinds of relation of one tenant.
pub(crate) const MAX_RELATION_KINDS: usize = 64;

/// Names in the order they came; a name's position is its number and never changes.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<Name>);

impl Names {
    pub(crate) fn get(&self, name: &Name) -> Option<u8> {
        // A few names at most: comparing them beats hashing one.
        self.0.iter().position(|known| known == name).map(|at| at as u8)
    }

    /// The number of a name, new or not. Bounds are checked before anything is applied.
    pub(crate) fn intern(&mut self, name: &Name) -> u8 {
        self.get(name).unwrap_or_else(|| {
            debug_assert!(self.0.len() < MAX_PER_CORPUS);
            self.0.push(name.clone());
            (self.0.len() - 1) as u8
        })
    }

    pub(crate) fn name(&self, number: u8) -> &Name {
        &self.0[usize::from(number)]
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Name> {
        self.0.iter()
    }
}

/// A set of kinds of one corpus, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct KindSet([u64; MAX_PER_CORPUS / 64]);

impl KindSet {
    /// All kinds, also those to come.
    pub(crate) const ALL: KindSet = KindSet([u64::MAX; MAX_PER_CORPUS / 64]);

    /// The numbers of `wanted`, or all when none is named. A kind that nobody ever wrote is not in the set.
    pub(crate) fn of(kinds: &Names, wanted: &[Name]) -> Self {
        if wanted.is_empty() {
            return KindSet::ALL;
        }
        let mut set = KindSet::default();
        wanted.iter().filter_map(|name| kinds.get(name)).for_each(|kind| set.insert(kind));
        set
    }

    fn insert(&mut self, kind: u8) {
        self.0[usize::from(kind >> 6)] |= 1 << (kind & 63);
    }

    pub(crate) fn contains(&self, kind: u8) -> bool {
        self.0[usize::from(kind >> 6)] >> (kind & 63) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kinds_means_all_and_an_unknown_kind_none() {
        let mut names = Names::default();
        let (a, b) = (Name::literal("a"), Name::literal("b"));
        assert_eq!((names.intern(&a), names.intern(&b), names.intern(&a)), (0, 1, 0));
        let all = KindSet::of(&names, &[]);
        assert!(all.contains(0) && all.contains(255));
        assert_eq!(KindSet::of(&names, &[Name::literal("c")]), KindSet::default());
    }
}
