//! The feature schema and the matrix that the model reads and the log holds.

use std::hash::Hasher;

use ndarray::{Array2, ArrayView1, ArrayView2};
use siphasher::sip::SipHasher13;

use crate::names::Name;

/// One row per candidate, one column per feature of the schema; row-major f32, NaN is missing.
pub type FeatureMatrix = Array2<f32>;

/// The ordered list of features that a recommender computes and logs; its model reads some or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSchema {
    names: Vec<Name>,
    hash: u64,
}

impl FeatureSchema {
    /// A schema of these features, in this order.
    pub fn new(names: Vec<Name>) -> Self {
        let mut hasher = SipHasher13::new();
        for name in &names {
            hasher.write(name.as_str().as_bytes());
            hasher.write_u8(0);
        }
        FeatureSchema { hash: hasher.finish(), names }
    }

    /// The names, in order.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// How many features.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The version of the schema: a hash of names and order, the same on every machine.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The column of a feature.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    /// The columns of these features in order.
    ///
    /// # Errors
    /// The names that the schema lacks.
    pub fn columns(&self, names: &[Name]) -> Result<Vec<usize>, Vec<String>> {
        let found: Vec<_> = names.iter().map(|name| self.position(name.as_str())).collect();
        if found.iter().all(Option::is_some) {
            return Ok(found.into_iter().flatten().collect());
        }
        Err(names.iter().zip(&found).filter(|(_, f)| f.is_none()).map(|(name, _)| name.to_string()).collect())
    }
}

/// The rows that a model scores: the matrix, seen through the columns that the model reads.
#[derive(Debug, Clone, Copy)]
pub struct FeatureRows<'a> {
    matrix: ArrayView2<'a, f32>,
    columns: &'a [usize],
}

impl<'a> FeatureRows<'a> {
    /// `columns[j]` is the column of the matrix that holds the model's feature `j`.
    ///
    /// # Panics
    /// When a column lies outside the matrix.
    pub fn new(matrix: ArrayView2<'a, f32>, columns: &'a [usize]) -> Self {
        assert!(
            columns.iter().all(|c| *c < matrix.ncols()),
            "a model column lies outside the feature matrix"
        );
        FeatureRows { matrix, columns }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.matrix.nrows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many features the model reads.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// One feature of one row, by the model's own numbering.
    pub fn get(&self, row: usize, feature: usize) -> f32 {
        self.matrix[[row, self.columns[feature]]]
    }

    /// One feature of all rows, by the model's own numbering.
    pub fn column(&self, feature: usize) -> ArrayView1<'a, f32> {
        self.matrix.index_axis_move(ndarray::Axis(1), self.columns[feature])
    }

    /// The whole matrix, unmapped.
    pub fn matrix(&self) -> ArrayView2<'a, f32> {
        self.matrix
    }

    /// The mapping from the model's features to columns of the matrix.
    pub fn columns(&self) -> &'a [usize] {
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&'static str]) -> Vec<Name> {
        list.iter().map(|n| Name::literal(n)).collect()
    }

    #[test]
    fn a_schema_names_what_it_lacks() {
        let schema = FeatureSchema::new(names(&["a", "b", "c"]));
        assert_eq!(schema.columns(&names(&["c", "a"])), Ok(vec![2, 0]));
        assert_eq!(schema.columns(&names(&["c", "x"])), Err(vec!["x".to_owned()]));
        assert_ne!(schema.hash(), FeatureSchema::new(names(&["b", "a", "c"])).hash());
        assert_ne!(
            FeatureSchema::new(names(&["ab", "c"])).hash(),
            FeatureSchema::new(names(&["a", "bc"])).hash()
        );
    }

    #[test]
    fn a_model_sees_its_own_columns() {
        let matrix = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let rows = FeatureRows::new(matrix.view(), &[2, 0]);
        assert_eq!((rows.len(), rows.width(), rows.get(1, 0)), (2, 2, 6.0));
        assert_eq!(rows.column(1).to_vec(), [1.0, 4.0]);
    }
}
