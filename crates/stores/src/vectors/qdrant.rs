//! Vectors in Qdrant: for more of them than one machine should hold, and for replicas that share them.
//!
//! **Tenants** share the collections of an embedding, one for each side, and are partitions of them: the payload `tenant` has
//! an index by which Qdrant keeps what belongs to one together, there is a graph for each tenant and none over all, and every
//! search, count and scroll filters by it. A point's id is made of the tenant's number and the vector's own, so that no write can reach
//! another's. An answer with a point of another tenant is an error and shown to nobody.
//!
//! **What an embedding is** stands in the collection `‹prefix›.embeddings`. The vectors of `user-channel` with 64 numbers
//! are in `‹prefix›.user-channel.64.cosine.f32.users` and `….entities`, which are made when the first tenant defines it.
//! [`Precision::F16`](super::Precision::F16) is Qdrant's `float16`; with [`Precision::I8`](super::Precision::I8) codes of one byte are in memory and the numbers
//! on its disk. Searches by codes are compared in full ([`QdrantOptions::quantise`]).
//!
//! **Trouble.** Every call has a time. What may pass by itself is asked again after a pause that doubles and is partly
//! chance; after five failures in a row nobody asks for a while, and then one asks for all. A connection that nothing comes
//! through is made anew. Components say what failed, and go on without it.
//!
//! **What differs** from the embedded store: above some thousands of vectors in a tenant nearness is found by a graph and may miss
//! some; of several that are equally near at the end of a search, Qdrant chooses; [`Among::Where`] asks in growing rounds.
//! Similarities are always exact. Means are written as the vectors that they are: one cannot go on from there
//! ([`VectorError::NoRunningMeans`]).

mod answers;
mod calls;
mod collections;
#[cfg(feature = "contract")]
pub mod exact;
mod link;
mod messages;
mod stats;

use async_trait::async_trait;
use futures::future::try_join;
use parking_lot::RwLock;
use qdrant_client::qdrant::Filter;
use recommend_core::{Name, TenantId};
use rustc_hash::FxHashMap;
use tonic::Code;

use self::link::{Link, Within};
use super::{
    Among, EmbeddingSummary, MAX_DIMENSION, Near, Place, Probe, QdrantOptions, RemoteSnapshot, Shape, Side,
    VectorError, VectorStore, fits,
};

/// The most numbers in one request of a write: 2 MiB of them.
const NUMBERS: usize = 1 << 19;

/// Vectors in a Qdrant.
///
/// ```no_run
/// use recommend_stores::vectors::{QdrantOptions, QdrantVectors};
///
/// # async fn open() -> Result<(), recommend_stores::vectors::VectorError> {
/// let options = QdrantOptions { api_key: std::env::var("QDRANT_API_KEY").ok(), ..QdrantOptions::at("http://127.0.0.1:6334") };
/// let vectors = QdrantVectors::open(options).await?;
/// # Ok(())
/// # }
/// ```
pub struct QdrantVectors {
    link: Link,
    options: QdrantOptions,
    /// What is known of embeddings, which rarely change.
    shapes: RwLock<FxHashMap<(TenantId, Name), Shape>>,
}

impl std::fmt::Debug for QdrantVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QdrantVectors({})", self.link.place())
    }
}

