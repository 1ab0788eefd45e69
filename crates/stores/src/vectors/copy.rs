//! Copying the vectors of a folder into another store.

use std::path::Path;

use recommend_core::{Name, TenantId};
use tokio::sync::mpsc;

use super::durable::{Disk, Found};
use super::{Comparison, Place, Probe, Shape, Side, VectorError, VectorStore};
use crate::StoreError;

/// Vectors written together.
const TOGETHER: usize = 2_048;

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Embeddings, each counted once for every tenant.
    pub embeddings: usize,
    /// Vectors of users and entities.
    pub vectors: u64,
    /// How many of them were compared with what the other store has.
    pub compared: u64,
    /// What is not there as it was written.
    pub differences: Vec<String>,
}

/// Vectors of one place.
type Batch = (Place, Vec<(u64, Vec<f32>)>);

/// What is read, in the order of the file: all shapes first.
enum Part {
    Shape(TenantId, Name, Shape),
    Vectors(Batch),
}

/// Copies the vectors in `folder`, where no process may have them open, into another store, and compares some of each batch
/// and all counts. What is there already under the same ids is replaced, so that it may be run again after an interruption.
/// `each` is told how many more were written. Running means are copied as the vectors that they are, and go on with what comes
/// after that alone.
///
/// # Errors
/// When the file is in use or damaged, when the other store cannot be written, or holds another embedding of a name.
pub async fn copy(
    folder: &Path,
    to: &dyn VectorStore,
    mut each: impl FnMut(u64),
) -> Result<Copied, VectorError> {
    let (send, mut parts) = mpsc::channel(4);
    let path = folder.to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&path, &send));
    let mut copied = Copied::default();
    let mut tenants = Vec::new();
    let mut shapes = std::collections::HashMap::new();
    while let Some(part) = parts.recv().await {
        match part {
            Part::Shape(tenant, embedding, shape) => {
                to.define(tenant, &embedding, shape).await?;
                copied.embeddings += 1;
                tenants.push(tenant);
                shapes.insert((tenant, embedding), (shape, [0_usize; 2]));
            }
            Part::Vectors((place, vectors)) => {
                to.upsert(&place, &vectors).await?;
                let Some((shape, counts)) = shapes.get_mut(&(place.tenant, place.embedding.clone())) else {
                    continue;
                };
                counts[usize::from(place.side == Side::Entity)] += vectors.len();
                if let Some((id, vector)) = vectors.first() {
                    copied.compared += 1;
                    copied.differences.extend(differs(to, &place, *shape, *id, vector).await?);
                }
                copied.vectors += vectors.len() as u64;
                each(vectors.len() as u64);
            }
        }
    }
    let read = reading.await.map_err(|error| VectorError::Unavailable(error.to_string()))?;
    read?;
    tenants.dedup();
    for tenant in tenants {
        for there in to.describe(tenant).await? {
            let Some((_, here)) = shapes.get(&(tenant, there.embedding.clone())) else { continue };
            // More may have been there before.
            if there.users < here[0] || there.entities < here[1] {
                copied.differences.push(format!(
                    "{} of tenant {}: {} users and {} entities were written, {} and {} are there",
                    there.embedding, tenant.0, here[0], here[1], there.users, there.entities
                ));
            }
        }
    }
    Ok(copied)
}

/// What is wrong with a vector that was written, if anything: it is not as near to itself as it must be.
async fn differs(
    to: &dyn VectorStore,
    place: &Place,
    shape: Shape,
    id: u64,
    vector: &[f32],
) -> Result<Option<String>, VectorError> {
    let found = to.similarities(place, &Probe::Vector(vector.to_vec()), &[id]).await?;
    let expected = match shape.comparison {
        Comparison::Cosine => 1.0,
        Comparison::Dot => vector.iter().map(|x| x * x).sum::<f32>(),
    };
    // As exact as the least exact way to keep numbers.
    let same = found.first().is_some_and(|found| (found - expected).abs() <= 0.03 * expected.abs().max(1e-6));
    Ok((!same).then(|| {
        let Place { tenant, embedding, side } = place;
        format!("{side:?} {id} of {embedding} of tenant {}: {found:?} instead of {expected}", tenant.0)
    }))
}

