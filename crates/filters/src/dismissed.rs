//! Leaves the user alone for a while with what was dismissed.

use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Name, Needs, Verdicts, View, days};
use serde::Deserialize;

use crate::support::relation;

/// Drops what the user dismissed less than a cool-down ago. Dismissals are relations of the kind `dismissed`, renewed
/// whenever the user dismisses again.
///
/// ```
/// use recommend_core::days;
/// let filter = recommend_filters::NotDismissed::for_the_last(days(90));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotDismissed {
    relation: Name,
    #[serde(with = "recommend_core::duration")]
    cool_down: Duration,
}

impl Default for NotDismissed {
    fn default() -> Self {
        NotDismissed { relation: Name::literal("dismissed"), cool_down: days(30) }
    }
}

impl NotDismissed {
    /// With this cool-down.
    pub fn for_the_last(cool_down: Duration) -> Self {
        NotDismissed { cool_down, ..NotDismissed::default() }
    }

    /// By a relation of another name.
    #[must_use]
    pub fn by(mut self, relation: Name) -> Self {
        self.relation = relation;
        self
    }
}

#[async_trait]
impl Filter for NotDismissed {
    fn kind(&self) -> &'static str {
        "not-dismissed"
    }

    fn needs(&self) -> Needs {
        Needs::relations([self.relation.clone()])
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let ties = relation(view, self.relation.as_str())?;
        let (ids, now) = (view.candidates.ids(), view.query.now);
        let recent = |since| now.since(since) < self.cool_down;
        verdicts.drop_where("dismissed", |row| ties.get(ids[row]).is_some_and(|tie| recent(tie.since)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::seconds;

    use super::*;
    use crate::testing::{Case, NOW, reasons};

    #[test]
    fn a_dismissal_is_forgotten_after_the_cool_down() {
        let cool_down = days(30);
        let case = Case::of(4).relation_since(
            "dismissed",
            &[(1, NOW.before(days(1))), (2, NOW.before(cool_down)), (3, NOW.before(cool_down - seconds(1)))],
        );
        let dropped = Some("dismissed");
        assert_eq!(reasons(&NotDismissed::default(), &case).unwrap(), [dropped, None, dropped, None]);
        let short = NotDismissed::for_the_last(seconds(10));
        assert_eq!(reasons(&short, &case).unwrap(), [None; 4]);
    }

    #[test]
    fn a_dismissal_from_a_clock_that_is_ahead_counts() {
        let case = Case::of(1).relation_since("dismissed", &[(1, NOW.after(seconds(5)))]);
        assert_eq!(reasons(&NotDismissed::default(), &case).unwrap(), [Some("dismissed")]);
    }
}