impl QdrantVectors {
    /// Vectors at an address, which is asked nothing yet.
    ///
    /// # Errors
    /// [`VectorError::Unavailable`] when the address or the key cannot be one.
    pub fn new(options: QdrantOptions) -> Result<Self, VectorError> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if !(1..=64).contains(&options.prefix.len()) || !options.prefix.bytes().all(fine) {
            let reason = "is no prefix for collections; choose 1 to 64 of a-z, 0-9, - and _";
            return Err(VectorError::Unavailable(format!("{:?} {reason}", options.prefix)));
        }
        let link = Link::new(&options)?;
        Ok(QdrantVectors { link, options, shapes: RwLock::default() })
    }

    /// Vectors at an address, which is asked whether it takes the key. A Qdrant that does not answer is no error: it may
    /// come, and until then whoever needs vectors goes without them.
    ///
    /// # Errors
    /// [`VectorError::Unavailable`] when the address cannot be one, or the server there does not take the key, or is no Qdrant.
    pub async fn open(options: QdrantOptions) -> Result<Self, VectorError> {
        let vectors = QdrantVectors::new(options)?;
        match vectors.exists(&vectors.definitions()).await {
            Ok(_) => {}
            Err(refusal) => {
                let theirs = [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented];
                let wrong = refusal.code.is_some_and(|code| theirs.contains(&code));
                let error = VectorError::from(refusal);
                if wrong {
                    return Err(error);
                }
                tracing::warn!(%error, "there are no vectors until Qdrant answers");
            }
        }
        Ok(vectors)
    }

    /// The vector of a probe, if anything of it is there.
    async fn vector(
        &self,
        place: &Place,
        shape: Shape,
        probe: &Probe,
    ) -> Result<Option<Vec<f32>>, VectorError> {
        let vector = match probe {
            Probe::Vector(vector) => {
                fits(&place.embedding, shape, vector)?;
                vector.clone()
            }
            Probe::Sum(_, parts) if parts.is_empty() => return Ok(None),
            Probe::Sum(side, parts) => {
                let ids = parts.iter().map(|(id, _)| messages::point(place.tenant, *id)).collect();
                let request = messages::vectors_of(self.collection(&place.embedding, shape, *side), ids);
                let found = match self.link.ask(Within::Search, calls::get, &request).await {
                    Ok(answer) => answers::vectors(place.tenant, shape.dimension, answer.result),
                    Err(refusal) => {
                        let place = Place { side: *side, ..place.clone() };
                        return Err(self.missing(&place, shape, refusal).await);
                    }
                };
                let found = found.map_err(|nonsense| self.nonsense(&nonsense))?;
                if found.is_empty() {
                    return Ok(None);
                }
                // In the order of the parts, so that the same sum comes to the same bits.
                let mut sum = vec![0.0; shape.dimension];
                for (id, weight) in parts {
                    if let Some(vector) = found.get(id) {
                        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
                    }
                }
                sum
            }
        };
        Ok(shape.comparable(&vector))
    }

    /// One search: what Qdrant found, in order.
    async fn search(
        &self,
        place: &Place,
        shape: Shape,
        vector: &[f32],
        among: Among<'_>,
        limit: usize,
        exact: bool,
    ) -> Result<Vec<Near>, VectorError> {
        let mut filter: Filter = messages::of_tenant(place.tenant);
        match among {
            Among::Only(ids) => filter.must.push(messages::one_of(place.tenant, ids.iter().copied())),
            Among::Except(ids) if !ids.is_empty() => {
                filter.must_not.push(messages::one_of(place.tenant, ids.iter().copied()));
            }
            Among::Except(_) | Among::All | Among::Where(_) => {}
        }
        let collection = self.collection(&place.embedding, shape, place.side);
        let request = messages::search(collection, vector.to_vec(), filter, limit, exact);
        match self.link.ask(Within::Search, calls::query, &request).await {
            Ok(found) => {
                answers::near(place.tenant, &found.result, among).map_err(|nonsense| self.nonsense(&nonsense))
            }
            Err(refusal) => Err(self.missing(place, shape, refusal).await),
        }
    }

    /// How many vectors go into one request.
    fn batch(&self, shape: Shape) -> usize {
        self.options.batch.min(NUMBERS / shape.dimension.max(1)).max(1)
    }
}

#[async_trait]
impl VectorStore for QdrantVectors {
    async fn define(&self, tenant: TenantId, embedding: &Name, shape: Shape) -> Result<(), VectorError> {
        if !(1..=MAX_DIMENSION).contains(&shape.dimension) {
            return Err(VectorError::Shape(shape.dimension));
        }
        let differs = |known: Shape| match known == shape {
            true => Ok(()),
            false => Err(VectorError::Differs { embedding: embedding.clone(), known, wanted: shape }),
        };
        let known = self.defined_as(tenant, embedding, Within::Write).await?;
        known.map_or(Ok(()), differs)?;
        // Also when it is known: somebody may have removed a collection.
        for side in [Side::User, Side::Entity] {
            self.ensure(&self.collection(embedding, shape, side), shape).await?;
        }
        if known.is_none() {
            // Last, so that what is defined has its collections.
            self.ensure(&self.definitions(), messages::OF_DEFINITIONS).await?;
            let request = messages::define(self.definitions(), tenant, embedding, shape);
            self.link.ask(Within::Write, calls::upsert, &request).await?;
            // Another process may have been first.
            self.defined_as(tenant, embedding, Within::Write).await?.map_or(Ok(()), differs)?;
        }
        self.shapes.write().insert((tenant, embedding.clone()), shape);
        Ok(())
    }

