//! What can be chosen, and the arithmetic of each choice.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many documents: a number of them, or a share of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frequency {
    /// So many documents.
    Count(usize),
    /// A share of all, in [0, 1].
    Share(f64),
}

/// What the length of a row is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The sum of the weights.
    L1,
    /// The root of the sum of their squares.
    #[default]
    L2,
    /// Rows are left as they are.
    None,
}

impl Norm {
    pub(super) fn length(self, weights: impl Iterator<Item = f64>) -> f64 {
        match self {
            Norm::L1 => weights.map(f64::abs).sum(),
            Norm::L2 => weights.map(|weight| weight * weight).sum::<f64>().sqrt(),
            Norm::None => 1.0,
        }
    }
}

/// What can be chosen. Names, meaning and defaults are those of scikit-learn's `TfidfVectorizer`.
///
/// One thing is decided here that scikit-learn leaves open: of terms that are equally frequent at the limit of
/// `max_features`, those are taken whose code points come first. There it depends on how the processor sorts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TfidfOptions {
    /// Only so many terms: those that occur most often in the corpus, counted with repetitions.
    pub max_features: Option<usize>,
    /// Only terms that at least so many documents have.
    pub min_df: Frequency,
    /// Only terms that at most so many documents have.
    pub max_df: Frequency,
    /// Occurrences count as 1 + ln(occurrences).
    pub sublinear_tf: bool,
    /// Occurrences count once.
    pub binary: bool,
    /// Rare terms weigh more.
    pub use_idf: bool,
    /// As if one more document had every term.
    pub smooth_idf: bool,
    /// What every row is divided by.
    pub norm: Norm,
}

impl Default for TfidfOptions {
    fn default() -> Self {
        TfidfOptions {
            max_features: None,
            min_df: Frequency::Count(1),
            max_df: Frequency::Share(1.0),
            sublinear_tf: false,
            binary: false,
            use_idf: true,
            smooth_idf: true,
            norm: Norm::L2,
        }
    }
}

impl TfidfOptions {
    /// The least and the most documents that a term may have.
    pub(super) fn bounds(&self, documents: usize) -> Result<(f64, f64), TfidfError> {
        let bound = |name, frequency| match frequency {
            Frequency::Count(count) => Ok(count as f64),
            Frequency::Share(share) if (0.0..=1.0).contains(&share) => Ok(share * documents as f64),
            Frequency::Share(share) => Err(TfidfError::Share { name, share }),
        };
        let (least, most) = (bound("min_df", self.min_df)?, bound("max_df", self.max_df)?);
        if self.max_features == Some(0) {
            return Err(TfidfError::MaxFeatures);
        }
        if most < least && documents > 0 {
            return Err(TfidfError::Contradiction { least, most });
        }
        Ok((least, most))
    }

    pub(super) fn idf(&self, documents: usize, with_term: u64) -> f64 {
        if !self.use_idf {
            return 1.0;
        }
        let more = f64::from(u8::from(self.smooth_idf));
        ((documents as f64 + more) / (with_term as f64 + more)).ln() + 1.0
    }

    pub(super) fn weight(&self, occurrences: usize, idf: f64) -> f64 {
        let occurrences = if self.binary { 1.0 } else { occurrences as f64 };
        let frequency = if self.sublinear_tf { occurrences.ln() + 1.0 } else { occurrences };
        frequency * idf
    }
}

/// Why there are no weights.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum TfidfError {
    /// A share is in [0, 1].
    #[error("{name} = {share} is no share of the documents: give one from 0 to 1, or a count")]
    Share {
        /// Which setting.
        name: &'static str,
        /// What it was.
        share: f64,
    },
    /// No term can have that many documents and that few.
    #[error("max_df asks for at most {most} documents and min_df for at least {least}: no term has both")]
    Contradiction {
        /// What `min_df` comes to.
        least: f64,
        /// What `max_df` comes to.
        most: f64,
    },
    /// There must be room for a term.
    #[error("max_features = 0 leaves no term: give 1 or more, or leave it out for all")]
    MaxFeatures,
}
