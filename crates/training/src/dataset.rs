//! Datasets: what was shown, with the features that were scored, and the label that the objective gives it.
//!
//! ```text
//! <dataset>/dataset.json                       what it was made from: corpus, source, objective, window
//! <dataset>/date=YYYY-MM-DD/rows.parquet       the impressions of one UTC day, a request's rows beside each other
//! ```
//!
//! The join writes one, [`libsvm`] reads foreign data as one, trainers and reports take it from there. Columns of the
//! files are in [`schema`].

mod about;
mod error;
pub mod libsvm;
mod read;
mod report;
pub mod schema;
mod split;
mod write;

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2};
use recommend_core::{EntityId, FeatureMatrix, FeatureSchema, Name, RequestId, TenantId, Timestamp, UserId};

pub use about::{About, Combine, MANIFEST, parse_objective};
pub use error::DatasetError;
pub use read::ReadOptions;
pub use report::{FeatureReport, LEAKAGE_AUC, Report, Warning};
pub use split::{By, Parts, Split};

#[cfg(feature = "join")]
pub(crate) use self::{
    read::inputs_of,
    write::{DayFile, date},
};

/// One request of a dataset: the group of a ranker, and the unit that no split and no bootstrap takes apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its id.
    pub request: RequestId,
    /// As of when it was answered.
    pub time: Timestamp,
    /// Whose data this is; the log's pseudonym.
    pub tenant: TenantId,
    /// Who asked; the log's pseudonym.
    pub user: UserId,
    /// The model that served, empty where nothing is known of it.
    pub model: Arc<str>,
    /// The arm of the experiment, if it was part of one.
    pub variant: Option<Name>,
    /// Its rows.
    pub rows: Range<usize>,
}

/// The columns of a dataset that are not features, one value per row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// What was shown.
    pub entities: Vec<EntityId>,
    /// Where, 0 is the top.
    pub positions: Vec<u32>,
    /// The score that it was served with; NaN where nothing served it.
    pub scores: Vec<f32>,
    /// The probability that the serving policy showed it there, in (0, 1].
    pub propensities: Vec<f32>,
    /// What the objective makes of the interactions that answered it; 0 without any.
    pub labels: Vec<f32>,
    /// How much the row counts, at least 0.
    pub weights: Vec<f32>,
}

impl Rows {
    fn is_as_long_as(&self, rows: usize) -> bool {
        [self.positions.len(), self.scores.len(), self.propensities.len()] == [rows; 3]
            && [self.entities.len(), self.labels.len(), self.weights.len()] == [rows; 3]
    }
}

/// Labelled impressions of one (corpus, source) in memory: a row-major f32 matrix (NaN is missing) and one value per
/// row of everything else. The rows of a request lie beside each other, in the order in which they were logged.
///
/// ```
/// # use recommend_training::dataset::{By, Dataset, Split, libsvm};
/// let text = "1 0:0.5 2:1\n0 1:3\n0 0:2\n1 0:1\n";
/// let dataset = libsvm::parse(text, Some("2\n2\n"), libsvm::FirstIndex::Zero)?;
/// assert_eq!((dataset.len(), dataset.groups().len(), dataset.features().len()), (4, 2, 3));
/// assert_eq!(dataset.labels(), [1.0, 0.0, 0.0, 1.0]);
/// assert!(dataset.matrix()[[0, 1]].is_nan(), "what is absent is missing");
/// let parts = dataset.split(&Split { by: By::Time, validation: 0.5, test: 0.0, seed: 0 })?;
/// assert_eq!((parts.train.len(), parts.validation.len()), (2, 2));
/// # Ok::<(), recommend_training::dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dataset {
    about: About,
    schema: Arc<FeatureSchema>,
    matrix: FeatureMatrix,
    rows: Rows,
    groups: Vec<Group>,
}