    async fn upsert(&self, place: &Place, vectors: &[(u64, Vec<f32>)]) -> Result<(), VectorError> {
        let shape = self.shape(place.tenant, &place.embedding).await?;
        vectors.iter().try_for_each(|(_, vector)| fits(&place.embedding, shape, vector))?;
        if let Some((id, _)) = vectors.iter().find(|(_, vector)| shape.comparable(vector).is_none()) {
            return Err(VectorError::NotComparable(*id));
        }
        for batch in vectors.chunks(self.batch(shape)) {
            let point = |(id, vector): &(u64, Vec<f32>)| {
                Some(messages::stored(place.tenant, *id, shape.comparable(vector)?))
            };
            let points = batch.iter().filter_map(point).collect();
            let request = messages::put(self.collection(&place.embedding, shape, place.side), points);
            if let Err(refusal) = self.link.ask(Within::Write, calls::upsert, &request).await {
                return Err(self.missing(place, shape, refusal).await);
            }
        }
        Ok(())
    }

    async fn delete(&self, place: &Place, ids: &[u64]) -> Result<(), VectorError> {
        let shape = self.shape(place.tenant, &place.embedding).await?;
        for batch in ids.chunks(self.options.batch.max(1)) {
            let points = batch.iter().map(|id| messages::point(place.tenant, *id)).collect();
            let request = messages::remove(self.collection(&place.embedding, shape, place.side), points);
            if let Err(refusal) = self.link.ask(Within::Write, calls::delete, &request).await {
                return Err(self.missing(place, shape, refusal).await);
            }
        }
        Ok(())
    }

    fn remote(&self) -> Option<RemoteSnapshot> {
        Some(self.link.stats())
    }

    async fn nearest(
        &self,
        place: &Place,
        probe: &Probe,
        k: usize,
        among: Among<'_>,
    ) -> Result<Vec<Near>, VectorError> {
        let shape = self.shape(place.tenant, &place.embedding).await?;
        if let Probe::Vector(vector) = probe {
            fits(&place.embedding, shape, vector)?;
        }
        let nothing = k == 0 || matches!(among, Among::Only(ids) if ids.is_empty());
        if nothing {
            return Ok(Vec::new());
        }
        let Some(vector) = self.vector(place, shape, probe).await? else { return Ok(Vec::new()) };
        let Among::Where(holds) = among else {
            let mut near = self.search(place, shape, &vector, among, k, false).await?;
            near.truncate(k);
            return Ok(near);
        };
        // Qdrant cannot be told what holds: more and more are asked for, until enough of them do.
        let mut limit = k.saturating_mul(4).max(64);
        loop {
            let mut near = self.search(place, shape, &vector, among, limit, false).await?;
            let all = near.len() < limit;
            near.retain(|near| holds(near.id));
            if near.len() >= k || all {
                near.truncate(k);
                return Ok(near);
            }
            limit = limit.saturating_mul(4);
        }
    }

    async fn similarities(&self, place: &Place, probe: &Probe, ids: &[u64]) -> Result<Vec<f32>, VectorError> {
        let shape = self.shape(place.tenant, &place.embedding).await?;
        if let Probe::Vector(vector) = probe {
            fits(&place.embedding, shape, vector)?;
        }
        let missing = vec![f32::NAN; ids.len()];
        if ids.is_empty() {
            return Ok(missing);
        }
        let Some(vector) = self.vector(place, shape, probe).await? else { return Ok(missing) };
        let wanted = ids.iter().copied().collect();
        let found = self.search(place, shape, &vector, Among::Only(&wanted), wanted.len(), true).await?;
        let known: FxHashMap<u64, f32> = found.into_iter().map(|near| (near.id, near.similarity)).collect();
        Ok(ids.iter().map(|id| known.get(id).copied().unwrap_or(f32::NAN)).collect())
    }

    async fn describe(&self, tenant: TenantId) -> Result<Vec<EmbeddingSummary>, VectorError> {
        let mut all = Vec::new();
        for (embedding, shape) in self.defined(tenant).await? {
            let count = async |side| {
                let request = messages::how_many(self.collection(&embedding, shape, side), tenant);
                match self.link.ask(Within::Write, calls::count, &request).await {
                    Ok(answer) => Ok(answer.result.map_or(0, |result| result.count as usize)),
                    Err(refusal) => {
                        let place = Place { tenant, embedding: embedding.clone(), side };
                        Err(self.missing(&place, shape, refusal).await)
                    }
                }
            };
            let (users, entities) = try_join(count(Side::User), count(Side::Entity)).await?;
            all.push(EmbeddingSummary { embedding, shape, users, entities });
        }
        all.sort_by(|a, b| a.embedding.cmp(&b.embedding));
        Ok(all)
    }
}
