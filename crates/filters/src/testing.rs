//! Cases for the tests of filters: candidates 1, 2, 3… with what a look-up loaded about them.

use std::sync::Arc;

use futures::FutureExt;
use recommend_core::{
    AttributeTable, Candidates, ComponentError, Deadline, EntityId, Filter, Name, Proposals, Query, Relation,
    RelationSet, Relations, RequestId, TenantId, Timestamp, UserId, Value, Verdicts, View, days,
};

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

/// What the filter says about each candidate; `None` is keep.
pub(crate) fn reasons(filter: &dyn Filter, case: &Case) -> Result<Vec<Option<&'static str>>, ComponentError> {
    let rows = case.candidates.len();
    let names: Vec<Name> = case.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut table = AttributeTable::new(rows, &names);
    for row in (0..rows).filter(|row| !case.unknown.contains(row)) {
        table.set_known(row);
    }
    for (at, (_, column)) in case.columns.iter().enumerate() {
        table.column_mut(at).copy_from_slice(column);
    }
    let relations = case.relations.clone().map(Relations::new);
    let view = View {
        query: &case.query,
        candidates: &case.candidates,
        attributes: case.attributes.then_some(&table),
        user: None,
        relations: relations.as_ref(),
    };
    let mut verdicts = Verdicts::keep_all(rows);
    filter.judge(&view, &mut verdicts).now_or_never().expect("no filter over tables waits")?;
    Ok((0..rows).map(|row| verdicts.verdict(row).map(|(_, reason)| reason)).collect())
}
