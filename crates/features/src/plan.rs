//! The plan of a feature set: columns that are at hand, and groups that are loaded together.

use async_trait::async_trait;
use ndarray::{ArrayViewMut1, ArrayViewMut2};
use recommend_core::{IdCodec, Name, Needs, View};
use recommend_stores::{StoreError, Stores};

use crate::kinds::affinity::AffinityGroup;
use crate::kinds::co_interaction::CoInteractionGroup;
use crate::kinds::cosine::CosineGroup;
use crate::kinds::hours::HourGroup;
use crate::kinds::interactions::AggregateGroup;
use crate::kinds::stored::StoredGroup;

/// A feature that the view holds: no store is asked.
pub(crate) trait Column: Send + Sync {
    /// Writes one value per candidate; a cell that is left alone is missing. False when what it reads could not be
    /// loaded, so that no default may stand in.
    fn fill(&self, view: &View<'_>, cells: &mut ArrayViewMut1<'_, f32>) -> bool;
}

/// Features that are loaded with one call for all candidates.
#[async_trait]
pub(crate) trait Group: Send + Sync {
    /// The columns that it fills.
    fn columns(&self) -> &[usize];

    /// One row per candidate, one value per column of [`Group::columns`], row-major.
    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError>;
}

/// What a group loaded.
pub(crate) struct Values {
    pub(crate) values: Vec<f32>,
    /// Why some of it is missing or is not as it is now.
    pub(crate) trouble: Option<StoreError>,
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Values { values, trouble: None }
    }
}

/// What is wrong with what a store filled in as far as it goes; any other failure is one.
pub(crate) fn partial(result: Result<(), StoreError>) -> Result<Option<StoreError>, StoreError> {
    match result {
        Ok(()) => Ok(None),
        Err(error @ StoreError::Partial { .. }) => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// What a feature set does per request.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) needs: Needs,
    /// By column; NaN is none.
    pub(crate) defaults: Vec<f32>,
    pub(crate) at_hand: Vec<(usize, Box<dyn Column>)>,
    pub(crate) groups: Vec<Box<dyn Group>>,
}

/// A plan in the making: features join the group of their kind.
pub(crate) struct Planner {
    pub(crate) codec: IdCodec,
    pub(crate) plan: Plan,
    pub(crate) aggregates: AggregateGroup,
    pub(crate) entity_rows: StoredGroup,
    pub(crate) pair_rows: StoredGroup,
    pub(crate) hours: HourGroup,
    pub(crate) affinities: AffinityGroup,
    pub(crate) co_interactions: CoInteractionGroup,
    pub(crate) cosines: CosineGroup,
}

impl Planner {
    pub(crate) fn new(codec: IdCodec) -> Self {
        Planner {
            codec,
            plan: Plan::default(),
            aggregates: AggregateGroup::default(),
            entity_rows: StoredGroup::new(false),
            pair_rows: StoredGroup::new(true),
            hours: HourGroup::default(),
            affinities: AffinityGroup::default(),
            co_interactions: CoInteractionGroup::default(),
            cosines: CosineGroup::default(),
        }
    }

    /// Adds what must be loaded before a column can be filled.
    pub(crate) fn need(&mut self, needs: Needs) {
        self.plan.needs = std::mem::take(&mut self.plan.needs).and(needs);
    }

    pub(crate) fn at_hand(&mut self, column: usize, fill: impl Column + 'static) {
        self.plan.at_hand.push((column, Box::new(fill)));
    }

    pub(crate) fn finish(mut self) -> Plan {
        let groups: [Box<dyn Group>; 7] = [
            Box::new(self.aggregates),
            Box::new(self.entity_rows),
            Box::new(self.pair_rows),
            Box::new(self.hours),
            Box::new(self.affinities),
            Box::new(self.co_interactions),
            Box::new(self.cosines),
        ];
        self.plan.groups.extend(groups.into_iter().filter(|group| !group.columns().is_empty()));
        self.plan
    }
}

impl Plan {
    /// Writes what the view holds.
    pub(crate) fn fill_at_hand(&self, view: &View<'_>, block: &mut ArrayViewMut2<'_, f32>) {
        for (column, fill) in &self.at_hand {
            let mut cells = block.column_mut(*column);
            let default = self.defaults[*column];
            if fill.fill(view, &mut cells) && !default.is_nan() {
                cells.iter_mut().filter(|cell| cell.is_nan()).for_each(|cell| *cell = default);
            }
        }
    }

    /// Writes what a group loaded. What is no finite number is missing.
    pub(crate) fn write(&self, group: &dyn Group, loaded: &[f32], block: &mut ArrayViewMut2<'_, f32>) {
        let columns = group.columns();
        for (mut row, values) in block.rows_mut().into_iter().zip(loaded.chunks_exact(columns.len())) {
            for (column, value) in columns.iter().zip(values) {
                row[*column] = if value.is_finite() { *value } else { self.defaults[*column] };
            }
        }
    }
}

/// Interactions of these kinds, deduplicated and in one order, so that equal wishes are seen to be equal.
pub(crate) fn sorted(kinds: &[Name]) -> Vec<Name> {
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
