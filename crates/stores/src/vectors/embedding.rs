//! One embedding of a tenant in the embedded store: its two sides, and the order of writes to them.

use std::sync::Arc;

use parking_lot::Mutex;

use super::durable::Disk;
use super::means::{AllKept, KeptOf};
use super::space::Space;
use super::{Place, Shape, Side, VectorError, VectorOptions};

/// The two sides of an embedding.
pub(super) struct Embedding {
    pub(super) shape: Shape,
    pub(super) users: Arc<Space>,
    pub(super) entities: Arc<Space>,
    /// Whoever writes, so that memory and disk see writes in one order; and what is known of vectors that are means.
    pub(super) writing: Mutex<AllKept>,
}

impl Embedding {
    pub(super) fn new(shape: Shape, options: VectorOptions) -> Self {
        let space = || Arc::new(Space::new(shape, options));
        Embedding { shape, users: space(), entities: space(), writing: Mutex::default() }
    }

    pub(super) fn side(&self, side: Side) -> &Arc<Space> {
        match side {
            Side::User => &self.users,
            Side::Entity => &self.entities,
        }
    }

    /// Writes vectors, to the disk first, together with what they are now the means of.
    pub(super) fn write(
        &self,
        disk: Option<&Disk>,
        place: &Place,
        vectors: &[(u64, Vec<f32>)],
        kept: &[KeptOf],
        known: &mut AllKept,
    ) -> Result<(), VectorError> {
        let space = self.side(place.side);
        if let Some(id) = space.incomparable(vectors) {
            return Err(VectorError::NotComparable(*id));
        }
        if let Some(disk) = disk {
            disk.upsert(place, self.shape, vectors, kept)?;
        }
        space.upsert(vectors);
        for (id, kept) in kept {
            match kept {
                Some(kept) => known.insert((place.side, *id), *kept),
                None => known.remove(&(place.side, *id)),
            };
        }
        Ok(())
    }

    /// Removes vectors, from the disk first.
    pub(super) fn remove(&self, disk: Option<&Disk>, place: &Place, ids: &[u64]) -> Result<(), VectorError> {
        let mut known = self.writing.lock();
        if let Some(disk) = disk {
            disk.delete(place, ids)?;
        }
        self.side(place.side).delete(ids);
        for id in ids {
            known.remove(&(place.side, *id));
        }
        Ok(())
    }
}
