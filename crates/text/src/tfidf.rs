//! TF-IDF: how often a term occurs in a document, against how many documents have it.

use rustc_hash::FxHashMap;

use crate::Rows;

/// What can be chosen.
#[derive(Debug, Clone, Default)]
pub struct TfidfOptions {
    /// Only the most frequent terms of the corpus; of equally frequent ones the first by code point.
    pub max_features: Option<usize>,
}

/// A fitted vocabulary with the weights of its terms.
#[derive(Debug, Clone)]
pub struct Tfidf {
    terms: Vec<String>,
    idf: Vec<f64>,
}

impl Tfidf {
    /// Learns the vocabulary and weighs the documents: rows of unit length, or of none if a document has no term.
    pub fn fit(documents: &[Vec<String>], options: &TfidfOptions) -> (Self, Rows) {
        let mut seen: FxHashMap<&str, (usize, usize, usize)> = FxHashMap::default();
        for (at, document) in documents.iter().enumerate() {
            for token in document {
                let (total, frequency, last) = seen.entry(token).or_insert((0, 0, usize::MAX));
                *total += 1;
                if *last != at {
                    *frequency += 1;
                    *last = at;
                }
            }
        }
        let mut terms: Vec<(&str, usize, usize)> =
            seen.iter().map(|(term, (total, frequency, _))| (*term, *total, *frequency)).collect();
        if let Some(limit) = options.max_features {
            terms.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            terms.truncate(limit);
        }
        terms.sort_by(|a, b| a.0.cmp(b.0));
        let n = documents.len() as f64;
        let idf: Vec<f64> = terms.iter().map(|term| ((1.0 + n) / (1.0 + term.2 as f64)).ln() + 1.0).collect();
        let columns: FxHashMap<&str, u32> =
            terms.iter().enumerate().map(|(at, term)| (term.0, at as u32)).collect();
        let mut rows = Rows::new(terms.len());
        for document in documents {
            let mut counts: FxHashMap<u32, f64> = FxHashMap::default();
            for token in document {
                if let Some(column) = columns.get(token.as_str()) {
                    *counts.entry(*column).or_default() += idf[*column as usize];
                }
            }
            let length = counts.values().map(|weight| weight * weight).sum::<f64>().sqrt();
            rows.push(counts.into_iter().map(|(column, weight)| (column, weight / length)));
        }
        let terms = terms.into_iter().map(|term| term.0.to_owned()).collect();
        (Tfidf { terms, idf }, rows)
    }

    /// The terms, by column.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// The inverse document frequencies, by column.
    pub fn idf(&self) -> &[f64] {
        &self.idf
    }
}
