//! How many users entities have in common, from their rows: all that are needed come in one look-up.

use recommend_core::EntityId;
use rustc_hash::FxHashMap;

use super::event_view::EventView;
use super::event_view::others::Others;
use super::keys::{RowKind, RowRef};
use super::read_interactions::note;
use super::store::RedisStore;
use crate::embedded::timeline::held;
use crate::error::StoreError;
use crate::interactions::{CoInteraction, Subject};

impl RedisStore {
    pub(super) async fn shared_users(
        &self,
        subject: &Subject<'_>,
        partners: &[EntityId],
        spec: &CoInteraction,
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        let corpus = spec.corpus.as_ref().unwrap_or(subject.corpus);
        note(&self.counted, corpus);
        let key = |entity: &EntityId| RowRef {
            kind: RowKind::Entity,
            tenant: subject.tenant,
            corpus,
            id: entity.0,
        };
        let wanted: Vec<RowRef<'_>> = partners.iter().chain(subject.entities).map(key).collect();
        let loaded = self.rows.load(&wanted).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        let (of_partners, of_entities) = loaded.rows.split_at(partners.len());
        let now = held(subject.now).0;
        let after = spec.after(subject.now).map(|after| held(after).0);
        let whole = of_partners.iter().all(Option::is_some);
        let partners =
            Others::of(of_partners.iter().flatten().filter_map(|row| row.events()), &spec.kinds, after, now);
        // Candidates that come twice are compared once.
        let mut known: FxHashMap<EntityId, f32> = FxHashMap::default();
        for ((entity, row), out) in subject.entities.iter().zip(of_entities).zip(out) {
            *out = *known.entry(*entity).or_insert_with(|| match row.as_ref().map(|row| row.events()) {
                Some(Some(events)) if whole => shared(events, &partners, spec, after, now),
                // What needs a row that did not come is missing.
                _ => f32::NAN,
            });
        }
        match loaded.trouble {
            Some(reason) => Err(StoreError::Partial { reason: reason.to_string() }),
            None => Ok(()),
        }
    }
}

fn shared(
    events: &EventView,
    partners: &Others<'_>,
    spec: &CoInteraction,
    after: Option<i64>,
    now: i64,
) -> f32 {
    Others::of(std::iter::once(events), &spec.kinds, after, now).shared(partners) as f32
}
