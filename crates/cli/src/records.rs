//! What an import writes: rows with the strings of the data, before they become numbers here or travel to a server.

use recommend_core::{Name, RequestId, Timestamp};

/// What a user did with an entity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InteractionRow {
    /// Recorded at most once under this id.
    pub(crate) id: String,
    /// The request that it answers.
    pub(crate) request: Option<RequestId>,
    /// Who.
    pub(crate) user: String,
    /// The corpus of the entity.
    pub(crate) corpus: Name,
    /// With what.
    pub(crate) entity: String,
    /// What was done.
    pub(crate) kind: Name,
    /// When.
    pub(crate) time: Timestamp,
    /// How much; finite.
    pub(crate) value: f32,
}

/// An entity and some of its attributes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntityRow {
    /// Its corpus.
    pub(crate) corpus: Name,
    /// Which.
    pub(crate) id: String,
    /// What to set; others stay.
    pub(crate) attributes: Vec<(Name, Attribute)>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    /// Yes or no.
    Flag(bool),
    /// Finite.
    Number(f64),
    /// A moment.
    Time(Timestamp),
    /// A word or an id, 1 to 64 bytes.
    Word(String),
}

/// A tie to add or remove.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RelationRow {
    /// Who.
    pub(crate) user: String,
    /// Which kind.
    pub(crate) kind: Name,
    /// The corpus of the entity.
    pub(crate) corpus: Name,
    /// To what.
    pub(crate) entity: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// How strong; finite.
    pub(crate) weight: f32,
    /// Removes the tie instead.
    pub(crate) remove: bool,
}

/// What is written together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Batch {
    /// Entities, first.
    pub(crate) entities: Vec<EntityRow>,
    /// Relations.
    pub(crate) relations: Vec<RelationRow>,
    /// Interactions.
    pub(crate) interactions: Vec<InteractionRow>,
}

impl Batch {
    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.entities.len() + self.relations.len() + self.interactions.len()
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Entities put.
    pub(crate) entities: u64,
    /// Relations put or removed.
    pub(crate) relations: u64,
    /// Interactions that were new.
    pub(crate) new: u64,
    /// Interactions that were there already.
    pub(crate) known: u64,
}

impl std::ops::AddAssign for Written {
    fn add_assign(&mut self, other: Written) {
        self.entities += other.entities;
        self.relations += other.relations;
        self.new += other.new;
        self.known += other.known;
    }
}
