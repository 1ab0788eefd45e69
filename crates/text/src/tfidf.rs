//! TF-IDF: how often a term occurs in a document, against how many documents have it (Spärck Jones, 1972).
//!
//! The numbers are those of scikit-learn's `TfidfVectorizer`, setting by setting; `benches/peers/text.py` compares.

mod options;

use crate::vocabulary::Vocabulary;
use crate::{Analyzer, Documents, Rows};

pub use options::{Frequency, Norm, TfidfError, TfidfOptions};

/// A fitted vocabulary with the weights of its terms.
#[derive(Debug, Clone)]
pub struct Tfidf {
    options: TfidfOptions,
    terms: Vocabulary,
    idf: Vec<f64>,
}

/// How often a term occurs, and in how many documents.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    total: u64,
    documents: u64,
}

impl Tfidf {
    /// Learns the vocabulary and the weights of its terms; the rows are those of the *distinct* documents.
    ///
    /// A document counts as often as it occurs. Row `documents.which()[text]` is that of a text; [`Rows::repeat`] makes
    /// the matrix with a row per text. Terms are columns in the order of their code points. A document without a term of
    /// the vocabulary is a row without entries.
    ///
    /// ```
    /// use recommend_text::{Analyzer, Documents, Tfidf, TfidfOptions};
    ///
    /// let documents = Documents::of(&Analyzer::default(), &["disk full", "disk slow", "disk full"]);
    /// let (tfidf, rows) = Tfidf::fit(&documents, &TfidfOptions::default())?;
    /// assert_eq!(tfidf.terms().collect::<Vec<_>>(), ["disk", "full", "slow"]);
    /// assert_eq!(tfidf.idf()[0], 1.0);
    /// assert_eq!(rows.len(), 2);
    /// # Ok::<(), recommend_text::TfidfError>(())
    /// ```
    ///
    /// # Errors
    /// When the options contradict one another: [`TfidfOptions`].
    pub fn fit(documents: &Documents, options: &TfidfOptions) -> Result<(Self, Rows), TfidfError> {
        let (least, most) = options.bounds(documents.len())?;
        let usage = usage(documents);
        let vocabulary = documents.vocabulary();
        let mut chosen: Vec<u32> = (0..vocabulary.len() as u32)
            .filter(|term| {
                let documents = usage[*term as usize].documents as f64;
                least <= documents && documents <= most
            })
            .collect();
        if let Some(limit) = options.max_features
            && chosen.len() > limit
        {
            chosen.sort_unstable_by(|a, b| {
                let total = |term: &u32| usage[*term as usize].total;
                total(b).cmp(&total(a)).then_with(|| vocabulary.word(*a).cmp(vocabulary.word(*b)))
            });
            chosen.truncate(limit);
        }
        chosen.sort_unstable_by(|a, b| vocabulary.word(*a).cmp(vocabulary.word(*b)));

        let mut terms = Vocabulary::default();
        let mut columns = vec![NONE; vocabulary.len()];
        for (column, term) in chosen.iter().enumerate() {
            columns[*term as usize] = column as u32;
            terms.add(vocabulary.word(*term));
        }
        let count = |term: &u32| usage[*term as usize].documents;
        let idf = chosen.iter().map(|term| options.idf(documents.len(), count(term))).collect();
        let tfidf = Tfidf { options: options.clone(), terms, idf };

        let mut rows = Rows::new(chosen.len());
        let mut row = Vec::new();
        for at in 0..documents.distinct() {
            row.clear();
            row.extend(
                documents.sequence(at).iter().map(|term| columns[*term as usize]).filter(|c| *c != NONE),
            );
            tfidf.push(&mut row, &mut rows);
        }
        Ok((tfidf, rows))
    }

    /// The rows of other texts, one per text; terms that are not in the vocabulary do not count.
    pub fn transform<T: AsRef<str>>(&self, analyzer: &Analyzer, texts: &[T]) -> Rows {
        let mut rows = Rows::new(self.terms.len());
        let mut row = Vec::new();
        for text in texts {
            row.clear();
            row.extend(analyzer.terms(text.as_ref()).iter().filter_map(|term| self.terms.number(term)));
            self.push(&mut row, &mut rows);
        }
        rows
    }

    /// Adds the row of a document that has these columns, in any order, repeated as often as they occur.
    fn push(&self, columns: &mut [u32], rows: &mut Rows) {
        columns.sort_unstable();
        let weigh = |run: &[u32]| (run[0], self.options.weight(run.len(), self.idf[run[0] as usize]));
        let weights = || columns.chunk_by(|a, b| a == b).map(weigh);
        let length = self.options.norm.length(weights().map(|(_, weight)| weight));
        rows.push_sorted(weights().map(|(column, weight)| (column, weight / length)));
    }

    /// The terms, by column.
    pub fn terms(&self) -> impl Iterator<Item = &str> {
        self.terms.words()
    }

    /// The term of a column.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn term(&self, column: u32) -> &str {
        self.terms.word(column)
    }

    /// The column of a term, if it is in the vocabulary.
    pub fn column(&self, term: &str) -> Option<u32> {
        self.terms.number(term)
    }

    /// The inverse document frequencies, by column; 1 without [`TfidfOptions::use_idf`].
    pub fn idf(&self) -> &[f64] {
        &self.idf
    }
}

const NONE: u32 = u32::MAX;

fn usage(documents: &Documents) -> Vec<Usage> {
    let mut usage = vec![Usage::default(); documents.vocabulary().len()];
    let mut last = vec![NONE; usage.len()];
    for (at, weight) in documents.weights().iter().enumerate() {
        let weight = u64::from(*weight);
        for term in documents.sequence(at) {
            let term = *term as usize;
            usage[term].total += weight;
            if last[term] != at as u32 {
                last[term] = at as u32;
                usage[term].documents += weight;
            }
        }
    }
    usage
}

#[cfg(test)]
mod tests;
