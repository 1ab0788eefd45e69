//! Filters drop what may not or need not be shown.

use async_trait::async_trait;

use crate::error::ComponentError;
use crate::view::{Needs, View};

/// A function that gives one verdict per candidate: keep it, or drop it for a reason.
///
/// A filter only judges; the executor does the removing. A filter that guards visibility or permission is
/// *fail-closed*: a candidate about which it cannot decide is dropped.
#[async_trait]
pub trait Filter: Send + Sync {
    /// The kind of this component, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// What must be loaded before it can judge.
    fn needs(&self) -> Needs {
        Needs::none()
    }

    /// Whether it guards visibility or permission: when it fails, everything that it would have judged is dropped.
    fn fail_closed(&self) -> bool {
        false
    }

    /// Drops the candidates that must go.
    ///
    /// # Errors
    /// When it cannot judge at all. What it dropped before the error stays dropped.
    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError>;
}

/// One verdict per candidate, shared by the filters of a run.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// 0 is keep; otherwise 1 + the place in `reasons`.
    verdicts: Vec<u16>,
    /// The filter's position and its reason.
    reasons: Vec<(u16, &'static str)>,
    filter: u16,
}

impl Verdicts {
    /// Keeps `rows` candidates, so far.
    pub fn keep_all(rows: usize) -> Self {
        Verdicts { verdicts: vec![0; rows], ..Verdicts::default() }
    }

    /// From here on, drops are those of the filter at this position.
    pub(crate) fn enter(&mut self, filter: usize) {
        self.filter = filter as u16;
    }

    /// Drops a candidate; the first reason stays. Reasons are few and short: they become metric labels.
    pub fn drop(&mut self, row: usize, reason: &'static str) {
        if self.verdicts[row] == 0 {
            let key = (self.filter, reason);
            let at = self.reasons.iter().position(|known| *known == key).unwrap_or_else(|| {
                self.reasons.push(key);
                self.reasons.len() - 1
            });
            self.verdicts[row] = at as u16 + 1;
        }
    }

    /// Drops every candidate that `gone` says yes to.
    pub fn drop_where(&mut self, reason: &'static str, mut gone: impl FnMut(usize) -> bool) {
        for row in 0..self.verdicts.len() {
            if self.verdicts[row] == 0 && gone(row) {
                self.drop(row, reason);
            }
        }
    }

    /// Whether the candidate is still kept.
    pub fn kept(&self, row: usize) -> bool {
        self.verdicts[row] == 0
    }

    /// How many rows are judged, kept or not.
    pub fn rows(&self) -> usize {
        self.verdicts.len()
    }

    /// Who dropped the candidate (position of the filter) and why.
    pub fn verdict(&self, row: usize) -> Option<(usize, &'static str)> {
        let verdict = usize::from(*self.verdicts.get(row)?);
        let (filter, reason) = self.reasons.get(verdict.checked_sub(1)?)?;
        Some((usize::from(*filter), reason))
    }

    /// The rows to keep.
    pub(crate) fn keep_mask(&self) -> Vec<bool> {
        self.verdicts.iter().map(|v| *v == 0).collect()
    }

    /// (filter, reason, count) in the order in which the reasons were first given.
    pub(crate) fn counts(&self) -> Vec<(usize, &'static str, usize)> {
        let mut counts = vec![0; self.reasons.len()];
        for verdict in &self.verdicts {
            if let Some(at) = usize::from(*verdict).checked_sub(1) {
                counts[at] += 1;
            }
        }
        self.reasons
            .iter()
            .zip(counts)
            .map(|((filter, reason), n)| (usize::from(*filter), *reason, n))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let mut verdicts = Verdicts::keep_all(3);
        verdicts.enter(4);
        verdicts.drop(1, "private");
        verdicts.enter(5);
        verdicts.drop_where("member", |_| true);
        assert_eq!(verdicts.verdict(1), Some((4, "private")));
        assert_eq!(verdicts.verdict(2), Some((5, "member")));
        assert_eq!(verdicts.counts(), [(4, "private", 1), (5, "member", 2)]);
        assert!(!verdicts.kept(0));
    }
}