impl Dataset {
    /// A dataset of these parts. `matrix` has one row per row and one column per feature of the schema; the groups
    /// cover the rows in order, without gap or overlap, and none is empty.
    ///
    /// # Errors
    /// [`DatasetError::Shape`] when the parts do not fit together.
    pub fn new(
        about: About,
        schema: Arc<FeatureSchema>,
        matrix: FeatureMatrix,
        rows: Rows,
        groups: Vec<Group>,
    ) -> Result<Self, DatasetError> {
        let wrong = |what: String| Err(DatasetError::Shape(what));
        if matrix.ncols() != schema.len() {
            return wrong(format!("{} columns for {} features", matrix.ncols(), schema.len()));
        }
        if !rows.is_as_long_as(matrix.nrows()) {
            return wrong(format!("columns that are not as long as the matrix, {} rows", matrix.nrows()));
        }
        let mut next = 0;
        for group in &groups {
            if group.rows.start != next || group.rows.is_empty() {
                return wrong(format!("a group at rows {:?} where row {next} is next", group.rows));
            }
            next = group.rows.end;
        }
        if next != matrix.nrows() {
            return wrong(format!("groups of {next} rows for a matrix of {}", matrix.nrows()));
        }
        Ok(Dataset { about, schema, matrix, rows, groups })
    }

    /// What it was made from.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many rows, which are impressions.
    pub fn len(&self) -> usize {
        self.matrix.nrows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The features, in the order of the matrix's columns.
    pub fn schema(&self) -> &Arc<FeatureSchema> {
        &self.schema
    }

    /// Their names.
    pub fn features(&self) -> &[Name] {
        self.schema.names()
    }

    /// The features of all rows: rows × features, row-major and contiguous.
    pub fn matrix(&self) -> ArrayView2<'_, f32> {
        self.matrix.view()
    }

    /// The matrix as one slice, row after row.
    pub fn values(&self) -> &[f32] {
        // Row-major by construction: `new` is the only way in, and gathers keep it so.
        self.matrix.as_slice().unwrap_or_default()
    }

    /// One feature of all rows.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn column(&self, feature: usize) -> ArrayView1<'_, f32> {
        self.matrix.column(feature)
    }

    /// Everything of the rows that is no feature.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The labels.
    pub fn labels(&self) -> &[f32] {
        &self.rows.labels
    }

    /// The weights.
    pub fn weights(&self) -> &[f32] {
        &self.rows.weights
    }

    /// The propensities.
    pub fn propensities(&self) -> &[f32] {
        &self.rows.propensities
    }

    /// The scores that the rows were served with.
    pub fn scores(&self) -> &[f32] {
        &self.rows.scores
    }

    /// The positions at which they were shown.
    pub fn positions(&self) -> &[u32] {
        &self.rows.positions
    }

    /// The entities.
    pub fn entities(&self) -> &[EntityId] {
        &self.rows.entities
    }

    /// The requests, in the order of their rows.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many rows each request has: what XGBoost takes as `group`.
    pub fn group_sizes(&self) -> Vec<u32> {
        self.groups.iter().map(|group| u32::try_from(group.rows.len()).unwrap_or(u32::MAX)).collect()
    }

    /// How many labels are positive.
    pub fn positives(&self) -> usize {
        self.labels().iter().filter(|label| **label > 0.0).count()
    }

    /// The earliest and the latest time of a request.
    pub fn time_range(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.groups.iter().map(|group| group.time);
        Some((times().min()?, times().max()?))
    }

    /// The same rows with these features, in this order.
    ///
    /// # Errors
    /// [`DatasetError::Features`] with the names that the dataset lacks.
    pub fn with_features(&self, names: &[Name]) -> Result<Dataset, DatasetError> {
        let columns = self.schema.columns(names).map_err(|missing| self.lacks(missing))?;
        let matrix = Array2::from_shape_fn((self.len(), columns.len()), |(row, column)| {
            self.matrix[[row, columns[column]]]
        });
        let schema = Arc::new(FeatureSchema::new(names.to_vec()));
        Ok(Dataset { schema, matrix, ..self.clone_without_matrix() })
    }

    /// The rows of these groups, in the order given; numbers are places in [`Dataset::groups`].
    ///
    /// # Panics
    /// When there is no such group.
    pub fn of_groups(&self, groups: &[usize]) -> Dataset {
        let wanted = || groups.iter().map(|group| &self.groups[*group]);
        let count = wanted().map(|group| group.rows.len()).sum();
        let width = self.schema.len();
        let mut cells = Vec::with_capacity(count * width);
        let mut rows = Rows::default();
        let mut kept = Vec::with_capacity(groups.len());
        let values = self.values();
        for group in wanted() {
            let Range { start, end } = group.rows;
            let at = rows.labels.len();
            cells.extend_from_slice(&values[start * width..end * width]);
            rows.entities.extend_from_slice(&self.rows.entities[start..end]);
            rows.positions.extend_from_slice(&self.rows.positions[start..end]);
            rows.scores.extend_from_slice(&self.rows.scores[start..end]);
            rows.propensities.extend_from_slice(&self.rows.propensities[start..end]);
            rows.labels.extend_from_slice(&self.rows.labels[start..end]);
            rows.weights.extend_from_slice(&self.rows.weights[start..end]);
            kept.push(Group { rows: at..rows.labels.len(), ..group.clone() });
        }
        let matrix = matrix(count, width, cells);
        Dataset { about: self.about.clone(), schema: self.schema.clone(), matrix, rows, groups: kept }
    }

    /// Replaces the weights, one per row: inverse propensities, or whatever a trainer wants to count more.
    ///
    /// # Errors
    /// [`DatasetError::Shape`] when there are not as many as rows.
    pub fn set_weights(&mut self, weights: Vec<f32>) -> Result<(), DatasetError> {
        if weights.len() != self.len() {
            return Err(DatasetError::Shape(format!("{} weights for {} rows", weights.len(), self.len())));
        }
        self.rows.weights = weights;
        Ok(())
    }

    fn lacks(&self, missing: Vec<String>) -> DatasetError {
        DatasetError::Features { missing, known: self.features().iter().map(Name::to_string).collect() }
    }

    fn clone_without_matrix(&self) -> Dataset {
        Dataset {
            about: self.about.clone(),
            schema: self.schema.clone(),
            matrix: FeatureMatrix::default((0, 0)),
            rows: self.rows.clone(),
            groups: self.groups.clone(),
        }
    }
}

