//! What a recommender showed, with the features that it was scored by and what turned out to be relevant: a dataset to
//! train on.

use std::sync::Arc;

use recommend_core::{FeatureMatrix, FeatureSchema, Outcome, Query, Recommender, RequestId};
use recommend_training::dataset::{About, Group, Rows};
use recommend_training::{Dataset, DatasetError};

use crate::question::Question;
use crate::settings::Settings;

/// The rows of one answer.
#[derive(Debug)]
pub(crate) struct Shown {
    group: Group,
    schema: Arc<FeatureSchema>,
    rows: Rows,
    cells: Vec<f32>,
}

impl Shown {
    /// The items in these places of an answer, each with its row of the history.
    pub(super) fn of(
        recommender: &Recommender,
        query: &Query,
        outcome: &Outcome,
        question: &Question,
        items: &[(usize, u32)],
    ) -> Self {
        let mut rows = Rows::default();
        let mut cells = Vec::with_capacity(items.len() * outcome.features.ncols());
        for (position, (place, row)) in (0..).zip(items.iter().copied()) {
            let item = &outcome.items[place];
            let relevant = question.relevant.binary_search(&row).is_ok();
            rows.entities.push(item.entity);
            rows.positions.push(position);
            rows.scores.push(item.score);
            rows.propensities.push(item.propensity);
            rows.labels.push(f32::from(u8::from(relevant)));
            rows.weights.push(1.0);
            cells.extend(outcome.features.row(place));
        }
        let group = Group {
            request: query.request,
            time: query.now,
            tenant: query.tenant,
            user: query.user,
            model: recommender.model_version().into(),
            variant: None,
            rows: 0..items.len(),
        };
        Shown { group, schema: recommender.schema().clone(), rows, cells }
    }
}

/// The answers of all folds.
#[derive(Debug, Default)]
pub(super) struct Collected {
    schema: Option<Arc<FeatureSchema>>,
    groups: Vec<Group>,
    rows: Rows,
    cells: Vec<f32>,
}

impl Collected {
    /// Takes an answer; an empty one leaves nothing to learn from.
    pub(super) fn take(&mut self, shown: Shown) {
        let Shown { mut group, schema, rows, cells } = shown;
        if group.rows.is_empty() {
            return;
        }
        self.schema.get_or_insert(schema);
        let from = self.rows.labels.len();
        group.rows = from..from + rows.labels.len();
        // The number keeps requests apart whose seeds are the same.
        group.request = RequestId(group.request.0 << 64 | self.groups.len() as u128);
        self.groups.push(group);
        self.rows.entities.extend(rows.entities);
        self.rows.positions.extend(rows.positions);
        self.rows.scores.extend(rows.scores);
        self.rows.propensities.extend(rows.propensities);
        self.rows.labels.extend(rows.labels);
        self.rows.weights.extend(rows.weights);
        self.cells.extend(cells);
    }

    /// The dataset; `None` when nothing was shown.
    pub(super) fn dataset(self, settings: &Settings) -> Result<Option<Dataset>, DatasetError> {
        let Some(schema) = self.schema else { return Ok(None) };
        let about = About::foreign(settings.corpus.clone(), settings.source.clone());
        let shape = (self.rows.labels.len(), schema.len());
        let matrix = FeatureMatrix::from_shape_vec(shape, self.cells)
            .map_err(|error| DatasetError::Shape(error.to_string()))?;
        Dataset::new(about, schema, matrix, self.rows, self.groups).map(Some)
    }
}
