//! Changes: what a batch comes down to, with everything resolved and nothing that is already so.

use recommend_core::{EntityId, Interaction, Name, Timestamp, UserId, Value};

use super::timeline::held;

/// One change of a tenant's state. Each says the whole new state of what it names, so that applying it needs nothing
/// else and storing it is one record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// The tenant's string.
    Tenant(Box<str>),
    /// The string of a hashed id.
    Name(u64, Box<str>),
    /// All attributes of an entity by name, or that it is gone.
    Entity { corpus: Name, entity: EntityId, attributes: Option<Vec<(Name, Value)>> },
    /// A tie, or that it is gone.
    Relation { user: UserId, kind: Name, corpus: Name, entity: EntityId, tie: Option<(Timestamp, f32)> },
    /// A new interaction.
    Interaction(Interaction),
    /// All stored feature values of an entity or of a pair, by name.
    Features { corpus: Name, entity: EntityId, user: Option<UserId>, values: Vec<(Name, f32)> },
}

/// The changes of one batch, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) list: Vec<Change>,
    /// How many interactions came that are older than what is kept.
    pub(crate) late: usize,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many interactions there are, and the time of the newest.
    pub(crate) fn interactions(&self) -> (usize, Timestamp) {
        let times = self.list.iter().filter_map(|change| match change {
            Change::Interaction(interaction) => Some(held(interaction.time)),
            _ => None,
        });
        times.fold((0, Timestamp(i64::MIN)), |(count, newest), time| (count + 1, newest.max(time)))
    }
}
