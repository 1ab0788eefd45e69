//! Golden rows: what a model must still score when it is loaded elsewhere.

use ndarray::Array2;
use recommend_core::{FeatureRows, Model};
use serde::{Deserialize, Serialize};

/// Scores may differ by this share of themselves: two ways to evaluate one function in f32 round differently.
const RELATIVE: f32 = 1e-4;
/// And by this much around zero.
const ABSOLUTE: f32 = 1e-6;

/// Rows of features with the scores that the trainer's own library gave them.
///
/// They are JSON, and not Parquet as all other tables: a few dozen rows that a person wants to look at when a model is
/// refused, and that a server reads without a table library. A missing value is `null`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    rows: Vec<Vec<Option<f32>>>,
    scores: Vec<f32>,
}

impl Golden {
    /// Rows in the order of the schema (NaN is missing), and a score for each.
    ///
    /// # Panics
    /// When there are not as many scores as rows, or a value is infinite: JSON could not say so.
    pub fn new(rows: Vec<Vec<f32>>, scores: Vec<f32>) -> Self {
        assert_eq!(rows.len(), scores.len(), "a score for each golden row");
        assert!(
            rows.iter().flatten().all(|value| !value.is_infinite()),
            "golden values are finite or missing"
        );
        let rows = rows
            .into_iter()
            .map(|row| row.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect())
            .collect();
        Golden { rows, scores }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Scores the rows with a model; the first that scores otherwise than recorded, with its score.
    ///
    /// # Errors
    /// When the rows do not fit the model or it cannot score them, as the end of a sentence about the file.
    pub(crate) fn check(&self, model: &dyn Model) -> Result<Option<(usize, f32, f32)>, String> {
        let width = model.features().len();
        if self.rows.is_empty() {
            return Err("has no rows, so nothing can be checked".to_owned());
        }
        if self.scores.len() != self.rows.len() || self.rows.iter().any(|row| row.len() != width) {
            return Err(format!(
                "has {} rows and {} scores; it needs a score a row and {width} features in each",
                self.rows.len(),
                self.scores.len()
            ));
        }
        let flat = self.rows.iter().flatten().map(|value| value.unwrap_or(f32::NAN)).collect();
        let matrix =
            Array2::from_shape_vec((self.rows.len(), width), flat).map_err(|error| error.to_string())?;
        let columns: Vec<usize> = (0..width).collect();
        let mut found = vec![f32::NAN; self.rows.len()];
        let scored = model.score(&FeatureRows::new(matrix.view(), &columns), &mut found);
        scored.map_err(|error| format!("could not be scored: {error}"))?;
        let differ = |(_, (found, expected)): &(usize, (&f32, &f32))| {
            found.is_nan() || (*found - *expected).abs() > ABSOLUTE + RELATIVE * expected.abs()
        };
        let wrong = found.iter().zip(&self.scores).enumerate().find(differ);
        Ok(wrong.map(|(row, (found, expected))| (row, *found, *expected)))
    }
}

#[cfg(test)]
mod tests {
    use recommend_models::Linear;

    use super::*;

    #[test]
    fn rows_survive_json_and_are_told_from_what_scores_otherwise() {
        let golden = Golden::new(vec![vec![0.1, f32::NAN], vec![1.0e-7, 3.0]], vec![0.1, 6.0]);
        let text = serde_json::to_string(&golden).unwrap();
        assert_eq!(text, r#"{"rows":[[0.1,null],[1e-7,3.0]],"scores":[0.1,6.0]}"#);
        let golden: Golden = serde_json::from_str(&text).unwrap();
        let model = Linear::new("m").weight("a", 1.0).weight("b", 2.0);
        assert_eq!(golden.check(&model), Ok(None));
        let other = Linear::new("m").weight("a", 1.0).weight("b", 2.1);
        assert!(matches!(golden.check(&other), Ok(Some((1, _, 6.0)))));
        assert!(golden.check(&Linear::new("m").weight("a", 1.0)).unwrap_err().contains("1 features"));
        assert!(Golden::default().check(&model).unwrap_err().contains("nothing can be checked"));
    }
}
