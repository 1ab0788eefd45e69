//! What the log must know about the columns of an answer: its features, its fetchers, its model.

use std::sync::Arc;

use ndarray::Array2;
use recommend_core::{FeatureMatrix, FeatureSchema, Name, Recommended};

use super::Served;

/// The columns of a slate that two recommenders made together: the features and the fetchers of both, each once.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) schema: Arc<FeatureSchema>,
    pub(crate) fetchers: Arc<[Name]>,
    pub(crate) model: Arc<str>,
    /// For each of the two, the column of each of its features.
    columns: [Vec<usize>; 2],
    /// For each of the two, the bit of each of its fetchers.
    bits: [Vec<usize>; 2],
}

impl Shape {
    pub(crate) fn both(control: &Served, treatment: &Served) -> Self {
        let of = [control, treatment];
        let (features, columns) = union(of.map(|served| served.recommender.schema().names()));
        let (fetchers, bits) = union(of.map(|served| &*served.fetchers));
        Shape {
            schema: Arc::new(FeatureSchema::new(features)),
            fetchers: fetchers.into(),
            model: match control.model == treatment.model {
                true => control.model.clone(),
                false => format!("{} | {}", control.model, treatment.model).into(),
            },
            columns,
            bits,
        }
    }

    /// An empty matrix of so many rows; what is not computed is missing.
    pub(crate) fn rows(&self, rows: usize) -> FeatureMatrix {
        Array2::from_elem((rows, self.schema.len()), f32::NAN)
    }

    /// Copies a row that one of the two has scored.
    pub(crate) fn copy(
        &self,
        from: usize,
        row: ndarray::ArrayView1<'_, f32>,
        to: &mut FeatureMatrix,
        at: usize,
    ) {
        for (value, column) in row.iter().zip(&self.columns[from]) {
            to[(at, *column)] = *value;
        }
    }

    /// An item of one of the two, with its fetchers as they are numbered here.
    pub(crate) fn item(&self, from: usize, item: Recommended) -> Recommended {
        let bits = self.bits[from].iter().enumerate();
        let fetched_by = bits
            // What does not fit into 64 bits has no name in the log.
            .filter(|(bit, to)| **to < 64 && item.fetched_by >> bit & 1 == 1)
            .fold(0, |all, (_, to)| all | 1 << to);
        Recommended { fetched_by, ..item }
    }
}

/// The names of both, each once, and where each of either has gone.
fn union(of: [&[Name]; 2]) -> (Vec<Name>, [Vec<usize>; 2]) {
    let mut all: Vec<Name> = Vec::new();
    let places = of.map(|names| {
        let mut place = |name: &Name| {
            all.iter().position(|known| known == name).unwrap_or_else(|| {
                all.push(name.clone());
                all.len() - 1
            })
        };
        names.iter().map(&mut place).collect()
    });
    (all, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_come_once_each() {
        let (a, b) = (["x", "y"].map(Name::literal), ["y", "z"].map(Name::literal));
        let (all, places) = union([&a, &b]);
        assert_eq!(all, ["x", "y", "z"].map(Name::literal));
        assert_eq!(places, [vec![0, 1], vec![1, 2]]);
    }
}
