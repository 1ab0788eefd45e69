//! What the integration tests share: data that nobody on this project made, and how to read it.

#![allow(clippy::unwrap_used, reason = "the functions serve tests only")]
#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;

/// Rows in one block, NaN where a value is absent.
pub(crate) struct Matrix {
    pub(crate) values: Vec<f32>,
    pub(crate) columns: Vec<usize>,
    pub(crate) labels: Vec<f32>,
}

impl Matrix {
    pub(crate) fn rows(&self) -> recommend_models::forest::Rows<'_> {
        let width = self.columns.len();
        recommend_models::forest::Rows::new(&self.values, width, self.labels.len(), &self.columns).unwrap()
    }
}

/// A folder of the shared data, or `None` with a printed reason.
pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: ../shared/data/{folder} is not there");
    None
}

/// Reads libsvm text; indices from zero.
pub(crate) fn libsvm(text: &str, features: usize) -> Matrix {
    let mut matrix = Matrix { values: Vec::new(), columns: (0..features).collect(), labels: Vec::new() };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        matrix.labels.push(words.next().unwrap().parse().unwrap());
        let start = matrix.values.len();
        matrix.values.resize(start + features, f32::NAN);
        for word in words {
            let (index, value) = word.split_once(':').unwrap();
            // A feature that the model has never heard of is dropped, as XGBoost does.
            if let Some(cell) = matrix.values[start..].get_mut(index.parse::<usize>().unwrap()) {
                *cell = value.parse().unwrap();
            }
        }
    }
    matrix
}

/// Numbers, one line a row.
pub(crate) fn csv(text: &str) -> Vec<Vec<f32>> {
    text.lines().map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}
