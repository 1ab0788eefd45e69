//! What can be chosen about a digest; the defaults are for alerts.

use recommend_text::{Language, Slots};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Which clustering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// One radius for all clusters.
    #[default]
    Dbscan,
    /// No radius: clusters of different density.
    Hdbscan,
}

/// How little it takes to be a cluster, for those who don't want to think in radii.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// Few, broad clusters: something must happen often.
    Low,
    /// The defaults.
    #[default]
    Normal,
    /// Many, narrow clusters: only messages that say nearly the same.
    High,
}

/// What can be chosen. The defaults are for alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Which clustering.
    pub algorithm: Algorithm,
    /// DBSCAN's radius as cosine distance, in (0, 2]. None: [`Options::EPS`], or what [`Options::auto_eps`] finds.
    pub eps: Option<f64>,
    /// Without [`Options::eps`]: whether the radius is the knee of the distances to the nearest neighbours.
    pub auto_eps: bool,
    /// How many messages make a cluster, from 1.
    pub min_samples: usize,
    /// Whether numbers, ids, addresses, times… are masked before messages are compared, and words that occur in one message
    /// alone are left out. Without it the labels are those of scikit-learn's `TfidfVectorizer` and `DBSCAN`.
    pub mask: bool,
    /// Besides the mask: whether words are left out that are all in which many longer messages differ. They are names.
    /// Only with [`Options::mask`].
    pub slots: Option<Slots>,
    /// Leaves out the stop words of a language.
    pub stop_words: Option<Language>,
    /// Compares the stems of words.
    pub stems: Option<Language>,
    /// Compares runs of up to so many words too, from 1.
    pub ngrams: usize,
    /// How many terms at most, the most frequent ones; none: all.
    pub max_features: Option<usize>,
    /// In how many buckets the period is cut for [`Cluster::sparkline`](super::Cluster::sparkline).
    pub buckets: usize,
    /// How many messages a cluster shows.
    pub examples: usize,
    /// How many characters of a message are shown.
    pub example_chars: usize,
    /// How many words a cluster shows.
    pub terms: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            algorithm: Algorithm::Dbscan,
            eps: None,
            auto_eps: false,
            min_samples: 2,
            mask: true,
            slots: Some(Slots::default()),
            stop_words: None,
            stems: None,
            ngrams: 1,
            max_features: None,
            buckets: 24,
            examples: 5,
            example_chars: 600,
            terms: 6,
        }
    }
}

impl Options {
    /// The radius when none is given.
    pub const EPS: f64 = 0.15;

    /// The defaults at a sensitivity.
    pub fn with_sensitivity(sensitivity: Sensitivity) -> Self {
        let (eps, min_samples) = match sensitivity {
            Sensitivity::Low => (0.25, 5),
            Sensitivity::Normal => (Self::EPS, Options::default().min_samples),
            Sensitivity::High => (0.05, 2),
        };
        Options { eps: Some(eps), min_samples, ..Options::default() }
    }

    /// # Errors
    /// When a value makes no sense.
    pub fn check(&self) -> Result<(), DigestError> {
        if let Some(eps) = self.eps
            && !(eps > 0.0 && eps <= 2.0)
        {
            return Err(DigestError::Eps(eps));
        }
        if self.min_samples == 0 {
            return Err(DigestError::MinSamples);
        }
        if self.max_features == Some(0) {
            return Err(DigestError::MaxFeatures);
        }
        Ok(())
    }
}

/// Why there is no digest.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum DigestError {
    /// A cosine distance is in (0, 2].
    #[error("eps = {0} is no cosine distance: give a number above 0 and up to 2, such as 0.15")]
    Eps(f64),
    /// A cluster has at least one message.
    #[error("min_samples = 0 makes no cluster: give 1 or more, such as 2")]
    MinSamples,
    /// Without terms there is nothing to compare.
    #[error("max_features = 0 leaves no term to compare: give 1 or more, or leave it out for all")]
    MaxFeatures,
    /// Terms cannot be weighed so.
    #[error(transparent)]
    Weights(#[from] recommend_text::TfidfError),
    /// Messages cannot be clustered so.
    #[error(transparent)]
    Clustering(#[from] recommend_text::DbscanError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_make_no_sense_are_refused_with_the_fix() {
        let refused = |options: Options| options.check().unwrap_err().to_string();
        assert!(refused(Options { eps: Some(f64::NAN), ..Options::default() }).contains("0.15"));
        assert!(refused(Options { eps: Some(0.0), ..Options::default() }).contains("above 0"));
        assert!(refused(Options { min_samples: 0, ..Options::default() }).contains("1 or more"));
        assert!(refused(Options { max_features: Some(0), ..Options::default() }).contains("leave it out"));
    }

    #[test]
    fn every_sensitivity_is_valid() {
        for sensitivity in [Sensitivity::Low, Sensitivity::Normal, Sensitivity::High] {
            assert_eq!(Options::with_sensitivity(sensitivity).check(), Ok(()));
        }
    }
}