/// Reads the folder, and stops sending when nobody takes it.
fn read(folder: &Path, send: &mpsc::Sender<Part>) -> Result<(), StoreError> {
    let mut pending: Option<Batch> = None;
    let give = |part| {
        // Whoever stopped taking says why.
        let _ = send.blocking_send(part);
    };
    let disk = Disk::open(folder, |found| match found {
        Found::Shape(tenant, name, shape) => give(Part::Shape(tenant, name, shape)),
        Found::Vector(tenant, name, side, id, vector) => {
            let same = pending.as_ref().is_some_and(|(place, held)| {
                place.tenant == tenant
                    && place.embedding.as_str() == name
                    && place.side == side
                    && held.len() < TOGETHER
            });
            if !same {
                if let Some(full) = pending.take() {
                    give(Part::Vectors(full));
                }
                let Ok(embedding) = Name::new(name) else { return };
                pending = Some((Place { tenant, embedding, side }, Vec::new()));
            }
            if let Some((_, held)) = &mut pending {
                held.push((id, vector));
            }
        }
        // What a vector is the mean of stays behind.
        Found::Mean(..) => {}
    })?;
    if let Some(last) = pending {
        give(Part::Vectors(last));
    }
    disk.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{EmbeddedVectors, Precision, VectorOptions};
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_has_everything_and_may_be_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let names = [Name::literal("films"), Name::literal("tastes")];
        let vector = |id: u64| (0..8).map(|at| ((id * 7 + at * 13) % 29) as f32 - 14.0).collect::<Vec<_>>();
        {
            let from = EmbeddedVectors::open(folder.path(), VectorOptions::default()).unwrap();
            for (tenant, name, precision) in [
                (TenantId(1), &names[0], Precision::F32),
                (TenantId(1), &names[1], Precision::I8),
                (TenantId(2), &names[0], Precision::F16),
            ] {
                let shape = Shape { dimension: 8, comparison: Comparison::Dot, precision };
                from.define(tenant, name, shape).await.unwrap();
                let all: Vec<_> = (0..3_000).map(|id| (id, vector(id + tenant.0))).collect();
                from.upsert(&Place::entities(tenant, name), &all).await.unwrap();
                from.upsert(&Place::users(tenant, name), &all[..5]).await.unwrap();
            }
        }
        let to = EmbeddedVectors::in_memory(VectorOptions::default());
        for _ in 0..2 {
            let mut written = 0;
            let copied = copy(folder.path(), &to, |more| written += more).await.unwrap();
            assert_eq!((copied.embeddings, copied.vectors, written), (3, 9_015, 9_015));
            assert!(copied.differences.is_empty(), "{:?}", copied.differences);
            assert!(copied.compared >= 9);
        }
        let from = EmbeddedVectors::open(folder.path(), VectorOptions::default()).unwrap();
        for tenant in [TenantId(1), TenantId(2)] {
            assert_eq!(to.describe(tenant).await.unwrap(), from.describe(tenant).await.unwrap());
            let ids: Vec<u64> = (0..3_000).collect();
            let probe = Probe::Vector(vector(9));
            let place = Place::entities(tenant, &names[0]);
            let of = async |store: &EmbeddedVectors| store.similarities(&place, &probe, &ids).await.unwrap();
            for (here, there) in of(&from).await.into_iter().zip(of(&to).await) {
                assert!((here - there).abs() <= 1e-3 * here.abs().max(1.0), "{here} {there}");
            }
        }
        drop(from);
        let other = EmbeddedVectors::in_memory(VectorOptions::default());
        let shape = Shape { dimension: 3, comparison: Comparison::Dot, precision: Precision::F32 };
        other.define(TenantId(1), &names[0], shape).await.unwrap();
        let error = copy(folder.path(), &other, |_| {}).await.unwrap_err();
        assert!(matches!(error, VectorError::Differs { .. }), "{error}");
    }
}