/// A row-major matrix of cells that are known to be as many.
fn matrix(rows: usize, width: usize, cells: Vec<f32>) -> FeatureMatrix {
    debug_assert_eq!(cells.len(), rows * width, "as many cells as rows times features");
    Array2::from_shape_vec((rows, width), cells).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_requests() -> Dataset {
        libsvm::parse("1 0:1 1:2\n0 0:3 1:4\n0 0:5 1:6\n", Some("2\n1\n"), libsvm::FirstIndex::Zero).unwrap()
    }

    #[test]
    fn features_are_chosen_by_name_and_missing_ones_named() {
        let dataset = two_requests();
        let chosen = dataset.with_features(&[Name::literal("1")]).unwrap();
        assert_eq!(chosen.values(), [2.0, 4.0, 6.0]);
        assert_eq!(chosen.labels(), dataset.labels());
        let error = dataset.with_features(&[Name::literal("clicks")]).unwrap_err().to_string();
        assert!(error.contains("clicks"), "{error}");
    }

    #[test]
    fn groups_are_taken_whole_and_in_the_order_asked_for() {
        let turned = two_requests().of_groups(&[1, 0]);
        assert_eq!(turned.values(), [5.0, 6.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(turned.group_sizes(), [1, 2]);
        assert_eq!(turned.groups()[1].rows, 1..3);
    }

    #[test]
    fn parts_that_do_not_fit_together_are_refused() {
        let Dataset { about, schema, matrix, rows, groups } = two_requests();
        let new = |rows: &Rows, groups: &[Group]| {
            Dataset::new(about.clone(), schema.clone(), matrix.clone(), rows.clone(), groups.to_vec())
        };
        assert!(new(&rows, &groups).is_ok());
        assert!(new(&rows, &groups[..1]).is_err(), "rows without a group");
        assert!(new(&rows, &[groups[1].clone(), groups[0].clone()]).is_err(), "groups out of order");
        assert!(new(&Rows { labels: vec![1.0], ..rows.clone() }, &groups).is_err(), "too few labels");
        assert!(two_requests().set_weights(vec![1.0]).is_err());
    }
}
