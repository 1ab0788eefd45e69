//! `cap-per-group`: at most so many candidates that share the value of an attribute.

use recommend_core::{BuildError, ComponentError, Name, Needs, Reranker, Slate, View};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::attributes;

/// Lets at most `max` candidates of each group stand before all candidates over the cap. A candidate without the
/// attribute belongs to no group and is never capped.
///
/// What is over the cap moves behind all others, in its order, so that it still fills a slate that would otherwise be short;
/// [`CapPer::drop_overflow`] takes it out instead.
///
/// ```
/// # use recommend_rerankers::CapPer;
/// let three_of_a_topic = CapPer::group("topic", 3);
/// ```
#[derive(Debug, Clone)]
pub struct CapPer {
    by: Name,
    max: usize,
    drop: bool,
}

/// `{ kind = "cap-per-group", by = "topic", max = 3, overflow = "last" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    by: Name,
    max: usize,
    #[serde(default)]
    overflow: Overflow,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Overflow {
    #[default]
    Last,
    Drop,
}

impl Settings {
    pub(crate) fn build(self) -> Result<CapPer, BuildError> {
        if self.max == 0 {
            let reason = "`max` is 0, which would let nothing through; write at least 1".to_owned();
            return Err(BuildError::Invalid(reason));
        }
        Ok(CapPer { by: self.by, max: self.max, drop: self.overflow == Overflow::Drop })
    }
}

impl CapPer {
    /// At most `max` (at least 1) candidates with the same value of the attribute.
    ///
    /// # Panics
    /// When the attribute is not a [`Name`]; for literals.
    #[track_caller]
    pub fn group(attribute: &'static str, max: usize) -> Self {
        CapPer { by: Name::literal(attribute), max: max.max(1), drop: false }
    }

    /// Takes what is over the cap out of the slate.
    #[must_use]
    pub fn drop_overflow(mut self) -> Self {
        self.drop = true;
        self
    }
}

impl Reranker for CapPer {
    fn kind(&self) -> &'static str {
        "cap-per-group"
    }

    fn needs(&self) -> Needs {
        Needs::attributes([self.by.clone()])
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let groups = attributes::column(view, self.by.as_str())?;
        let mut sizes: FxHashMap<(u8, u64), usize> = FxHashMap::default();
        let mut overflow = Vec::new();
        slate.entries.retain(|entry| {
            let Some(group) = groups[entry.row as usize] else { return true };
            let size = sizes.entry(attributes::key(group)).or_default();
            *size += 1;
            let fits = *size <= self.max;
            if !fits && !self.drop {
                overflow.push(*entry);
            }
            fits
        });
        slate.entries.append(&mut overflow);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::{EntityId, Value};

    use super::*;
    use crate::testing::{Scene, rows, same_rows};

    fn scene(groups: &[Option<u64>]) -> Scene {
        let scores: Vec<f32> = (0..groups.len()).map(|n| -(n as f32)).collect();
        let ids = groups.iter().map(|group| group.map(|id| Value::Id(EntityId(id)))).collect();
        Scene::new(&scores).attributes(&[("topic", ids)])
    }

    #[test]
    fn what_is_over_the_cap_moves_behind_all_others() {
        let scene = scene(&[Some(1), Some(1), Some(1), Some(2), None, None, None, Some(2), Some(2)]);
        let slate = scene.rerank(&CapPer::group("topic", 2));
        assert_eq!(rows(&slate), [0, 1, 3, 4, 5, 6, 7, 2, 8]);
        let slate = scene.rerank(&CapPer::group("topic", 2).drop_overflow());
        assert_eq!(rows(&slate), [0, 1, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn it_fails_rather_than_let_all_through_when_the_catalog_is_away() {
        let scene = Scene::new(&[1.0]);
        let result = CapPer::group("topic", 2).rerank(&scene.view(), &mut scene.slate());
        assert!(matches!(result, Err(ComponentError::Unavailable { .. })));
    }

    proptest! {
        #[test]
        fn no_row_is_lost_or_doubled_and_no_group_exceeds_the_cap_while_others_are_left(
            groups in proptest::collection::vec(proptest::option::of(0_u64..4), 0..40),
            max in 1_usize..4,
        ) {
            let scene = scene(&groups);
            let slate = scene.rerank(&CapPer::group("topic", max));
            prop_assert!(same_rows(&slate, &scene.slate()));
            let dropped = scene.rerank(&CapPer::group("topic", max).drop_overflow());
            prop_assert_eq!(&rows(&slate)[..dropped.entries.len()], &rows(&dropped)[..], "capped first");
            for group in 0..4 {
                let has = |row: &u32| groups[*row as usize] == Some(group);
                let total = groups.iter().filter(|g| **g == Some(group)).count();
                prop_assert_eq!(rows(&dropped).iter().filter(|row| has(row)).count(), total.min(max));
            }
        }
    }
}
