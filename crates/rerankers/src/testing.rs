//! A view with a few candidates, for the tests of this crate.

use recommend_core::{
    AttributeTable, Candidates, Deadline, EntityId, Name, Proposals, Query, RequestId, Reranker, Slate,
    SlateEntry, TenantId, Timestamp, UserId, Value, View, days,
};

/// Candidates 100, 101, … with a score each and one row of attributes each.
pub(crate) struct Scene {
    pub(crate) query: Query,
    candidates: Candidates,
    attributes: AttributeTable,
    scores: Vec<f32>,
}

impl Scene {
    pub(crate) fn new(scores: &[f32]) -> Self {
        let ids = (0..scores.len() as u64).map(|n| EntityId(100 + n)).collect();
        let query = Query {
            request: RequestId(1),
            tenant: TenantId(1),
            user: UserId(7),
            corpus: Name::literal("channel"),
            source: Name::literal("test"),
            limit: 10,
            context: Vec::new(),
            seeds: Vec::new(),
            given: Vec::new(),
            now: Timestamp::from_seconds(1_000 * 86_400),
            deadline: Deadline::after(days(1)),
            seed: 1,
        };
        Scene {
            query,
            candidates: Candidates::merge(&[Proposals::unscored(ids)]),
            attributes: AttributeTable::new(scores.len(), &[]),
            scores: scores.to_vec(),
        }
    }

    /// Columns of attributes, in place of earlier ones.
    pub(crate) fn attributes(mut self, columns: &[(&'static str, Vec<Option<Value>>)]) -> Self {
        let names: Vec<Name> = columns.iter().map(|(name, _)| Name::literal(name)).collect();
        self.attributes = AttributeTable::new(self.scores.len(), &names);
        for (at, (_, values)) in columns.iter().enumerate() {
            self.attributes.column_mut(at).copy_from_slice(values);
        }
        self
    }

    pub(crate) fn limit(mut self, limit: usize) -> Self {
        self.query.limit = limit;
        self
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            query: &self.query,
            candidates: &self.candidates,
            attributes: Some(&self.attributes),
            user: None,
            relations: None,
        }
    }

    /// The slate as it comes from the model: sorted, propensity 1.
    pub(crate) fn slate(&self) -> Slate {
        let entry =
            |(row, score): (usize, &f32)| SlateEntry { row: row as u32, score: *score, propensity: 1.0 };
        let entries = self.scores.iter().enumerate().map(entry).collect();
        let mut slate = Slate { entries, limit: self.query.limit };
        slate.sort(&self.view());
        slate
    }

    pub(crate) fn rerank(&self, reranker: &dyn Reranker) -> Slate {
        let mut slate = self.slate();
        reranker.rerank(&self.view(), &mut slate).unwrap();
        slate
    }
}

/// The rows of a slate, in order.
pub(crate) fn rows(slate: &Slate) -> Vec<u32> {
    slate.entries.iter().map(|entry| entry.row).collect()
}

/// Whether two slates have the same rows with the same scores, in any order.
pub(crate) fn same_rows(a: &Slate, b: &Slate) -> bool {
    let sorted = |slate: &Slate| {
        let mut list: Vec<_> = slate.entries.iter().map(|e| (e.row, e.score.to_bits())).collect();
        list.sort_unstable();
        list
    };
    sorted(a) == sorted(b)
}
