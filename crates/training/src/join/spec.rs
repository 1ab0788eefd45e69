//! What is joined, and how interactions make labels.

use std::collections::BTreeMap;
use std::time::Duration;

use recommend_core::{Name, days, seconds};

use super::JoinError;
use crate::dataset::{About, Combine};

/// An interaction that names a request came after it, whatever the clocks say: that much before still counts.
pub const EARLY: Duration = seconds(60);

/// What is joined.
///
/// ```
/// # use recommend_core::Name;
/// # use recommend_training::dataset::parse_objective;
/// # use recommend_training::join::JoinSpec;
/// let objective = parse_objective("click=1, message=3, dismiss=-1").unwrap();
/// let spec = JoinSpec::new(Name::literal("channel"), Name::literal("channel-browser"), objective);
/// assert_eq!(spec.window, recommend_core::days(1));
/// assert_eq!(spec.objective[&Name::literal("dismiss")], -1.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct JoinSpec {
    /// The type of entity.
    pub corpus: Name,
    /// The part of the product that asked.
    pub source: Name,
    /// What each kind of interaction is worth; other kinds do not count.
    pub objective: BTreeMap<Name, f32>,
    /// What several interactions with one impression make of its label.
    pub combine: Combine,
    /// How long after its request an interaction still answers it, 1 s to 90 days; 24 h by default.
    pub window: Duration,
    /// Leaves out the impressions below the last one of their request with a positive label: nobody may have seen them
    /// (Joachims et al., SIGIR 2005). Requests without such a label are kept whole.
    pub above_last_positive: bool,
}

impl JoinSpec {
    /// The join of a source within 24 hours.
    pub fn new(corpus: Name, source: Name, objective: BTreeMap<Name, f32>) -> Self {
        let (combine, window) = (Combine::default(), days(1));
        JoinSpec { corpus, source, objective, combine, window, above_last_positive: false }
    }

    /// What the dataset says of itself.
    ///
    /// # Errors
    /// [`JoinError::Spec`] for what is out of range.
    pub(super) fn about(&self) -> Result<About, JoinError> {
        if self.objective.is_empty() || self.objective.values().any(|weight| !weight.is_finite()) {
            return Err(JoinError::Spec(format!(
                "objective = {:?}: name at least one kind of interaction with a finite weight, for example click=1",
                self.objective
            )));
        }
        if !(seconds(1)..=days(90)).contains(&self.window) {
            return Err(JoinError::Spec(format!(
                "window = {:?}: choose 1s to 90d, for example 24h",
                self.window
            )));
        }
        Ok(About {
            objective: self.objective.clone(),
            combine: self.combine,
            window: self.window,
            above_last_positive: self.above_last_positive,
            ..About::foreign(self.corpus.clone(), self.source.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::parse_objective;

    #[test]
    fn a_join_out_of_range_is_refused() {
        let name = |text| Name::literal(text);
        let spec = JoinSpec::new(name("channel"), name("browser"), parse_objective("click=1").unwrap());
        assert!(spec.about().is_ok());
        assert!(JoinSpec { window: Duration::ZERO, ..spec.clone() }.about().is_err());
        assert!(JoinSpec { objective: BTreeMap::new(), ..spec }.about().is_err());
    }
}
