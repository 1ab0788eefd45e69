//! Interactions: what users did.

use crate::ids::{EntityId, InteractionId, RequestId, TenantId, UserId};
use crate::names::Name;
use crate::time::Timestamp;

/// What a user did with an entity: click, join, dismiss, message…
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// Recorded at most once under this id.
    pub id: InteractionId,
    /// The request whose impression this answers, if any.
    pub request: Option<RequestId>,
    /// Whose data this is.
    pub tenant: TenantId,
    /// Who did it.
    pub user: UserId,
    /// The corpus of the entity; the same number may be a channel and a user.
    pub corpus: Name,
    /// With what it was done.
    pub entity: EntityId,
    /// What was done.
    pub kind: Name,
    /// When it was done.
    pub time: Timestamp,
    /// How much: minutes, stars, 1.0 when nothing else is known. Finite.
    pub value: f32,
}
