//! Cases for the tests of filters: candidates 1, 2, 3… with what a look-up loaded about them.

use std::sync::Arc;

use futures::FutureExt;
use recommend_core::{
    AttributeTable, Candidates, ComponentError, Deadline, EntityId, Filter, IdCodec, Interaction,
    InteractionId, Name, Proposals, Query, Relation, RelationSet, Relations, RequestId, TenantId, Timestamp,
    UserId, Value, Verdicts, View, days,
};
use recommend_stores::{Stores, WriteBatch};

pub(crate) const USER: UserId = UserId(7);
pub(crate) const TENANT: TenantId = TenantId(1);
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A query of [`USER`] in [`TENANT`] at [`NOW`].
pub(crate) fn query() -> Query {
    Query {
        request: RequestId(1),
        tenant: TENANT,
        user: USER,
        corpus: Name::literal("channel"),
        source: Name::literal("test"),
        limit: 10,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now: NOW,
        deadline: Deadline::after(days(1)),
        seed: 0,
    }
}

/// What a filter is asked to judge.
pub(crate) struct Case {
    query: Query,
    candidates: Candidates,
    columns: Vec<(Name, Vec<Option<Value>>)>,
    unknown: Vec<usize>,
    relations: Option<Vec<(Name, Arc<RelationSet>)>>,
    attributes: bool,
}

impl Case {
    /// Candidates 1 to `n`, all known, without attributes, relations unavailable.
    pub(crate) fn of(n: u64) -> Self {
        let candidates = Candidates::merge(&[Proposals::unscored((1..=n).map(EntityId).collect())]);
        let (columns, unknown) = (Vec::new(), Vec::new());
        Case { query: query(), candidates, columns, unknown, relations: None, attributes: true }
    }

    pub(crate) fn attribute(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = Option<Value>>,
    ) -> Self {
        self.columns.push((Name::literal(name), values.into_iter().collect()));
        self
    }

    /// The catalog does not hold the entity of this row.
    pub(crate) fn unknown(mut self, row: usize) -> Self {
        self.unknown.push(row);
        for (_, column) in &mut self.columns {
            column[row] = None;
        }
        self
    }

    pub(crate) fn without_attributes(mut self) -> Self {
        self.attributes = false;
        self
    }

    pub(crate) fn relation(self, kind: &'static str, entities: &[u64]) -> Self {
        let ties: Vec<_> = entities.iter().map(|id| (*id, NOW.before(days(1)))).collect();
        self.relation_since(kind, &ties)
    }

    pub(crate) fn relation_since(mut self, kind: &'static str, ties: &[(u64, Timestamp)]) -> Self {
        let tie = |&(id, since): &(u64, Timestamp)| Relation { entity: EntityId(id), since, weight: 1.0 };
        let set = Arc::new(RelationSet::new(ties.iter().map(tie).collect()));
        self.relations.get_or_insert_default().push((Name::literal(kind), set));
        self
    }

    pub(crate) fn seeds(mut self, seeds: &[u64]) -> Self {
        self.query.seeds = seeds.iter().copied().map(EntityId).collect();
        self
    }
}

impl Case {
    async fn judge(&self, filter: &dyn Filter) -> Result<Vec<Option<&'static str>>, ComponentError> {
        let rows = self.candidates.len();
        let names: Vec<Name> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut table = AttributeTable::new(rows, &names);
        for row in (0..rows).filter(|row| !self.unknown.contains(row)) {
            table.set_known(row);
        }
        for (at, (_, column)) in self.columns.iter().enumerate() {
            table.column_mut(at).copy_from_slice(column);
        }
        let relations = self.relations.clone().map(Relations::new);
        let view = View {
            query: &self.query,
            candidates: &self.candidates,
            attributes: self.attributes.then_some(&table),
            user: None,
            relations: relations.as_ref(),
        };
        let mut verdicts = Verdicts::keep_all(rows);
        filter.judge(&view, &mut verdicts).await?;
        Ok((0..rows).map(|row| verdicts.verdict(row).map(|(_, reason)| reason)).collect())
    }
}

/// What a filter over tables says about each candidate; `None` is keep.
pub(crate) fn reasons(filter: &dyn Filter, case: &Case) -> Result<Vec<Option<&'static str>>, ComponentError> {
    case.judge(filter).now_or_never().expect("no filter over tables waits")
}

/// What a filter over a store says about each candidate; `None` is keep.
pub(crate) async fn reasons_in(filter: &dyn Filter, case: &Case) -> Vec<Option<&'static str>> {
    case.judge(filter).await.expect("the store answers")
}

/// Stores with interactions in [`TENANT`]: (user, entity, kind, time).
pub(crate) async fn stores_with(
    events: impl IntoIterator<Item = (u64, u64, &'static str, Timestamp)>,
) -> Stores {
    let stores = Stores::in_memory(IdCodec::new([0; 16]));
    let interaction = |(id, (user, entity, kind, time))| Interaction {
        id: InteractionId(id),
        request: None,
        tenant: TENANT,
        user: UserId(user),
        corpus: Name::literal("channel"),
        entity: EntityId(entity),
        kind: Name::literal(kind),
        time,
        value: 1.0,
    };
    let interactions = (1..).zip(events).map(interaction).collect();
    let batch = WriteBatch { interactions, ..WriteBatch::default() };
    stores.writer.write(TENANT, batch).await.expect("the batch is well formed");
    stores
}
