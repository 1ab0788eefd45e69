//! What the filters share: the tables they read, and the error for when a table was not loaded.

use recommend_core::{AttributeTable, ComponentError, EntityId, RelationSet, Value, Verdicts, View};
use recommend_stores::{AggregateSpec, InteractionStore, Subject};

/// The candidates' attributes.
pub(crate) fn attributes<'a>(view: &View<'a>) -> Result<&'a AttributeTable, ComponentError> {
    view.attributes.ok_or_else(|| not_loaded("the candidates' attributes"))
}

/// One column of the candidates' attributes.
pub(crate) fn attribute<'a>(view: &View<'a>, name: &str) -> Result<&'a [Option<Value>], ComponentError> {
    attributes(view)?.column(name).ok_or_else(|| not_loaded(&format!("the attribute {name:?}")))
}

/// The user's ties of one kind.
pub(crate) fn relation<'a>(view: &View<'a>, kind: &str) -> Result<&'a RelationSet, ComponentError> {
    view.relations.and_then(|r| r.get(kind)).ok_or_else(|| not_loaded(&format!("the relation {kind:?}")))
}

fn not_loaded(what: &str) -> ComponentError {
    ComponentError::Unavailable { dependency: "the catalog", reason: format!("{what} could not be loaded") }
}

/// One aggregate of every candidate that is still kept, as (row, value), in one call to the store.
pub(crate) async fn aggregate_kept(
    store: &dyn InteractionStore,
    view: &View<'_>,
    verdicts: &Verdicts,
    spec: &AggregateSpec,
) -> Result<Vec<(usize, f32)>, ComponentError> {
    let (query, ids) = (view.query, view.candidates.ids());
    let rows: Vec<usize> = (0..verdicts.rows()).filter(|row| verdicts.kept(*row)).collect();
    let entities: Vec<EntityId> = rows.iter().map(|row| ids[*row]).collect();
    let (tenant, user, corpus, now) = (query.tenant, query.user, &query.corpus, query.now);
    let mut values = vec![f32::NAN; rows.len()];
    let subject = Subject { tenant, user, corpus, entities: &entities, now };
    store.aggregate(&subject, std::slice::from_ref(spec), &mut values).await?;
    Ok(rows.into_iter().zip(values).collect())
}

/// Declares a plain value that stands for a filter with its usual settings, so that `.filter(NotPrivate)` reads as a
/// sentence. Names are reference counted, so a constant of the filter itself is not possible.
macro_rules! short_name {
    ($(#[$doc:meta])* $name:ident => $filter:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name;

        impl From<$name> for recommend_core::Component<dyn recommend_core::Filter> {
            fn from(_: $name) -> Self {
                $filter.into()
            }
        }
    };
}
pub(crate) use short_name;
